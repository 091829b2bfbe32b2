"""The verdicts of cells over many runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from triton_claims.errors import InputError
from triton_claims.verdicts.ledger import Ledger, read_ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from triton_claims.verdicts.cell import Cell


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs whose ledgers lie below a folder.

    Attributes:
        ledgers: The oldest first, each run once; what was merged stands for its shards.
        left_out: What is wrong with the files that are called ledgers and are none.
    """

    ledgers: tuple[Ledger, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Past:
    """One cell over the runs that have it.

    Attributes:
        cells: With the ledger of each, the oldest first; never empty.
    """

    cells: tuple[tuple[Ledger, Cell], ...]

    @property
    def now(self) -> Cell:
        """The newest one."""
        return self.cells[-1][1]

    @property
    def since(self) -> Ledger:
        """The run since which the verdict has been what it is now."""
        since = self.cells[-1][0]
        for ledger, cell in reversed(self.cells):
            if cell.verdict is not self.now.verdict:
                break
            since = ledger
        return since

    @property
    def before(self) -> Cell | None:
        """The newest one with another verdict; None where there was no other."""
        others = (cell for _, cell in reversed(self.cells) if cell.verdict is not self.now.verdict)
        return next(others, None)


def read_runs(folder: Path) -> Runs:
    """Reads all ledgers below a folder: the files whose names end with ``ledger.jsonl``.

    Raises:
        InputError: It is no folder, or there is none.
    """
    if not folder.is_dir():
        raise InputError("found no such folder", where=str(folder))
    runs: dict[str, Ledger] = {}
    left_out = []
    for path in sorted(folder.rglob("*ledger.jsonl")):
        if path.name.startswith("."):  # a run that is just beginning
            continue
        try:
            ledger = read_ledger(path)
        except InputError as problem:
            left_out.append(str(problem))
        else:
            _keep(runs, ledger)
    if not runs and not left_out:
        raise InputError("found no ledger.jsonl below it", where=str(folder))
    shards = {each["run"] for ledger in runs.values() for each in ledger.header.get("shards", ())}
    kept = (ledger for run, ledger in runs.items() if run not in shards)
    return Runs(
        tuple(sorted(kept, key=lambda each: (each.header["started"], each.header["run"]))),
        tuple(left_out),
    )


def _keep(runs: dict[str, Ledger], ledger: Ledger) -> None:
    """Of two files of one run the one that has more is kept."""
    known = runs.get(ledger.header["run"])
    if known is None or len(known.cells) < len(ledger.cells):
        runs[ledger.header["run"]] = ledger


def pasts(ledgers: Sequence[Ledger], claims: Iterable[str]) -> list[Past]:
    """The cells of some claims, each over the runs that have it; in the order of the claims."""
    found: dict[str, dict[tuple[str, ...], list[tuple[Ledger, Cell]]]] = {
        claim: {} for claim in claims
    }
    for ledger in ledgers:
        for cell in ledger.cells:
            if cell.claim in found:
                found[cell.claim].setdefault(cell.key, []).append((ledger, cell))
    return [Past(tuple(cells)) for each in found.values() for _, cells in sorted(each.items())]
