"""The run's record: JSON Lines with a header, cells, claims without a check, and a footer.

It is written as the run goes and flushed line by line: a run that is killed leaves what it knew,
and no footer.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match

from triton_claims.errors import BrokenError, InputError
from triton_claims.secrets import redact_record
from triton_claims.verdicts.cell import Cell, Unchecked

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA_PATH = Path(__file__).resolve().parents[2] / "reports" / "ledger.schema.json"


class LedgerWriter:
    """Writes one run's ledger.

    The file gets its name at once, in place of an earlier run's. Two runs that write to the same
    name at the same time do not mix: each goes on writing its own file, and the name is the later
    one's.

    Args:
        path: Where the ledger is to be found.
        run: The run's id.
    """

    def __init__(self, path: Path, run: str) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        own = path.with_name(f".{path.name}-{run}")
        # A server's log may hold what is no text at all; JSON's own escapes carry it.
        self._file = own.open("w", encoding="utf-8", errors="backslashreplace", newline="\n")
        try:
            own.replace(path)
        except OSError:
            self._file.close()
            own.unlink()
            raise

    def header(self, record: Mapping[str, Any]) -> None:
        """Writes the first line."""
        self._write({"type": "header", **record})

    def cell(self, cell: Cell) -> None:
        """Writes a cell."""
        self._write({"type": "cell", **cell.to_record()})

    def unchecked(self, claim: Unchecked) -> None:
        """Writes a claim without a check."""
        self._write({"type": "unchecked", **asdict(claim)})

    def footer(self, record: Mapping[str, Any]) -> None:
        """Writes the last line."""
        self._write({"type": "footer", **record})

    def close(self) -> None:
        """Closes the file; without a footer it tells of a run that was cut off."""
        self._file.close()

    def _write(self, record: Mapping[str, Any]) -> None:
        # One write a line: what a killed run leaves ends with a whole line, or a torn last one.
        line = json.dumps(redact_record(record), ensure_ascii=False, sort_keys=False)
        self._file.write(line + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


@dataclass(frozen=True, slots=True)
class Ledger:
    """A ledger that was read back.

    Attributes:
        header: Its header's fields.
        cells: Its cells.
        unchecked: The claims of the release without a check.
        footer: Its footer's fields; None where the run was cut off.
        torn: Whether its last line is incomplete.
        path: The file it was read from.
        lines: The line that each cell was read from.
    """

    header: Mapping[str, Any]
    cells: tuple[Cell, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()
    footer: Mapping[str, Any] | None = None
    torn: bool = field(default=False)
    path: Path | None = field(default=None, compare=False)
    lines: tuple[int, ...] = field(default=(), compare=False)

    def where(self, cell: int | None = None) -> str:
        """The place of a cell, by its index, or else of the header: ``FILE:LINE``."""
        if self.path is None:
            return f"the run {self.header['run']}"
        return f"{self.path}:{1 if cell is None else self.lines[cell]}"

    @property
    def passes(self) -> bool:
        """Whether it tells of a whole run that nobody has to look at."""
        return self.truncation is None and not (self.footer or {}).get("failures")

    @property
    def truncation(self) -> str | None:
        """Why the ledger does not tell of a whole run; None where it does."""
        if self.footer is None:
            return "truncated: it has no footer, the run was killed" + (
                " in the middle of a line" if self.torn else ""
            )
        if not self.footer.get("complete"):
            return f"truncated: {self.footer.get('interrupted') or 'the run ended early'}"
        return None


def read_ledger(path: Path) -> Ledger:
    """Reads a ledger back, a truncated one too.

    Raises:
        InputError: It is no ledger: with the line and what is wrong there.
    """
    try:
        *lines, rest = path.read_bytes().split(b"\n")
    except (OSError, ValueError) as problem:  # ValueError: a NUL byte in the path
        reason = getattr(problem, "strerror", None) or problem
        raise InputError(f"cannot be read: {reason}", where=str(path)) from None
    # After a whole last line there is nothing; anything else is a torn line.
    torn = rest != b""
    header: Mapping[str, Any] | None = None
    footer: Mapping[str, Any] | None = None
    cells: list[Cell] = []
    unchecked: list[Unchecked] = []
    at: list[int] = []
    seen: dict[tuple[str, str, str, str], str] = {}
    for number, line in enumerate(lines, start=1):
        where = f"{path}:{number}"
        record = _record(line, where)
        kind = record.pop("type")
        if (kind == "header") != (header is None):
            raise InputError("a ledger has one header, in its first line", where=where)
        if footer is not None:
            raise InputError("nothing may follow the footer", where=where)
        if kind == "header":
            header = record
        elif kind == "cell":
            cells.append(Cell.from_record(record))
            at.append(number)
            _refuse_twin(cells[-1], seen, where)
        elif kind == "unchecked":
            unchecked.append(Unchecked(**{**record, "needs": tuple(record["needs"])}))
        else:
            footer = record
    if header is None:
        raise InputError("it has no header: this is no ledger", where=f"{path}:1")
    if footer is not None and torn:
        raise InputError("nothing may follow the footer", where=f"{path}:{len(lines) + 1}")
    return Ledger(header, tuple(cells), tuple(unchecked), footer, torn, path, tuple(at))


def _record(line: bytes, where: str) -> dict[str, Any]:
    try:
        record = json.loads(
            line, parse_int=_number, parse_float=_number, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError):
        shown = line[:40].decode(errors="replace")
        raise InputError(f"expected a JSON object, found {shown!r}", where=where) from None
    validators = _validators()
    kind = record.get("type") if isinstance(record, dict) else None
    if not isinstance(kind, str) or kind not in validators:
        known = ", ".join(validators)
        raise InputError(f"expected a record whose type is one of: {known}", where=where)
    error = best_match(validators[kind].iter_errors(record))
    if error is not None:
        place = ".".join(map(str, error.absolute_path)) or f"the {kind}"
        raise InputError(f"{place}: {_cut(error.message)}", where=where)
    return dict(record)


def _cut(message: str) -> str:
    return message if len(message) <= 200 else f"{message[:197]}..."


def _number(text: str) -> int | float:
    """A number within what a measurement can be; a ledger with others is damaged."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text[:40])
    return int(text) if text.lstrip("-").isdecimal() and abs(number) < 2**63 else number


def _refuse_constant(name: str) -> float:
    raise ValueError(name)  # NaN and Infinity, which are no JSON


@cache
def _validators() -> dict[str, Draft202012Validator]:
    """By the type of a record: its own definition alone, for speed and for plain messages."""
    try:
        schema = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    except OSError as problem:
        raise BrokenError(f"the ledger's schema cannot be read: {problem}") from None
    formats = FormatChecker(formats=())
    formats.checks("date-time", raises=(ValueError, OverflowError))(_is_time)
    return {
        kind: Draft202012Validator(part, format_checker=formats)
        for kind, part in schema["$defs"].items()
    }


def _is_time(value: object) -> bool:
    if isinstance(value, str):
        datetime.fromisoformat(value).timestamp()
    return True


def _refuse_twin(cell: Cell, seen: dict[tuple[str, str, str, str], str], where: str) -> None:
    first = seen.setdefault(cell.key, where)
    if first != where:
        name = " ".join(filter(None, cell.key))
        raise InputError(f"the cell {name!r} stands in {first} already", where=where)
