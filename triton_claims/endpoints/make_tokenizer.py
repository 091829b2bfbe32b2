"""Makes a tokenizer; run by a Python that has ``tokenizers`` and ``transformers``.

It is trained on GenAI-Perf's own corpus, which its synthetic prompts are cut from, where that
stands beside this Python, and knows each of its characters.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

BYTE_LEVEL = "byte-level"
METASPACE = "metaspace"
_ENTRIES = 2000
_UNKNOWN, _BEGIN, _END = "<unk>", "<s>", "</s>"
_USUAL_CHARACTERS = {*map(chr, range(33, 127)), *"\u2018\u2019\u201c\u201d\u2013\u2014\u2026"}
# Where there is no corpus: enough for a tokenizer that loads.
_OWN_TEXT = (
    "A claim is one sentence that can be false.",
    "A check decides one claim, and its verdict stands beside what was seen.",
    "The servers, the tools and the endpoints are real; what they say may be anything.",
)


def corpus() -> list[str]:
    """The lines of GenAI-Perf's corpora, with their ends; our own where it is not there."""
    found = importlib.util.find_spec("genai_perf")
    folders = list(found.submodule_search_locations or ()) if found else []
    lines = [
        line
        for folder in folders
        for path in sorted(Path(folder).rglob("*.txt"))
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True)
    ]
    return lines or list(_OWN_TEXT)


def main(kind: str, folder: str) -> None:
    """Writes a tokenizer's folder.

    Args:
        kind: ``byte-level``, as GPT-2's, or ``metaspace``, as SentencePiece's.
        folder: The folder, as ``AutoTokenizer`` loads it.
    """
    # Not among this project's own packages: they are the other Python's.
    from tokenizers import (  # type: ignore[import-not-found]  # noqa: PLC0415
        Tokenizer,
        decoders,
        models,
        pre_tokenizers,
        trainers,
    )
    from transformers import (  # type: ignore[import-not-found]  # noqa: PLC0415
        PreTrainedTokenizerFast,
    )

    lines = corpus()
    if kind == BYTE_LEVEL:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        tokenizer = Tokenizer(models.BPE(unk_token=_UNKNOWN))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        # The ends of lines too: a prompt of several lines would be cut short without them.
        alphabet = sorted(({c for line in lines for c in line} | _USUAL_CHARACTERS) - {" "})
    tokenizer.train_from_iterator(
        lines,
        trainers.BpeTrainer(
            vocab_size=_ENTRIES,
            initial_alphabet=alphabet,
            special_tokens=[_UNKNOWN, _BEGIN, _END],
            show_progress=False,
        ),
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token=_UNKNOWN, bos_token=_BEGIN, eos_token=_END
    ).save_pretrained(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
