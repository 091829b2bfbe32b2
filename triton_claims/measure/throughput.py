"""Judges a load's throughput against a floor.

The run is cut into windows of equally many answers, and each has a throughput of its own. The
exact sign test says whether their median is above the floor; it assumes nothing of how they are
distributed, and a hiccup costs one window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from triton_claims.errors import BrokenError
from triton_claims.measure.comparison import Outcome

if TYPE_CHECKING:
    from triton_claims.measure.load import Latencies

_NANO = 1_000_000_000
_MOST_WINDOWS = 24
#: Answers come in clumps where many requests are under way: a window must be longer than those.
_SMALLEST_WINDOW = 50
#: Requests beyond which nobody would wait for a decision.
_ENDLESS = 100_000


@dataclass(frozen=True, slots=True)
class Floor:
    """What was measured of the throughput, and what it comes to.

    Attributes:
        limit: Answers a second that there must be at least.
        throughput: The median of the windows, answers a second.
        windows: How many there were.
        below: How many of them were below the limit.
        outcome: Whether the server keeps to the limit.
        low, high: Bounds of the median, each wrong with its level's probability; 0 and infinity
            where there are too few windows for any.
        more: How many more requests would probably decide; None where it is decided, or where no
            number that anybody would wait for would.
    """

    limit: float
    throughput: float
    windows: int
    below: int
    outcome: Outcome
    low: float
    high: float
    more: int | None

    @property
    def name(self) -> str:
        """As a percentile's ceiling has one."""
        return "throughput"

    def __str__(self) -> str:
        """In one sentence."""
        words = (
            f"throughput {self.throughput:.4g}/s, between {self.low:.4g} and {self.high:.4g}: "
            f"{self.below} of {self.windows} windows were below {self.limit:.4g}/s, which is the "
            f"least allowed: {self.outcome.value}"
        )
        if self.outcome is not Outcome.UNDECIDED:
            return words
        return f"{words}; {self.needed}"

    @property
    def needed(self) -> str:
        """How much more would decide, in words."""
        if self.more is None:
            return (
                f"the throughput is too close to {self.limit:.4g}/s for any number of requests "
                "that is worth waiting for"
            )
        return f"some {self.more} more requests would decide"


def window_throughputs(latencies: Latencies) -> npt.NDArray[np.float64]:
    """Answers a second, window by window, in order of time; none where there are too few answers.

    Args:
        latencies: All requests of the load.

    Returns:
        Shape ``(windows,)``: at most 24, of 50 answers or more.
    """
    windows = min(_MOST_WINDOWS, len(latencies) // _SMALLEST_WINDOW)
    if not windows:
        return np.empty(0)
    ended = np.sort(latencies.ended)
    size = len(ended) // windows
    last = ended[size - 1 :: size][:windows]
    first = np.concatenate([[latencies.intended.min()], last[:-1]])
    # Whole windows of a coarse clock can end at once.
    found: npt.NDArray[np.float64] = size * _NANO / np.maximum(last - first, 1)
    return found


def judge_floor(latencies: Latencies, limit: float, pass_level: float, alarm_level: float) -> Floor:
    """Judges the throughput that there was.

    Args:
        latencies: All requests of the load.
        limit: Answers a second that there must be at least.
        pass_level: How often what is just at the limit may be ``met``.
        alarm_level: How often it may be ``violated``.

    Raises:
        ValueError: The limit is none.
    """
    from scipy.stats import binom  # noqa: PLC0415 - slow to import, and few runs need it

    if not 0 < limit < math.inf:
        raise ValueError(f"found a floor of {limit}/s, expected more than none")
    found = np.sort(window_throughputs(latencies))
    windows, below = len(found), int((found < limit).sum())
    above = windows - below
    if windows and float(binom.sf(above - 1, windows, 0.5)) <= pass_level:
        outcome = Outcome.MET
    elif windows and float(binom.sf(below - 1, windows, 0.5)) <= alarm_level:
        outcome = Outcome.VIOLATED
    else:
        outcome = Outcome.UNDECIDED
    return Floor(
        limit=limit,
        throughput=float(np.median(found)) if windows else math.nan,
        windows=windows,
        below=below,
        outcome=outcome,
        low=_low(found, pass_level),
        high=_high(found, alarm_level),
        more=_more(len(latencies), below / windows if windows else 0.0, pass_level, alarm_level)
        if outcome is Outcome.UNDECIDED
        else None,
    )


def throughput_bound(latencies: Latencies, doubt: float) -> float:
    """Answers a second that the median window has at least, with as much doubt at most.

    Raises:
        BrokenError: There are too few windows for a bound.
    """
    low = _low(np.sort(window_throughputs(latencies)), doubt)
    if not low:
        fewest = math.ceil(-math.log2(doubt)) * _SMALLEST_WINDOW
        raise BrokenError(
            f"found {len(latencies)} requests, expected at least {fewest} for a bound of their "
            "throughput"
        )
    return low


def _place(windows: int, level: float) -> int:
    """How many windows, from either end, the median is beyond; at most with the level's doubt."""
    from scipy.stats import binom  # noqa: PLC0415 - see judge_floor

    place = int(binom.ppf(level, windows, 0.5))
    while place > 0 and float(binom.cdf(place - 1, windows, 0.5)) > level:
        place -= 1
    return place


def _low(found: npt.NDArray[np.float64], level: float) -> float:
    place = _place(len(found), level) if len(found) else 0
    return float(found[place - 1]) if place else 0.0


def _high(found: npt.NDArray[np.float64], level: float) -> float:
    place = _place(len(found), level) if len(found) else 0
    return float(found[-place]) if place else math.inf


def _more(requests: int, share: float, pass_level: float, alarm_level: float) -> int | None:
    """How many more requests decide if they are like those there are.

    Up to the most windows there can be, more requests make more windows. Beyond that they make
    longer ones, which differ as the root of their length does.

    Args:
        requests: How many there were.
        share: Of their windows that were below.
        pass_level: See judge_floor.
        alarm_level: See judge_floor.
    """
    from scipy.stats import binom, norm  # noqa: PLC0415 - see judge_floor

    level, beyond = (pass_level, 1 - share) if share <= 0.5 else (alarm_level, share)
    for windows in range(requests // _SMALLEST_WINDOW + 1, _MOST_WINDOWS + 1):
        if float(binom.sf(math.floor(beyond * windows) - 1, windows, 0.5)) <= level:
            return windows * _SMALLEST_WINDOW - requests
    enough = (float(binom.isf(level, _MOST_WINDOWS, 0.5)) + 1) / _MOST_WINDOWS
    if beyond <= 0.5 or enough >= 1:
        return None
    longer = max(float(norm.ppf(enough) / norm.ppf(beyond)) ** 2, 1.0)
    needed = math.ceil(longer * max(requests, _MOST_WINDOWS * _SMALLEST_WINDOW))
    return needed - requests if requests < needed <= _ENDLESS else None
