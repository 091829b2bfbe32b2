"""What a whole run comes to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from triton_claims.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from triton_claims.verdicts.cell import Cell


class Require(str, Enum):
    """What ``--require`` insists on beyond the rule for every run."""

    CONFIRMED = "confirmed"
    DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a run passes, and every reason why it does not."""

    failures: tuple[str, ...]

    @property
    def passes(self) -> bool:
        """Whether the run's exit code is 0."""
        return not self.failures


def outcome_of(
    cells: Sequence[Cell],
    *,
    stale: Iterable[str] = (),
    require: Require | None = None,
    outside: int = 0,
) -> Outcome:
    """Judges a run.

    Args:
        cells: All its cells.
        stale: What is said of acceptances that no longer hold.
        require: What the user insists on.
        outside: How many tests and files failed that decide no cell.
    """
    failures = []
    failing = Counter(cell.verdict for cell in cells if cell.fails)
    failures += [f"{failing[verdict]} {verdict.value}" for verdict in Verdict if failing[verdict]]
    if not any(cell.verdict.is_decided for cell in cells):
        failures.append("nothing was decided")
    if require is not None:
        missing = sum(not _is_enough(cell, require) for cell in cells)
        if missing:
            failures.append(f"{missing} of {len(cells)} not {require.value}, which --require asks")
    failures += stale
    if outside:
        failures.append(f"{outside} failures outside the checks")
    return Outcome(tuple(failures))


def _is_enough(cell: Cell, require: Require) -> bool:
    if require is Require.CONFIRMED:
        return cell.verdict is Verdict.CONFIRMED
    return cell.verdict.is_decided


def counts_of(cells: Iterable[Cell], unchecked: int) -> dict[str, int]:
    """How many cells have each verdict, accepted ones apart, and the claims without a check."""
    counts: Counter[str] = Counter()
    for cell in cells:
        counts[cell.verdict.value] += 1
        if cell.accepted is not None:
            counts["accepted"] += 1
    ordered = {verdict.value: counts[verdict.value] for verdict in Verdict}
    return {**ordered, "accepted": counts["accepted"], "unchecked": unchecked}
