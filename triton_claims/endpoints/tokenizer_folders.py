"""Tokenizers made on the spot by a tool's own Python, and what they make of texts.

None is fetched: they are trained on what stands in the tool's environment, and load offline.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from triton_claims.endpoints import count_tokens as cutting
from triton_claims.endpoints import make_tokenizer as making
from triton_claims.errors import BrokenError

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["byte-level", "metaspace"]
_TIMEOUT = 120.0  # seconds; transformers takes a few to be imported
_FILE = "tokenizer.json"


def make_tokenizer(python: Path, folder: Path, kind: Kind) -> Path:
    """Makes a tokenizer of about 2,000 entries.

    Args:
        python: A Python that has ``tokenizers`` and ``transformers``.
        folder: Where to; made here.
        kind: ``byte-level``, as GPT-2's, or ``metaspace``, as SentencePiece's.

    Returns:
        The folder, which ``AutoTokenizer`` loads.

    Raises:
        BrokenError: That Python could not make it.
    """
    _run(python, Path(making.__file__), kind, str(folder))
    if not (folder / _FILE).is_file():
        raise BrokenError(f"{python} left no {_FILE} in {folder}")
    return folder


def token_ids(python: Path, tokenizer: Path, texts: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """Cuts texts into tokens, without special tokens that frame a text.

    Args:
        python: A Python that has ``transformers``.
        tokenizer: The tokenizer's folder.
        texts: The texts.

    Returns:
        The tokens' numbers, text by text.

    Raises:
        BrokenError: That Python could not do it.
    """
    said = _run(python, Path(cutting.__file__), str(tokenizer), given=json.dumps(list(texts)))
    try:
        ids = tuple(tuple(map(int, each)) for each in json.loads(said))
    except (ValueError, TypeError):
        ids = ()
    if len(ids) != len(texts):
        raise BrokenError(f"{python} told no tokens of {len(texts)} texts: {said[-200:]!r}")
    return ids


def count_tokens(python: Path, tokenizer: Path, texts: Sequence[str]) -> tuple[int, ...]:
    """Counts the tokens of texts, without special tokens that frame a text.

    Args:
        python: A Python that has ``transformers``.
        tokenizer: The tokenizer's folder.
        texts: The texts.

    Raises:
        BrokenError: That Python could not do it.
    """
    return tuple(map(len, token_ids(python, tokenizer, texts)))


def _run(python: Path, program: Path, *arguments: str, given: str = "") -> str:
    with tempfile.TemporaryDirectory() as home:
        try:
            run = subprocess.run(
                # -I: the programs' own folder must not come before that Python's packages.
                [str(python), "-I", str(program), *arguments],
                env={
                    "PATH": "",
                    "HOME": home,
                    "TMPDIR": home,
                    "HF_HUB_OFFLINE": "1",
                    "TRANSFORMERS_VERBOSITY": "error",
                    "LC_ALL": "C.UTF-8",
                    "PYTHONUTF8": "1",
                },
                cwd=home,
                input=given,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise BrokenError(f"{python} {program.name}: {problem}") from problem
    if run.returncode:
        said = run.stderr.strip().splitlines() or ["it said nothing"]
        raise BrokenError(
            f"{python} {program.name} ended with exit code {run.returncode}: {said[-1]}"
        )
    return run.stdout
