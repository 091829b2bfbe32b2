"""A TOML file that knows its lines, so that every error can say ``FILE:LINE``.

The standard parser forgets where a value stood. :class:`Document` lets it decide what is valid, and
then walks the text once more for the positions alone.
"""

from __future__ import annotations

import bisect
import re
import sys
from typing import TYPE_CHECKING, Any

from triton_claims.errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KeyPath = tuple[str | int, ...]
"""Where a value stands: ``("note", 3, "claims")`` is ``data["note"][3]["claims"]``."""

_AT_LINE = re.compile(r"\(at line ([0-9]+), column [0-9]+\)")
_INTEGERS = range(-(2**63), 2**63)  # what TOML promises to carry


class Document:
    """One TOML file: its data, and the line of each of its values.

    Args:
        path: The file.

    Raises:
        InputError: The file is missing or unreadable, is no UTF-8 or no TOML, or holds what no data
            of this project does: an integer beyond 64 bits, a line break inside a text.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        text = _read(path)
        try:
            self.data: dict[str, Any] = tomllib.loads(text)
            self._lines = _Positions(text).lines
            unfit = next(_unfit(self.data, ()), None)
        except tomllib.TOMLDecodeError as error:
            line, reason = _place(error, text)
            raise InputError(f"found no valid TOML: {reason}", where=f"{path}:{line}") from error
        except ValueError as error:  # an integer of more digits than Python converts
            raise InputError(f"found no valid TOML: {error}", where=f"{path}:1") from error
        except RecursionError as error:
            raise InputError(
                "found values nested too deeply, expected tables, lists and plain values",
                where=f"{path}:1",
            ) from error
        if unfit is not None:
            place, reason = unfit
            raise self.error(reason, *place)

    def line_of(self, *place: str | int) -> int:
        """Give the line of a value, from 1; list positions count from 0.

        ``line_of("note", 3, "claims")`` is the line of ``claims`` in the fourth ``[[note]]``. A
        value that is not there has the line of the nearest table or list around it.
        """
        while place:
            line = self._lines.get(place)
            if line is not None:
                return line
            place = place[:-1]
        return 1

    def where(self, *place: str | int) -> str:
        """Give ``FILE:LINE`` of a value."""
        return f"{self.path}:{self.line_of(*place)}"

    def error(self, reason: str, *place: str | int) -> InputError:
        """Make the error that names the file, the line, the key and the reason."""
        what = f"{spell(place)}: {reason}" if place else reason
        return InputError(what, where=self.where(*place))


def quoted(text: str) -> str:
    """Spell a text as TOML does; one without line breaks and control characters."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def parsed_toml(text: str) -> dict[str, Any]:
    """Give the data of a text that was made, not read from a file.

    Raises:
        ValueError: It is no TOML.
    """
    return tomllib.loads(text)


def spell(place: KeyPath) -> str:
    """Spell a key path for people, list positions from 1: ``note#4.claims``."""
    spelt = ""
    for part in place:
        if isinstance(part, int):
            spelt += f"#{part + 1}"
        else:
            plain = re.fullmatch(r"[A-Za-z0-9_-]{1,60}", part) is not None
            spelt += f"{'.' if spelt else ''}{part if plain else shown(part)}"
    return spelt


def shown(value: object) -> str:
    """Show a value found, short and on one line."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an empty list" if not value else f"a list of {len(value)}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else f"{value[:57]}...")
    return str(value)


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"cannot be read: {reason}", where=f"{path}:1") from error
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"found the byte 0x{raw[error.start]:02x}, expected text in UTF-8",
            where=f"{path}:{line}",
        ) from error


def _place(error: ValueError, text: str) -> tuple[int, str]:
    """Split the parser's message into a line and a reason."""
    message = str(error)
    match = _AT_LINE.search(message)
    if match is None:  # "(at end of document)"
        return text.count("\n") + 1, message.replace(" (at end of document)", ", at the end")
    return int(match[1]), (message[: match.start()] + message[match.end() :]).strip()


def _unfit(value: object, place: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Find what TOML allows and no data of this project holds."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _unfit(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _unfit(inner, (*place, index))
    elif isinstance(value, str):
        # a line break would also slip past the "$" of a schema's pattern
        if not value.isprintable():
            yield place, "found a line break or an unprintable character, expected plain text"
    elif isinstance(value, int) and value not in _INTEGERS:
        yield place, "found a huge integer, expected one of at most 64 bits"


class _Positions:
    """The lines of all values of a text that the parser has found valid."""

    _BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
    _KEY = re.compile(r"""[ \t]*([A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')[ \t]*""")
    _STRING = re.compile(
        r'''"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\]|\\.)*"|'[^']*\'''', re.DOTALL
    )
    _PLAIN = re.compile(r"[^,\]}#\r\n]+")

    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._text = text
        self._at = 0
        self._breaks = [match.start() for match in re.finditer("\n", text)]
        self._tables: dict[KeyPath, int] = {}  # how many [[...]] of a path there were so far
        table: KeyPath = ()
        while self._next():
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)

    def _next(self) -> str:
        """Skip blanks and comments; give the character there, nothing at the end."""
        match = self._BLANK.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._text[self._at : self._at + 1]

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:  # cannot happen after the parser: it would have refused the text
            raise ValueError(f"cannot tell the lines apart from character {self._at} on")
        self._at = match.end()
        return match[0]

    def _note(self, place: KeyPath, at: int) -> None:
        self.lines.setdefault(place, bisect.bisect_left(self._breaks, at) + 1)

    def _key(self) -> KeyPath:
        parts: list[str] = []
        while True:
            part = self._take(self._KEY).strip(" \t")
            parts.append(part if part[0] not in "\"'" else tomllib.loads(f"k = {part}")["k"])
            if not self._text.startswith(".", self._at):
                return tuple(parts)
            self._at += 1

    def _header(self) -> KeyPath:
        start = self._at
        array = self._text.startswith("[[", start)
        self._at += 2 if array else 1
        *outer, last = self._key()
        self._at += 2 if array else 1
        place: KeyPath = ()
        for part in outer:
            place = self._entered((*place, part))
            self._note(place, start)
        place = (*place, last)
        self._note(place, start)
        if array:
            self._tables[place] = self._tables.get(place, 0) + 1
            place = self._entered(place)
            self._note(place, start)
        return place

    def _entered(self, place: KeyPath) -> KeyPath:
        """Step into the newest table of an array of tables."""
        count = self._tables.get(place)
        return place if count is None else (*place, count - 1)

    def _pair(self, table: KeyPath) -> None:
        start = self._at
        key = self._key()
        for end in range(1, len(key) + 1):
            self._note((*table, *key[:end]), start)
        self._at += 1  # the equals sign
        self._next()
        self._value((*table, *key))

    def _value(self, place: KeyPath) -> None:
        first = self._text[self._at]
        if first in "\"'":
            self._take(self._STRING)
        elif first == "[":
            self._at += 1
            index = 0
            while self._next() != "]":
                self._note((*place, index), self._at)
                self._value((*place, index))
                index += 1
                if self._next() == ",":
                    self._at += 1
            self._at += 1
        elif first == "{":
            self._at += 1
            while self._next() != "}":
                self._pair(place)
                if self._next() == ",":
                    self._at += 1
            self._at += 1
        else:
            self._take(self._PLAIN)
