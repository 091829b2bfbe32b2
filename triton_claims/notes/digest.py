r"""One digest for one note, whatever Markdown it is written in.

Upstream writes the same note in two shapes: on one line, or wrapped at 72 columns by a converter
that escapes ``\--``, ``\<``, ``\_`` and loses blanks around links. The normal form keeps what a
note says and drops how it is set:

1. HTML comments go; a link ``[text](address)`` becomes its text, ``<address>`` becomes ``address``.
   A changed link target is thus no changed note.
2. Compatibility characters become plain ones (NFKC: no-break space, ellipsis, trade mark sign);
   curly quotes become straight ones, dashes become hyphens.
3. The marker of a bullet, quote or heading at the start goes.
4. A backslash before punctuation or a line's end goes; what it protects stays.
5. Marks of emphasis and code (``*`` and a back quote) go. Underscores stay: they are in names.
6. All white space goes. So a wrap, a blank lost beside a link and a no-break space are the same.

Letters keep their case; nothing is reordered. The text of a note is that of its own paragraph or
bullet: bullets nested below it are notes of their own and are not part of it.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LINK = re.compile(r"\[([^\[\]]*)\]\([^()]*\)")
_ADDRESS = re.compile(r"(?<!\\)<((?:https?|mailto):[^<>\s]*)>")
_MARKER = re.compile(r"\s*(?:[-*+>]|#{1,6})\s+")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~]|\r?\n)")
_TYPOGRAPHY = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2013": "--",
        "\u2014": "---",
    }
)


def readable(text: str) -> str:
    """Give a note's text for people: its normal form, except that one blank stands for a run."""
    text = _COMMENT.sub("", text)
    text = _ADDRESS.sub(r"\1", _LINK.sub(r"\1", text))
    text = unicodedata.normalize("NFKC", text).translate(_TYPOGRAPHY)
    marker = _MARKER.match(text)
    text = text[marker.end() :] if marker else text
    text = _ESCAPE.sub(r"\1", text)
    return " ".join(text.replace("*", "").replace("`", "").split())


def normalise(text: str) -> str:
    """Give the normal form of a note's text; see the module for its rules."""
    return readable(text).replace(" ", "")


def note_digest(text: str) -> str:
    """Give the digest of a note's normal form: ``sha256:`` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(normalise(text).encode()).hexdigest()}"
