"""Compares two ways of doing something, and says how sure it is.

The unit is the pair: one server start of either side, made one after the other, in turns A B, B A,
so that a machine that gets slower harms both alike. Of each pair only the ratio B/A counts, and of
the ratios only their median: its bounds come from the exact sign test, which assumes nothing of how
start-up times or memory are distributed, and does not mind outliers. Requests inside a server are
no pairs: they share its luck, and testing them as if they did not finds differences that are not
there.

After as many pairs as the design's first look says, the comparison is judged for the first time,
and goes on to the next look only while it is undecided. The false-alarm rate is shared out among
the looks, so that it holds for all of them together: evenly, or as the design's levels say.
"""

from __future__ import annotations

import bisect
import math
import statistics
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol, TypeVar

from triton_claims.errors import BrokenError, Undecided

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Figures = TypeVar("Figures")
Figures_co = TypeVar("Figures_co", covariant=True)


class MeasurePair(Protocol[Figures_co]):
    """Measures one pair."""

    def __call__(self, *, a_first: bool) -> tuple[Figures_co, Figures_co]:
        """What was measured of A, and of B; A is started first, or else B."""


class Judged(Protocol):
    """What was judged: a comparison, or several of them."""

    @property
    def outcome(self) -> Outcome:
        """What it comes to."""

    @property
    def needed(self) -> str:
        """How much more would decide, in words."""


#: Pairs beyond which nobody would wait for a decision.
ENDLESS = 2000
#: How often the smallest difference that a design finds is found.
_POWER = 0.95


class Outcome(str, Enum):
    """What a comparison comes to."""

    MET = "met"
    VIOLATED = "violated"
    UNDECIDED = "undecided"


def overall(outcomes: Sequence[Outcome]) -> Outcome:
    """Of several questions that must all be answered with yes.

    Raises:
        ValueError: There are none.
    """
    if not outcomes:
        raise ValueError("found nothing that was judged, expected some outcomes")
    if Outcome.VIOLATED in outcomes:
        return Outcome.VIOLATED
    return Outcome.UNDECIDED if Outcome.UNDECIDED in outcomes else Outcome.MET


def must_be_decided(judged: Judged) -> None:
    """Where what was measured does not decide, nothing more is to be said.

    Raises:
        Undecided: It does not; with what was measured, and what it would take.
    """
    if judged.outcome is Outcome.UNDECIDED:
        raise Undecided(str(judged), needed=judged.needed)


@dataclass(frozen=True, slots=True)
class Design:
    """What is asked, and how sure the answer must be.

    The question is whether B is at most ``1 + tolerated`` times A.

    Attributes:
        tolerated: What B may have beyond A, as a share of A: 0.1 allows 10 % more, -0.2 asks for
            20 % less.
        false_alarm: The probability of ``violated`` where B is just at what is tolerated, and of
            ``met`` there; over all looks. Where A and B are alike and something is tolerated, it
            is far lower.
        looks: The numbers of pairs after which it is judged; the last is the most it measures.
        levels: The false-alarm rate of each look, in sum no more than ``false_alarm``; None shares
            it out evenly.
        unit: What a pair is made of, for people: where no server can be started, blocks of requests
            to one, of whose luck at its start nothing is learnt then.

    Raises:
        ValueError: No look could ever decide, they do not rise, or the levels are too much.
    """

    tolerated: float
    false_alarm: float = 0.01
    looks: tuple[int, ...] = (9, 15, 24, 36)
    levels: tuple[float, ...] | None = None
    unit: str = "server starts"

    def __post_init__(self) -> None:
        """Refuses designs that can decide nothing."""
        if list(self.looks) != sorted(set(self.looks)) or not self.looks:
            raise ValueError(f"found looks {self.looks}, expected rising numbers of pairs")
        if self.looks[-1] >= ENDLESS:
            raise ValueError(f"found {self.looks[-1]} pairs, expected fewer than {ENDLESS}")
        if self.levels is not None and (
            len(self.levels) != len(self.looks)
            or min(self.levels) <= 0
            or math.fsum(self.levels) > self.false_alarm * (1 + 1e-9)
        ):
            raise ValueError(
                f"found levels {self.levels}, expected one for each of {len(self.looks)} looks, "
                f"in sum at most {self.false_alarm}"
            )
        level = self.level_at(self.looks[0])
        if 0.5 ** self.looks[0] > level:
            raise ValueError(
                f"{self.looks[0]} pairs decide nothing at {level:.2%} a look, expected at "
                f"least {math.ceil(-math.log2(level))}"
            )
        if not -1 < self.tolerated < math.inf:
            raise ValueError(f"found tolerated {self.tolerated}, expected a share above -1")

    def level_at(self, pairs: int) -> float:
        """The false-alarm rate of the look that so many pairs were enough for, or of the first."""
        if self.levels is None:
            return self.false_alarm / len(self.looks)
        return self.levels[max(bisect.bisect_right(self.looks, pairs) - 1, 0)]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was measured, and what it comes to.

    Attributes:
        design: What was asked.
        a, b: The figures, pair by pair, in the unit they were measured in.
        outcome: Whether B keeps to what is tolerated.
        ratio: The median of B/A.
        low, high: Bounds of the median ratio, each wrong with the level's probability.
        more_pairs: How many more pairs would probably decide; None where it is decided, or where
            no number that anybody would wait for would.
        smallest: The smallest median ratio that the whole design finds 95 times out of 100, as
            far as the spread of these figures tells.
    """

    design: Design
    a: tuple[float, ...]
    b: tuple[float, ...]
    outcome: Outcome
    ratio: float
    low: float
    high: float
    more_pairs: int | None
    smallest: float

    def __str__(self) -> str:
        """In one sentence."""
        if self.outcome is not Outcome.UNDECIDED:
            return f"{self.measured}: {self.outcome.value}"
        return f"{self.measured}: {self.outcome.value}; {self.needed}"

    @property
    def measured(self) -> str:
        """What was seen, in words, without what it comes to."""
        confidence = 100 * (1 - self.design.level_at(len(self.a)))
        return (
            f"median ratio {self.ratio:.4g}, between {self.low:.4g} and {self.high:.4g} (each "
            f"bound at {confidence:.6g}%), in {len(self.a)} pairs of {self.design.unit}; at most "
            f"{1 + self.design.tolerated:.4g} is tolerated"
        )

    @property
    def needed(self) -> str:
        """How much more would decide, in words."""
        if self.more_pairs is None:
            return (
                f"the ratio is too close to {1 + self.design.tolerated:.4g} for any number of "
                "pairs that is worth waiting for"
            )
        return f"some {self.more_pairs} more pairs would decide"


def compare(
    measure_a: Callable[[], float], measure_b: Callable[[], float], design: Design
) -> Comparison:
    """Measures pairs, A and B in turns, until the design's question is decided or it gives up.

    Args:
        measure_a: Makes one figure of A, such as the seconds of one server start.
        measure_b: The same of B.
        design: What is asked.
    """
    a: list[float] = []
    b: list[float] = []
    for look in design.looks:
        measure_pairs(one_by_one(measure_a, measure_b), a, b, look)
        comparison = judge(a, b, design)
        if comparison.outcome is not Outcome.UNDECIDED:
            break
    return comparison


def one_by_one(
    measure_a: Callable[[], Figures], measure_b: Callable[[], Figures]
) -> MeasurePair[Figures]:
    """A pair of which either side is measured by itself, one after the other."""

    def measure_pair(*, a_first: bool) -> tuple[Figures, Figures]:
        if a_first:
            return measure_a(), measure_b()
        b = measure_b()
        return measure_a(), b

    return measure_pair


def measure_pairs(
    measure_pair: MeasurePair[Figures], a: list[Figures], b: list[Figures], pairs: int
) -> None:
    """Adds what is measured to what there is, A B and B A in turns, up to so many pairs."""
    while len(a) < pairs:
        of_a, of_b = measure_pair(a_first=len(a) % 2 == 0)
        a.append(of_a)
        b.append(of_b)


def judge(a: Sequence[float], b: Sequence[float], design: Design) -> Comparison:
    """Judges figures that are there already, at one of the design's looks.

    Args:
        a: A's figures, pair by pair.
        b: B's figures, in the same order.
        design: What is asked.

    Raises:
        BrokenError: The figures are none that could be compared.
    """
    if len(a) != len(b) or not a:
        raise BrokenError(f"found {len(a)} and {len(b)} figures, expected equally many, and some")
    if not all(math.isfinite(each) and each > 0 for each in (*a, *b)):
        raise BrokenError("found a figure that is not above zero: nothing was measured there")
    logs = [math.log(after / before) for before, after in zip(a, b, strict=True)]
    low, high = _bounds(logs, design.level_at(len(logs)))
    limit = math.log1p(design.tolerated)
    if low > limit:
        outcome = Outcome.VIOLATED
    elif high < limit:
        outcome = Outcome.MET
    else:
        outcome = Outcome.UNDECIDED
    return Comparison(
        design=design,
        a=tuple(a),
        b=tuple(b),
        outcome=outcome,
        ratio=math.exp(statistics.median(logs)),
        low=math.exp(low),
        high=math.exp(high),
        more_pairs=_more_pairs(logs, design) if outcome is Outcome.UNDECIDED else None,
        smallest=_smallest(logs, design),
    )


def _bounds(logs: Sequence[float], level: float) -> tuple[float, float]:
    """One-sided bounds of the median; infinite where there are too few figures for any."""
    needed = needed_on_one_side(level)[len(logs)]
    if needed > len(logs):
        return -math.inf, math.inf
    ordered = sorted(logs)
    return ordered[-needed], ordered[needed - 1]


@lru_cache
def needed_on_one_side(level: float) -> tuple[int, ...]:
    """How many of so many pairs must lie on one side of a limit to place the median there."""
    # Slow to import, and most runs of the suite compare nothing.
    from scipy.stats import binom  # noqa: PLC0415

    return tuple(int(each) + 1 for each in binom.isf(level, range(ENDLESS), 0.5))


def _more_pairs(logs: Sequence[float], design: Design) -> int | None:
    limit = math.log1p(design.tolerated)
    above = sum(each > limit for each in logs) / len(logs)
    share = max(above, 1 - above)
    for pairs in range(len(logs) + 1, ENDLESS):
        if share * pairs >= needed_on_one_side(design.level_at(pairs))[pairs]:
            return pairs - len(logs)
    return None


def _smallest(logs: Sequence[float], design: Design) -> float:
    from scipy.stats import beta  # noqa: PLC0415 - see needed_on_one_side

    pairs = design.looks[-1]
    needed = needed_on_one_side(design.level_at(pairs))[pairs]
    # With this share of the pairs beyond the limit, enough of them are so 95 times out of 100.
    share = float(beta.ppf(_POWER, needed, pairs - needed + 1))
    middle = statistics.median(logs)
    spread = sorted(each - middle for each in logs)
    beyond = spread[min(len(spread) - 1, int((1 - share) * len(spread)))]
    return (1 + design.tolerated) * math.exp(max(0.0, -beyond))
