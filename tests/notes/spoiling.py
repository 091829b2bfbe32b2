"""Spoils files of notes, for tests of what reads them."""

from __future__ import annotations

from triton_claims.errors import InputError
from triton_claims.notes.markdown import text_of
from triton_claims.notes.parsing import parse_text

PIECES = [
    b"- ",
    b"\n",
    b"\r",
    b"\n\n",
    b"# ",
    b"<!--",
    b"-->",
    b"**",
    b"    ",
    b"\t",
    b"> ",
    b"```\n",
]
PIECES += [
    b"|a|\n|-|\n",
    b"\xff",
    b"\0",
    b"\xc3",
    b"[a](b",
    b"\\",
    b"<ul>",
    b"1. ",
    b"* - + ",
    b"---",
]


def mutated(data, rng, longest=700):
    """A short stretch of a sample, spoilt in one to four ways."""
    start = rng.randrange(len(data))
    data = data[start : start + rng.randint(1, longest)]
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        to = min(len(data), at + rng.choice([0, 0, 1, 1, 5, 80]))
        piece = rng.choice(PIECES) * rng.choice([1, 1, 1, 2, 30])
        data = data[:at] + piece + data[to:]
    return data


def read_or_told(raw, path):
    """The notes, or what is told of the file; everything else escapes."""
    try:
        return parse_text(text_of(raw, path), path), None
    except InputError as problem:
        return None, str(problem)
