"""What the page is made of: ledgers and the catalogue, as one JSON object for its script."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from triton_claims.report.own_files import is_own_file
from triton_claims.report.provenance import provenance
from triton_claims.report.sentence import sentences
from triton_claims.verdicts.outcome import counts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from triton_claims.notes.knowledge import Knowledge
    from triton_claims.verdicts.cell import Cell
    from triton_claims.verdicts.ledger import Ledger

#: The verdicts in the order in which somebody has to look at them.
ORDER = (
    *("refuted", "premature", "error", "undecided"),
    *("blocked", "unchecked", "baseline", "confirmed"),
)
_UNKNOWN = "not in the catalogue"
_KINDS = {".svg": "image/svg+xml", ".png": "image/png"}


def facts_of(
    ledgers: Sequence[Ledger], knowledge: Knowledge, earlier: Ledger | None = None
) -> dict[str, Any]:
    """All that the page tells.

    Args:
        ledgers: The runs; several stand side by side.
        knowledge: What is claimed; ledgers hold the ids of claims alone.
        earlier: The ledger of a run before, which each cell is held against.

    Returns:
        An object that JSON can hold: ``title``, ``runs`` (with ``sentences``, ``failures``,
        ``provenance``), ``columns``, ``claims``, ``cells``, ``counts``, ``pictures``.
    """
    before = {cell.key: _told(cell) for cell in earlier.cells} if earlier else {}
    columns = {place: number for number, place in enumerate(_columns(ledgers))}
    cells = []
    for run, ledger in enumerate(ledgers):
        for cell in ledger.cells:
            column = columns[run, cell.target, cell.gpu]
            cells.append(_cell(cell, column, before, compared=earlier is not None))
    pictures = {
        f"{run}/{picture.file}": _embedded(ledger.path, picture.file)
        for run, ledger in enumerate(ledgers)
        for cell in ledger.cells
        for picture in cell.pictures
    }
    every = [cell for ledger in ledgers for cell in ledger.cells]
    unchecked = {claim.claim for ledger in ledgers for claim in ledger.unchecked}
    return {
        "title": _title(ledgers),
        "order": ORDER,
        "passes": all(ledger.passes for ledger in ledgers),
        "counts": counts_of(every, len(unchecked)),
        "runs": [_run(ledger) for ledger in ledgers],
        "columns": [_column(ledgers[run], run, *rest) for run, *rest in columns],
        "claims": list(_claims(ledgers, knowledge)),
        "cells": cells,
        "pictures": pictures,
        "earlier": _run(earlier) if earlier is not None else None,
        "vanished": list(_vanished(ledgers, earlier)),
    }


def _title(ledgers: Sequence[Ledger]) -> str:
    releases = dict.fromkeys(str(each.header["release"]["container"]) for each in ledgers)
    return f"Claims of Triton {', '.join(releases)}"


def _run(ledger: Ledger) -> dict[str, Any]:
    return {
        "run": ledger.header["run"],
        "started": ledger.header["started"],
        "sentences": list(sentences(ledger)),
        "failures": [ledger.truncation] if ledger.truncation else _failures(ledger),
        "provenance": list(provenance(ledger)),
    }


def _columns(ledgers: Sequence[Ledger]) -> Iterator[tuple[int, str, str]]:
    """Run, target and GPU of each column: targets as they were named, however their cells ended."""
    for run, ledger in enumerate(ledgers):
        named = [target["target"] for target in ledger.header["targets"]]
        there = dict.fromkeys((cell.target, cell.gpu) for cell in ledger.cells)
        for target, gpu in sorted(there, key=lambda place: (_order(named)(place[0]), place[1])):
            yield run, target, gpu


def _failures(ledger: Ledger) -> list[str]:
    return list((ledger.footer or {}).get("failures", ()))


def _column(ledger: Ledger, run: int, target: str, gpu: str) -> dict[str, Any]:
    devices = ledger.header.get("gpus", {}).get("devices", ())
    device = next((each for each in devices if each["uuid"] == gpu), None)
    versions = (each.server_version for each in ledger.cells if each.target == target)
    return {
        "run": run,
        "target": target,
        "gpu": gpu,
        "device": f"{device['name']} ({device['architecture']})" if device else "",
        "server": next(filter(None, versions), None),
    }


def _claims(ledgers: Sequence[Ledger], knowledge: Knowledge) -> Iterator[dict[str, Any]]:
    """The claims that a ledger speaks of, in the order of its release's notes."""
    spoken: dict[str, dict[str, str]] = {}
    for ledger in ledgers:
        release = knowledge.releases.get(ledger.header["release"]["container"])
        known = release.claims if release is not None else ()
        section = {each: release.origin_of(each) for each in known} if release else {}
        unchecked = {each.claim: each for each in ledger.unchecked}
        there = dict.fromkeys([*(cell.claim for cell in ledger.cells), *unchecked])
        for each in sorted(there, key=_order([*known])):
            without = unchecked.get(each)
            told = {"kind": without.kind, "statement": without.statement} if without else {}
            spoken.setdefault(each, {"id": each, "section": section.get(each, _UNKNOWN), **told})
    for each, told in spoken.items():
        claim = knowledge.catalogue.get(each)
        check = knowledge.checks.get(each)
        yield {
            "kind": claim.kind.value if claim else _UNKNOWN,
            "statement": claim.statement if claim else "",
            "versions": claim.versions.describe() if claim else "",
            "needs": list(claim.needs) if claim else [],
            "area": check.path.parent.name if check else "no check yet",
            "check": f"{check.path.as_posix()}:{check.line}" if check else "",
            **told,
        }


def _order(known: list[str]) -> Any:
    places = {claim: place for place, claim in enumerate(known)}
    return lambda claim: places.get(claim, len(places))


def _cell(cell: Cell, column: int, before: Mapping[Any, str], *, compared: bool) -> dict[str, Any]:
    record = {name: value for name, value in cell.to_record().items() if value not in (None, "")}
    for gone in ("target", "gpu"):  # the column has them
        record.pop(gone, None)
    if compared:
        record["before"] = before.get(cell.key, "not there")
    return {**record, "column": column, "fails": cell.fails}


def _told(cell: Cell) -> str:
    return cell.verdict.value + (", accepted" if cell.accepted else "")


def _vanished(ledgers: Sequence[Ledger], earlier: Ledger | None) -> Iterator[str]:
    there = {cell.key for ledger in ledgers for cell in ledger.cells}
    for cell in earlier.cells if earlier else ():
        if cell.key not in there:
            yield f"{' '.join(filter(None, cell.key))}: was {_told(cell)}"


def _embedded(ledger: Path | None, file: str) -> str:
    """A picture as a ``data:`` address; empty where it is not there."""
    if ledger is None:
        return ""
    path = ledger.parent / file
    kind = _KINDS.get(path.suffix)
    try:
        if kind is None or not is_own_file(path, ledger.parent):
            return ""
        content = path.read_bytes()
    except (OSError, ValueError):  # ValueError: a NUL byte in the path
        return ""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
