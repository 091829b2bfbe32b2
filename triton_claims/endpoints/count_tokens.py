"""Cuts texts into tokens; run by a Python that has ``transformers``.

The texts come as a JSON list on standard input, the numbers of their tokens go as a JSON list of
lists to standard output.
"""

from __future__ import annotations

import json
import sys


def main(folder: str) -> None:
    """Cuts the texts with the tokenizer in a folder, without adding special tokens."""
    # Not among this project's own packages: they are the other Python's.
    from transformers import AutoTokenizer  # type: ignore[import-not-found]  # noqa: PLC0415

    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = json.load(sys.stdin)
    ids = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    json.dump(ids, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
