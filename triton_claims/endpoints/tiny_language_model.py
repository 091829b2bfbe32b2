"""A language model of random weights, small enough to be made on the spot, as llama.cpp reads it.

What it says makes no sense, and need not: a tool's figures are about when and how much is said. It
is the smallest instance of the architecture that llama.cpp calls ``llama``, in the format GGUF.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

#: The name it goes by at an endpoint.
NAME = "tiny-language-model"
#: Tokens of prompt and answer that it can hold.
CONTEXT = 32768

_MAGIC = b"GGUF"
_VERSION = 3
_ALIGNMENT = 32  # bytes
_EMBEDDING = 32  # numbers a token; a multiple of the 32 that llama.cpp computes at a time
_HEADS = 2
_FEED_FORWARD = 64
_BYTES = 256
_SYLLABLES = ("ba", "de", "fi", "go", "lu", "ma", "ne", "ri", "so", "tu")
_SEED = 2501
# So large that of hundreds of words one is all but sure to be drawn, before the end of the text or
# the half of a character, whose weights are 0.
_WORD_WEIGHT = 20.0

# GGUF's numbers for types of values, of tokens and of tensors.
_UINT32, _FLOAT32, _STRING, _ARRAY = 4, 6, 8, 9
_INT32 = 5
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
_F32 = 0


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    kind: int


def write_tiny_language_model(path: Path) -> None:
    """Writes the model's file, about 200 kB; each time the same.

    Args:
        path: The file, whose name ends in ``.gguf``.
    """
    tokens = _tokens()
    fields = _fields(tokens)
    tensors = _tensors(tokens)
    head = [_MAGIC, struct.pack("<IQQ", _VERSION, len(tensors), len(fields)), *fields]
    offset = 0
    for name, numbers in tensors.items():
        # The fastest-running dimension comes first.
        shape = numbers.shape[::-1]
        head.append(_text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape))
        head.append(struct.pack("<IQ", _F32, offset))
        offset += len(_aligned(numbers.tobytes()))
    with path.open("wb") as file:
        file.write(_aligned(b"".join(head)))
        for numbers in tensors.values():
            file.write(_aligned(numbers.tobytes()))


def _tokens() -> list[_Token]:
    special = [_Token("<unk>", _UNKNOWN), _Token("<s>", _CONTROL), _Token("</s>", _CONTROL)]
    single = [_Token(f"<0x{byte:02X}>", _BYTE) for byte in range(_BYTES)]
    # A word begins with the mark that SentencePiece sets in the place of a space.
    words = [
        _Token(f"\N{LOWER ONE EIGHTH BLOCK}{first}{second}", _NORMAL)
        for first in _SYLLABLES
        for second in _SYLLABLES
    ]
    return special + single + words


def _fields(tokens: list[_Token]) -> list[bytes]:
    numbers = {
        "llama.context_length": CONTEXT,
        "llama.embedding_length": _EMBEDDING,
        "llama.block_count": 1,
        "llama.feed_forward_length": _FEED_FORWARD,
        "llama.attention.head_count": _HEADS,
        "llama.attention.head_count_kv": _HEADS,
        "llama.rope.dimension_count": _EMBEDDING // _HEADS,
        "llama.vocab_size": len(tokens),
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
    }
    texts = {
        "general.architecture": "llama",
        "general.name": NAME,
        "tokenizer.ggml.model": "llama",
        "tokenizer.chat_template": (
            "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"
        ),
    }
    return [
        *(_text(name) + struct.pack("<I", _STRING) + _text(each) for name, each in texts.items()),
        *(_text(name) + struct.pack("<II", _UINT32, each) for name, each in numbers.items()),
        _text("llama.attention.layer_norm_rms_epsilon") + struct.pack("<If", _FLOAT32, 1e-5),
        _array("tokenizer.ggml.tokens", _STRING, [_text(each.text) for each in tokens]),
        _array("tokenizer.ggml.scores", _FLOAT32, [struct.pack("<f", 0.0) for _ in tokens]),
        _array("tokenizer.ggml.token_type", _INT32, [struct.pack("<i", t.kind) for t in tokens]),
    ]


def _tensors(tokens: list[_Token]) -> dict[str, np.ndarray]:
    random = np.random.default_rng(_SEED)

    def drawn(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype("<f4")

    def ones() -> np.ndarray:
        return np.ones(_EMBEDDING, dtype="<f4")

    is_word = np.array([[token.kind == _NORMAL] for token in tokens])
    return {
        "token_embd.weight": drawn(len(tokens), _EMBEDDING),
        "output_norm.weight": ones(),
        "output.weight": (drawn(len(tokens), _EMBEDDING) * is_word * _WORD_WEIGHT).astype("<f4"),
        "blk.0.attn_norm.weight": ones(),
        "blk.0.attn_q.weight": drawn(_EMBEDDING, _EMBEDDING),
        "blk.0.attn_k.weight": drawn(_EMBEDDING, _EMBEDDING),
        "blk.0.attn_v.weight": drawn(_EMBEDDING, _EMBEDDING),
        "blk.0.attn_output.weight": drawn(_EMBEDDING, _EMBEDDING),
        "blk.0.ffn_norm.weight": ones(),
        "blk.0.ffn_gate.weight": drawn(_FEED_FORWARD, _EMBEDDING),
        "blk.0.ffn_up.weight": drawn(_FEED_FORWARD, _EMBEDDING),
        "blk.0.ffn_down.weight": drawn(_EMBEDDING, _FEED_FORWARD),
    }


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def _array(name: str, kind: int, items: list[bytes]) -> bytes:
    return _text(name) + struct.pack("<IIQ", _ARRAY, kind, len(items)) + b"".join(items)


def _aligned(content: bytes) -> bytes:
    return content + bytes(-len(content) % _ALIGNMENT)
