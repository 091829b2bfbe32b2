"""What the commands print: plain lines, whatever is in them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from triton_claims.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO


def progress(line: str) -> None:
    """Prints what takes its time, without secrets."""
    say(redact(line))


def say(line: str) -> None:
    """Prints a line; whoever reads no further has seen enough, and the exit code is the answer."""
    try:
        print(plain(line, sys.stdout), flush=True)  # noqa: T201 - its purpose
    except OSError as problem:
        # What the buffer still holds must not be tried again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(problem, BrokenPipeError):
            raise


def say_all(lines: Iterable[str]) -> None:
    """Prints lines."""
    for line in lines:
        say(line)


def complain(line: str) -> None:
    """Prints bad news to stderr, as one line."""
    print(f"triton-claims: error: {plain(line, sys.stderr)}", file=sys.stderr)  # noqa: T201


def plain(line: str, stream: TextIO | None) -> str:
    """One line, whatever is in it: a file's name or a ledger may hold anything."""
    shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in line)
    encoding = getattr(stream, "encoding", None) or "utf-8"  # there may be no stdout at all
    return shown.encode(encoding, "backslashreplace").decode(encoding)
