"""What became of cells from one run to another, as lines, as Markdown and as an object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from triton_claims.report.sentence import count
from triton_claims.report.summary import escaped, table_row
from triton_claims.report.table import aligned
from triton_claims.verdicts.changes import Change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from triton_claims.verdicts.cell import Cell
    from triton_claims.verdicts.changes import CellChange, Changes
    from triton_claims.verdicts.ledger import Ledger

_COLUMNS = ("change", "claim", "target", "gpu", "protocol", "before", "now")


def verdict_words(cell: Cell | None) -> str:
    """A cell's verdict, and whether it is accepted."""
    if cell is None:
        return "-"
    return cell.verdict.value + (", accepted" if cell.accepted else "")


def difference_lines(old: Ledger, new: Ledger, changes: Changes) -> Iterator[str]:
    """What changed as a table, why, and a sentence."""
    told = _told(changes)
    if told:
        yield from aligned([_COLUMNS, *map(_row, told)])
        yield ""
    for each in told:
        if each.new is not None and each.new.reason and not _is_good(each):
            yield f"{each.cell.claim} {each.cell.target}: {each.new.reason.splitlines()[0]}"
    yield from _sentences(old, new, changes)


def difference_markdown(old: Ledger, new: Ledger, changes: Changes) -> Iterator[str]:
    """The same for the summary page of a CI job."""
    yield "# What changed"
    yield ""
    told = _told(changes)
    if told:
        yield table_row(_COLUMNS)
        yield table_row("---" for _ in _COLUMNS)
        yield from (table_row(map(escaped, _row(each))) for each in told)
        yield ""
    yield from (f"- {escaped(line)}" for line in _sentences(old, new, changes))


def difference_object(old: Ledger, new: Ledger, changes: Changes) -> dict[str, Any]:
    """The same as an object that JSON can hold; without what is unchanged."""
    return {
        "old": old.header["run"],
        "new": new.header["run"],
        "counts": changes.counts,
        "bad": changes.are_bad,
        "truncated": changes.truncation,
        "server_versions": {
            target: {"old": before, "new": now}
            for target, (before, now) in changes.versions.items()
        },
        "cells": [
            {
                "change": each.change.value,
                "claim": each.cell.claim,
                "target": each.cell.target,
                "gpu": each.cell.gpu,
                "protocol": each.cell.protocol,
                "old": _verdict(each.old),
                "new": _verdict(each.new),
                "reason": each.new.reason if each.new else None,
            }
            for each in _told(changes)
        ],
    }


def _verdict(cell: Cell | None) -> dict[str, Any] | None:
    if cell is None:
        return None
    return {
        "verdict": cell.verdict.value,
        "accepted": cell.accepted,
        "server_version": cell.server_version,
    }


def _told(changes: Changes) -> list[CellChange]:
    return [each for each in changes.cells if each.change is not Change.UNCHANGED]


def _is_good(each: CellChange) -> bool:
    return each.change is Change.IMPROVED or (each.new is not None and not each.new.verdict.fails)


def _row(each: CellChange) -> tuple[str, ...]:
    cell = each.cell
    before, now = verdict_words(each.old), verdict_words(each.new)
    change = each.change.value
    return change, cell.claim, cell.target, cell.gpu, cell.protocol or "-", before, now


def _sentences(old: Ledger, new: Ledger, changes: Changes) -> Iterator[str]:
    releases = [each.header["release"]["container"] for each in (old, new)]
    if releases[0] != releases[1]:
        yield f"The notes are those of {releases[0]} before, and of {releases[1]} now."
    for target, (before, now) in changes.versions.items():
        yield f"{target} was Triton {before}, and is {now}."
    if old.truncation:
        yield f"The run before is {old.truncation}."
    if changes.truncation:
        yield f"The run now is {changes.truncation}: what vanished may be as it was."
    told = ", ".join(f"{number} {name}" for name, number in changes.counts.items() if number)
    failing = sum(each.is_bad and each.change is Change.APPEARED for each in changes.cells)
    yield (
        f"{count(len(changes.cells), 'cell')}: {told or 'nothing'}"
        + (f" ({failing} of those that appeared failing)" if failing else "")
        + "."
    )
