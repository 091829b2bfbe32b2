"""Tells memory that grows with the work from memory that has found its level.

A leak goes on: so many MiB a request, in the second half of the work as in the first. What an
allocator keeps grows fast at first and then no more. The slope is the median of the slopes between
all pairs of looks (Theil and Sen), with its interval; it must stand in both halves, because memory
that wanders between two levels has a slope too, for a while.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from triton_claims.errors import BrokenError
from triton_claims.measure.comparison import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: What the slope is told in: MiB for so many requests.
REQUESTS = 100
_FEWEST = 8


@dataclass(frozen=True, slots=True)
class GrowthDesign:
    """What is asked, and how much work it may take.

    Attributes:
        tolerated: MiB for 100 requests that are nobody's business.
        false_alarm: The probability that the slope's interval misses it, on either side, over all
            looks.
        warm_up: Rounds whose memory is not judged.
        looks: The numbers of rounds after which it is judged, the warm-up not counted.
    """

    tolerated: float = 0.25
    false_alarm: float = 0.01
    warm_up: int = 3
    looks: tuple[int, ...] = (12, 20, 40)


@dataclass(frozen=True, slots=True)
class Growth:
    """What was seen.

    Attributes:
        design: What was asked.
        outcome: ``violated`` is a leak, ``met`` is none.
        slope: MiB for 100 requests.
        low, high: Its interval.
        rounds: How many rounds were judged.
    """

    design: GrowthDesign
    outcome: Outcome
    slope: float
    low: float
    high: float
    rounds: int

    def __str__(self) -> str:
        """In one sentence."""
        return (
            f"{self.slope:.3g} MiB for {REQUESTS} requests, between {self.low:.3g} and "
            f"{self.high:.3g}, in {self.rounds} rounds; {self.design.tolerated:g} are tolerated: "
            f"{self.outcome.value}"
        )


def find_growth(
    work: Callable[[], int], memory: Callable[[], float], design: GrowthDesign | None = None
) -> Growth:
    """Works in rounds, and looks at the memory after each.

    Args:
        work: Does one round and says how many requests it was.
        memory: Gives the MiB held now.
        design: What is asked; the default finds 1 MiB for 100 requests with rounds of 100.
    """
    design = design or GrowthDesign()
    for _ in range(design.warm_up):
        work()
    requests, held = [0], [memory()]
    for look in design.looks:
        while len(held) <= look:
            requests.append(requests[-1] + work())
            held.append(memory())
        growth = judge_growth(requests, held, design)
        if growth.outcome is not Outcome.UNDECIDED:
            break
    return growth


def judge_growth(
    requests: Sequence[int], held: Sequence[float], design: GrowthDesign | None = None
) -> Growth:
    """Judges what was seen already.

    Args:
        requests: How many requests had been made at each look; rising.
        held: MiB at each look.
        design: What is asked.

    Raises:
        BrokenError: Too little was seen to speak of a slope.
    """
    design = design or GrowthDesign()
    if len(requests) != len(held) or len(held) < _FEWEST or requests[-1] <= requests[0]:
        raise BrokenError(
            f"found {len(held)} looks at memory over {len(requests)} rounds, expected at least "
            f"{_FEWEST}, with requests between them"
        )
    level = design.false_alarm / len(design.looks)
    slope, low, high = _slope(requests, held, level)
    middle = len(held) // 2
    halves = (
        _slope(requests[:middle], held[:middle], level)[0],
        _slope(requests[middle:], held[middle:], level)[0],
    )
    if low > design.tolerated and min(halves) > design.tolerated:
        outcome = Outcome.VIOLATED
    elif high < design.tolerated:
        outcome = Outcome.MET
    else:
        outcome = Outcome.UNDECIDED
    return Growth(design, outcome, slope, low, high, len(held) - 1)


def _slope(
    requests: Sequence[int], held: Sequence[float], level: float
) -> tuple[float, float, float]:
    # Slow to import, and most runs of the suite look for no growth.
    from scipy.stats import theilslopes  # noqa: PLC0415

    found = theilslopes(held, requests, alpha=1 - level)
    return (
        float(found.slope) * REQUESTS,
        float(found.low_slope) * REQUESTS,
        float(found.high_slope) * REQUESTS,
    )
