"""What became of cells from one run to another."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from triton_claims.errors import InputError
from triton_claims.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from triton_claims.verdicts.cell import Cell
    from triton_claims.verdicts.ledger import Ledger


class Change(str, Enum):
    """What became of a cell; in the order of what to look at first.

    A cell has regressed where somebody has to look at it who had not to before, or where what was
    not known is now known to be bad. What was accepted was looked into.
    """

    REGRESSED = "regressed"
    BLOCKED = "became blocked"
    VANISHED = "vanished"
    APPEARED = "appeared"
    CHANGED = "changed"
    IMPROVED = "improved"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class CellChange:
    """A cell in two runs.

    Attributes:
        change: What became of it.
        old: The cell before; None where it was not there.
        new: The cell now; None where it is not there.
    """

    change: Change
    old: Cell | None
    new: Cell | None

    @property
    def cell(self) -> Cell:
        """The newer one of the two."""
        cell = self.new or self.old
        assert cell is not None  # noqa: S101 - one of the two is there
        return cell

    @property
    def is_bad(self) -> bool:
        """Whether it is worse than before: a cell that is new and fails is, too."""
        return self.change is Change.REGRESSED or (
            self.change is Change.APPEARED and self.cell.fails
        )


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of all cells.

    Attributes:
        cells: In the order of kinds of change, then of cells.
        versions: The server versions before and now, by target, where they differ.
        truncation: Why the newer run does not tell of all; None where it does.
    """

    cells: tuple[CellChange, ...]
    versions: Mapping[str, tuple[str, str]]
    truncation: str | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How many cells there are of each kind of change."""
        found = Counter(each.change for each in self.cells)
        return {change.value: found[change] for change in Change}

    @property
    def are_bad(self) -> bool:
        """Whether anything got worse, or nobody knows because the newer run was cut off."""
        return self.truncation is not None or any(each.is_bad for each in self.cells)


def compare(old: Ledger, new: Ledger, renamed: Mapping[str, str] | None = None) -> Changes:
    """Holds the cells of a run against those of another one.

    Args:
        old: The run before.
        new: The run now.
        renamed: The targets of the run before that others stand for now.

    Raises:
        InputError: A target to be renamed is in neither run, two become one, or the two runs have
            no cell in common.
    """
    before = {cell.key: cell for cell in _renamed(old, new, renamed or {})}
    now = {cell.key: cell for cell in new.cells}
    if before and now and not before.keys() & now.keys():
        raise InputError(
            f"the runs have no cell in common: {_targets(old)} before, {_targets(new)} now; where "
            "one target stands for another, --rename OLD=NEW",
            where=new.where(),
        )
    found = [
        CellChange(change_of(before.get(key), now.get(key)), before.get(key), now.get(key))
        for key in sorted({*before, *now})
    ]
    order = list(Change)
    return Changes(
        tuple(sorted(found, key=lambda each: order.index(each.change))),
        _versions(found),
        new.truncation,
    )


def change_of(old: Cell | None, new: Cell | None) -> Change:
    """What became of one cell."""
    if old is None or new is None:
        return Change.APPEARED if old is None else Change.VANISHED
    if (old.verdict, old.accepted is None) == (new.verdict, new.accepted is None):
        return Change.UNCHANGED
    if new.verdict is Verdict.BLOCKED:
        return Change.BLOCKED
    known_to_be_bad = new.fails and new.verdict.is_decided
    if new.fails and (not old.fails or (known_to_be_bad and not old.verdict.is_decided)):
        return Change.REGRESSED
    was_good = not old.verdict.fails and old.verdict.is_decided
    if not new.verdict.fails and not was_good:
        return Change.IMPROVED
    return Change.CHANGED


def _renamed(old: Ledger, new: Ledger, renamed: Mapping[str, str]) -> list[Cell]:
    for before, now in renamed.items():
        for target, ledger in ((before, old), (now, new)):
            if target not in {cell.target for cell in ledger.cells}:
                raise InputError(
                    f"{target!r} is no target of {ledger.where()}, which has {_targets(ledger)}",
                    where="--rename",
                )
    cells = [replace(cell, target=renamed.get(cell.target, cell.target)) for cell in old.cells]
    if len({cell.key for cell in cells}) < len(cells):
        raise InputError("two targets of the run before become one", where="--rename")
    return cells


def _targets(ledger: Ledger) -> str:
    return ", ".join(dict.fromkeys(cell.target for cell in ledger.cells)) or "none"


def _versions(found: list[CellChange]) -> dict[str, tuple[str, str]]:
    versions: dict[str, tuple[str, str]] = {}
    for each in found:
        old, new = (cell.server_version if cell else None for cell in (each.old, each.new))
        if old and new and old != new:
            versions.setdefault(each.cell.target, (old, new))
    return versions
