"""The file of limits that is recorded from a run, see :mod:`triton_claims.notes.ceilings`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from triton_claims.errors import InputError
from triton_claims.notes.ceilings import Host, Place
from triton_claims.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from triton_claims.notes.releases import Releases
    from triton_claims.verdicts.cell import Cell
    from triton_claims.verdicts.ledger import Ledger

_MILLI = 1e3
#: Cells of which nothing is known: neither of their figures.
_TELL_NOTHING = frozenset({Verdict.ERROR, Verdict.BLOCKED})
#: Without these nobody can tell the machine.
_TELLING = ("cores", "memory_gib")
#: The shortest run of starts whose slowest says something of the next.
FEWEST_STARTS = 5


def ceilings_text(
    ledger: Ledger, releases: Releases, *, margin: float, release: str | None = None
) -> str:
    """The limits that a run's servers keep to, with some room, as the text of a file.

    A load's limits are the upper confidence bounds of its percentiles, and the lower one of its
    throughput; a start's is the slowest one seen. All are widened by the margin. Where several
    cells have figures of one load, the widest ones count.

    Args:
        ledger: The run.
        releases: The releases known, for the container version of a server.
        margin: The share by which the limits are widened.
        release: The glob of the releases that they are for; that of each server by default.

    Raises:
        InputError: The ledger has no figures of loads and starts, or not those of one machine.
    """
    header = ledger.header
    missing = [name for name in _TELLING if header["host"].get(name) is None]
    if missing:
        raise InputError(
            f"does not tell the machine (no {', '.join(missing)}): expected a run's ledger, or a "
            "merge of runs on one machine",
            where=ledger.where(),
        )
    cells = [cell for cell in ledger.cells if cell.verdict not in _TELL_NOTHING]
    loads: dict[tuple[Place, str, str], dict[str, float]] = {}
    starts: dict[Place, float] = {}
    elsewhere = set()
    for cell in cells:
        if (cell.loads or cell.starts) and not _was_here(cell):
            elsewhere.add(str(cell.docker_host))
            continue
        for load in cell.loads:
            if load.bounds:
                place = _place(cell, load.model, ledger, releases, release)
                _widen(loads.setdefault((place, load.load, load.protocol), {}), load.bounds)
        for start in cell.starts:
            if start.starts >= FEWEST_STARTS:
                place = _place(cell, start.model, ledger, releases, release)
                starts[place] = max(start.high, starts.get(place, 0.0))
    if not loads and not starts:
        raise InputError(_why_none(cells, elsewhere), where=ledger.where())
    return "\n".join(_lines(ledger, loads, starts, margin)) + "\n"


def _was_here(cell: Cell) -> bool:
    """Whether its servers ran on the machine that the ledger's host describes."""
    return cell.docker_host is None or cell.docker_host.startswith("unix:")


def _why_none(cells: list[Cell], elsewhere: set[str]) -> str:
    if elsewhere:
        return (
            f"its loads ran on the Docker host {', '.join(sorted(elsewhere))}, whose machine it "
            "does not tell: record from a run that has its servers here"
        )
    if any(cell.loads or cell.starts for cell in cells):
        return (
            "has too few requests of each load, and too few starts, for limits: expected some 500 "
            f"requests, or {FEWEST_STARTS} starts"
        )
    return (
        "has no figures of loads or starts: expected the ledger of a run of suites/latency that "
        "decided something"
    )


def _place(
    cell: Cell, model: str, ledger: Ledger, releases: Releases, release: str | None
) -> Place:
    return Place(
        cell.target.partition(":")[0],
        release or releases.container_of(cell.server_version) or "*",
        _architecture(cell.gpu, ledger.header),
        model,
    )


def _architecture(gpu: str, header: Mapping[str, Any]) -> str:
    """Of the GPU of a cell: its id is the architecture, ``cpu``, or a GPU's UUID."""
    devices = header.get("gpus", {}).get("devices", ())
    return next((str(each["architecture"]) for each in devices if each["uuid"] == gpu), gpu)


def _widen(limits: dict[str, float], bounds: Mapping[str, float]) -> None:
    for name, bound in bounds.items():
        widest = min if name == "throughput" else max
        limits[name] = widest(bound, limits.get(name, bound))


def _lines(
    ledger: Ledger,
    loads: Mapping[tuple[Place, str, str], Mapping[str, float]],
    starts: Mapping[Place, float],
    margin: float,
) -> Iterator[str]:
    header = ledger.header
    source = _text(f"recorded from run {header['run']}, {margin:.0%} wider than its bounds")
    yield "# Recorded by `triton-claims ceilings record`; `pytest --ceilings FILE` judges by it."
    yield '# They may be changed; globs such as release = "*" make one hold for more servers.'
    yield ""
    yield f"recorded = {_text(str(header['started'])[:10])}"
    yield f"run = {_text(header['run'])}"
    if header["suite_commit"]:
        yield f"suite_commit = {_text(header['suite_commit'])}"
    if "load_engine" in header:
        yield f"load_engine = {_text(header['load_engine'])}"
    yield f"margin = {margin:g}" if margin else "margin = 0"
    yield ""
    yield "[host]"
    for name, value in asdict(Host.from_facts(header["host"])).items():
        if value is not None:
            yield f"{name} = {_text(value) if isinstance(value, str) else value}"
    for (place, load, protocol), limits in loads.items():
        yield from ("", "[[ceiling]]", *_place_lines(place))
        yield f"load = {_text(load)}"
        yield f"protocol = {_text(protocol)}"
        for name in ("p50", "p90", "p99"):
            if name in limits:
                yield f"{name}_ms = {_figure(limits[name] * (1 + margin) * _MILLI)}"
        if "throughput" in limits:
            yield f"throughput = {_figure(limits['throughput'] / (1 + margin))}"
        yield f"source = {source}"
    for place, seconds in starts.items():
        yield from ("", "[[start]]", *_place_lines(place))
        yield f"seconds = {_figure(seconds * (1 + margin))}"
        yield f"source = {source}"


def _place_lines(place: Place) -> Iterator[str]:
    for name, value in asdict(place).items():
        yield f"{name} = {_text(value)}"


def _figure(value: float) -> str:
    """Four digits that tell: more would claim more than was measured."""
    return repr(float(f"{value:.4g}"))


def _text(value: str) -> str:
    plain = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in value)
    return json.dumps(plain, ensure_ascii=False)  # TOML's basic strings have the same escapes
