"""Upstream's notes as a file: its bytes, and the blocks that are in them.

What is read is Markdown, whoever wrote or converted it. Blocks are told apart by a Markdown
library; what is inside a paragraph stays as it was written, for the digest is made of that.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from triton_claims.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_LARGEST = 2**18
"""The largest file that can be notes, in bytes: upstream's have 12 thousand."""

_DEEPEST = 40
"""How deeply blocks may be inside one another; a bullet below another one is two deeper."""

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_BREAK = re.compile(r"\r\n?")


def read_markdown(path: Path) -> str:
    r"""Read a file of notes: UTF-8 with or without its mark, line ends as ``\n``.

    Raises:
        InputError: It cannot be read, is too large, or is not text in UTF-8: the line and the
            column, counted in bytes from 1, of the first byte that is not.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"cannot be read: {reason}", where=str(path)) from error
    return text_of(raw, path)


def text_of(raw: bytes, path: Path) -> str:
    r"""Give the text of a file's bytes, with line ends as ``\n``.

    Args:
        raw: The bytes.
        path: What they are called.

    Raises:
        InputError: They are too many, or are not text in UTF-8.
    """
    if len(raw) > _LARGEST:
        raise InputError(
            f"found more than {_LARGEST} bytes, expected a release's notes in Markdown",
            where=str(path),
        )
    if raw.startswith(_UTF_16):
        raise InputError(
            "found text in UTF-16, expected UTF-8: save it as UTF-8 first", where=f"{path}:1:1"
        )
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_text(path, raw, error.start) from error
    if "\0" in text:
        raise _not_text(path, raw, raw.index(0))
    return _BREAK.sub("\n", text)


def _not_text(path: Path, raw: bytes, at: int) -> InputError:
    start = max(raw.rfind(b"\n", 0, at), raw.rfind(b"\r", 0, at)) + 1
    line = len(re.findall(rb"\r\n?|\n", raw[:start])) + 1
    return InputError(
        f"found the byte 0x{raw[at]:02x}, expected text in UTF-8: save it as UTF-8 first",
        where=f"{path}:{line}:{at - start + 1}",
    )


def blocks_of(text: str, where: str) -> SyntaxTreeNode:
    """Tell the blocks of a text apart.

    Args:
        text: The Markdown.
        where: What it is called in errors.

    Raises:
        InputError: A comment is begun and never ended, so that all that follows is inside it; or
            bullets are nested so deeply that the library leaves out what is inside.
    """
    tokens = _parser().parse(text)
    for token in tokens:
        if token.level >= _DEEPEST - 2 and token.map:
            raise InputError(
                "found bullets or quotes nested too deeply to be read",
                where=f"{where}:{token.map[0] + 1}",
            )
    root = SyntaxTreeNode(tokens)
    for node in root.walk():
        if node.type == "html_block":
            begun = node.content.rfind("<!--")
            if begun >= 0 and "-->" not in node.content[begun:]:
                line = first_line(node) + node.content.count("\n", 0, begun)
                raise InputError(
                    "found a comment that never ends, expected '-->' after it",
                    where=f"{where}:{line}",
                )
    return root


@cache
def _parser() -> MarkdownIt:
    """The parser; inside a paragraph it parses nothing, so that the text stays as it is."""
    parser = MarkdownIt("commonmark", {"maxNesting": _DEEPEST})
    return parser.enable("table").disable("inline")


def first_line(node: SyntaxTreeNode) -> int:
    """Give a block's first line, from 1."""
    return node.map[0] + 1 if node.map else 1
