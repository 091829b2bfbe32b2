"""Tells whether B is slower than A, by several figures of each server start at once.

Each start of a server gives some figures, such as the median and the 99th percentile of its
requests. Starts are made in pairs and in turns, and each figure is compared as
:mod:`triton_claims.measure.comparison` does. B is slower where one of its figures is, and no slower
where none is.

The false-alarm rate is that of the whole question: it is shared out among the figures, and of
each figure's share four fifths go to the looks that are planned, evenly. The last fifth is kept
for going on: the looks after the planned ones come at numbers of pairs that are fixed beforehand,
each half as many again as the one before, and the j-th of them has the j(j+1)-th part of it.
However often somebody goes on, and whatever made him, all looks together stay within the rate.

A machine on which starts of the same server differ too much is no place for a comparison: there
is no verdict, and the reason is said. How much they differ is seen in A alone, from one start to
the next, so that a machine that slowly changes is no noise, and a B that is slower is none either.
The ratios of the pairs tell it, too, unless B differs far more from itself than A does: then it is
not the machine, and a B that is slower as well is still called slower. Nor does noise stand in the
way of a difference beside which it is small: what is too noisy to tell a tenth more may well tell
that B takes half as long.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from triton_claims.errors import BrokenError
from triton_claims.measure.comparison import (
    ENDLESS,
    Comparison,
    Design,
    Outcome,
    judge,
    measure_pairs,
    needed_on_one_side,
    one_by_one,
    overall,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from triton_claims.measure.comparison import MeasurePair

#: The part of the false-alarm rate that is kept for looks beyond the planned ones.
_RESERVE = 0.2
#: How many more pairs each of those has, as a part of those before.
_STEP = 0.5
#: How often a budget that is named is enough.
_POWER = 0.95
#: What varies so many times as much as another one on the same machine has its own reasons.
_UNSTEADY = 5
#: So many times as far from what is tolerated as pairs differ from one another: beyond all noise.
_FAR = 3
#: Makes the median distance from the median a standard deviation, where that is what there is.
_TO_DEVIATION = 1.4826


def _next_look(pairs: int) -> int:
    return pairs + math.ceil(_STEP * pairs)


@dataclass(frozen=True, slots=True)
class RegressionDesign:
    """What is asked, and how sure the answer must be.

    Attributes:
        tolerated: What B may have beyond A, as a share of A, by the name of the figure.
        false_alarm: The probability that a B that has just what is tolerated, or less, comes out
            as slower; of all figures and looks together. Also that of a B that comes out as no
            slower where one of its figures is just at what is tolerated.
        looks: The numbers of pairs of starts after which it is judged.
        noise_limit: By how much starts of the same server may differ, as a standard deviation and a
            share. Beyond a tenth, twice ten starts find a tenth more in one of three trials alone:
            only limits in seconds help there. A figure of which more is tolerated may differ as
            much.
        extensions: How many further looks there are; see extended.

    Raises:
        ValueError: It asks nothing, or could decide nothing.
    """

    tolerated: Mapping[str, float] = field(default_factory=lambda: {"p50": 0.025, "p99": 0.15})
    false_alarm: float = 0.01
    looks: tuple[int, ...] = (10, 15, 22, 36)
    noise_limit: float = 0.1
    extensions: int = 0

    def __post_init__(self) -> None:
        """Refuses designs that can decide nothing."""
        if not self.tolerated:
            raise ValueError("found no figures to compare, expected at least one")
        if not self.noise_limit > 0 or self.extensions < 0:
            raise ValueError(
                f"found noise limit {self.noise_limit} and {self.extensions} extensions, expected "
                "more than none, and none or more"
            )
        for name in self.tolerated:
            self.of(name)

    @property
    def all_looks(self) -> tuple[int, ...]:
        """The planned looks and the further ones."""
        looks = list(self.looks)
        for _ in range(self.extensions):
            looks.append(_next_look(looks[-1]))
        return tuple(looks)

    def of(self, name: str) -> Design:
        """What is asked of one figure."""
        alarm = self.false_alarm / len(self.tolerated)
        planned = [alarm * (1 - _RESERVE) / len(self.looks)] * len(self.looks)
        further = [alarm * _RESERVE / (j * (j + 1)) for j in range(1, self.extensions + 1)]
        return Design(self.tolerated[name], alarm, self.all_looks, (*planned, *further))

    def noise_limit_of(self, name: str) -> float:
        """By how much starts of the same server may differ in this figure."""
        return max(self.noise_limit, self.tolerated[name])

    def extended(self, pairs: int) -> RegressionDesign:
        """The same question with so many further looks that there are at least so many pairs.

        Raises:
            ValueError: Nobody would wait for as many.
        """
        longer = self
        while longer.all_looks[-1] < pairs:
            longer = replace(longer, extensions=longer.extensions + 1)
        return longer

    def pairs_for(self, name: str, more: float, spread: float) -> int | None:
        """The number of pairs that decides 95 times out of 100; None where none does.

        Args:
            name: Of the figure.
            more: What B has beyond A, as a share of A.
            spread: Of the ratios of the pairs, as a standard deviation and a share; of starts that
                differ by as much each, it is 1.4 times that.
        """
        from scipy.stats import binom, norm  # noqa: PLC0415 - slow to import

        distance = abs(math.log1p(more) - math.log1p(self.tolerated[name]))
        beyond = float(norm.cdf(distance / spread)) if spread else float(distance > 0)
        extensions, last = self.extensions, self.all_looks[-1]
        while (last := _next_look(last)) < ENDLESS:
            extensions += 1
        design = replace(self, extensions=extensions).of(name)
        for pairs in design.looks:
            needed = needed_on_one_side(design.level_at(pairs))[pairs]
            if needed <= pairs and float(binom.sf(needed - 1, pairs, beyond)) >= _POWER:
                return pairs
        return None


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of both servers, and what it comes to.

    Attributes:
        name: Such as p50.
        comparison: All pairs, with the ratio, its bounds, and the smallest effect that is found.
        outcome: What it comes to, after all looks that there were, and where noise permits any.
        spread_a, spread_b: By how much A's figures, and B's, differ from one start to the next: a
            standard deviation as a share, robust against outliers.
        spread: The same of the ratios of the pairs.
        noise_limit: How much is too much for starts of the same server.
        more_pairs: How many more pairs would probably decide; None where it is decided, and where
            it is too noisy, or too close to what is tolerated.
    """

    name: str
    comparison: Comparison
    outcome: Outcome
    spread_a: float
    spread_b: float
    spread: float
    noise_limit: float
    more_pairs: int | None

    @property
    def is_noisy(self) -> bool:
        """Whether starts of the same server differ too much for any verdict."""
        if self._is_far_beyond_noise:
            return False
        return self.spread_a > self.noise_limit or (self._ratios_differ and not self.is_unsteady)

    @property
    def is_unsteady(self) -> bool:
        """Whether B's starts differ too much while A's, on the same machine, do not at all."""
        return self._ratios_differ and self.spread_b > _UNSTEADY * self.spread_a

    @property
    def _ratios_differ(self) -> bool:
        return self.spread > math.sqrt(2) * self.noise_limit

    @property
    def _is_far_beyond_noise(self) -> bool:
        distance = math.log(self.comparison.ratio) - math.log1p(self.comparison.design.tolerated)
        return abs(distance) > _FAR * max(self.spread, math.sqrt(2) * self.spread_a)

    @property
    def needed(self) -> str:
        """How much more, or what else, would decide, in words."""
        if self.is_noisy:
            # Of the ratios, each start has a half of the variance.
            differ = max(self.spread_a, self.spread / math.sqrt(2))
            return (
                f"the machine is too noisy: starts of the same server differ by {differ:.0%}, and "
                f"{self.noise_limit:.0%} is the most that a comparison makes sense with; a quieter "
                "machine would decide, or limits in seconds"
            )
        if self.is_unsteady:
            return (
                f"B is unsteady: its starts differ by {self.spread_b:.0%}, and A's by "
                f"{self.spread_a:.0%}; no number of pairs makes up for that"
            )
        if self.more_pairs is None:
            return (
                f"the ratio is too close to {1 + self.comparison.design.tolerated:.4g} for any "
                "number of pairs that is worth waiting for"
            )
        return f"some {self.more_pairs} more pairs would decide"

    def __str__(self) -> str:
        """In one sentence."""
        words = (
            f"{self.name}: {self.comparison.measured}; starts of A differ by {self.spread_a:.1%}, "
            f"those of B by {self.spread_b:.1%}; the smallest ratio found is "
            f"{self.comparison.smallest:.4g}: {self.outcome.value}"
        )
        if self.outcome is Outcome.UNDECIDED:
            return f"{words}; {self.needed}"
        return f"{words}, though B is unsteady" if self.is_unsteady else words


@dataclass(frozen=True, slots=True)
class Regression:
    """What was measured, and what it comes to.

    Attributes:
        design: What was asked.
        figures: What each figure comes to, by its name.
        outcome: Violated where one figure is, met where all are, and undecided otherwise.
    """

    design: RegressionDesign
    figures: Mapping[str, Figure]
    outcome: Outcome

    @property
    def pairs(self) -> int:
        """How many pairs of starts there were."""
        return len(next(iter(self.figures.values())).comparison.a)

    @property
    def undecided(self) -> tuple[Figure, ...]:
        """The figures that are undecided; none where the outcome is not."""
        if self.outcome is not Outcome.UNDECIDED:
            return ()
        return tuple(each for each in self.figures.values() if each.outcome is Outcome.UNDECIDED)

    @property
    def more_pairs(self) -> int | None:
        """How many more pairs would probably decide; None where it is decided, or none would."""
        # One figure beyond what is tolerated decides it all.
        slower = [
            each.more_pairs
            for each in self.undecided
            if each.comparison.ratio > 1 + each.comparison.design.tolerated
            and each.more_pairs is not None
        ]
        if slower:
            return min(slower)
        wanted = [each.more_pairs for each in self.undecided]
        known = [each for each in wanted if each is not None]
        return max(known) if known and len(known) == len(wanted) else None

    @property
    def needed(self) -> str:
        """How much more, or what else, would decide, in words; empty where it is decided."""
        if self.more_pairs is not None:
            return f"some {self.more_pairs} more pairs of server starts would decide"
        return "; ".join(f"{each.name}: {each.needed}" for each in self.undecided)

    def __str__(self) -> str:
        """One sentence for each figure."""
        return ". ".join(str(each) for each in self.figures.values())


def regress(
    measure_a: Callable[[], Mapping[str, float]],
    measure_b: Callable[[], Mapping[str, float]],
    design: RegressionDesign | None = None,
    earlier: Regression | None = None,
) -> Regression:
    """As :func:`regress_pairs`, where either side is measured by itself.

    Args:
        measure_a: Starts A once and gives its figures.
        measure_b: The same of B.
        design: What is asked.
        earlier: What was measured already.
    """
    return regress_pairs(one_by_one(measure_a, measure_b), design, earlier)


def regress_pairs(
    measure_pair: MeasurePair[Mapping[str, float]],
    design: RegressionDesign | None = None,
    earlier: Regression | None = None,
) -> Regression:
    """Measures pairs of starts, in turns, until the design's question is decided or it gives up.

    Args:
        measure_pair: Starts A and B once and gives their figures, by the names in the design;
            those that it does not name are not looked at.
        design: What is asked. To go on where an earlier one gave up, hand over
            ``earlier.design.extended(earlier.pairs + earlier.more_pairs)``.
        earlier: What was measured already.

    Raises:
        BrokenError: A figure is missing, or none.
        ValueError: What was measured earlier was another question's.
    """
    design = design or RegressionDesign()
    if earlier and (
        replace(earlier.design, extensions=0) != replace(design, extensions=0)
        or earlier.design.extensions > design.extensions
    ):
        raise ValueError("found another question's figures, expected those of a shorter design")

    def complete_pair(*, a_first: bool) -> tuple[dict[str, float], dict[str, float]]:
        of_a, of_b = measure_pair(a_first=a_first)
        return _complete(of_a, design), _complete(of_b, design)

    a = _starts(earlier, "a")
    b = _starts(earlier, "b")
    found = earlier
    for look in design.all_looks:
        if look <= len(a) and found:
            continue
        if found and found.outcome is not Outcome.UNDECIDED:
            break
        measure_pairs(complete_pair, a, b, look)
        found = judge_regression(_by_name(a, design), _by_name(b, design), design)
    if found is None:  # a design has looks
        raise BrokenError("nothing was measured")
    return found


def judge_regression(
    a: Mapping[str, Sequence[float]], b: Mapping[str, Sequence[float]], design: RegressionDesign
) -> Regression:
    """Judges figures that are there already, at one of the design's looks.

    Args:
        a: A's figures by their names, start by start.
        b: B's figures, in the same order.
        design: What is asked.

    Raises:
        BrokenError: A figure is missing, or none.
    """
    missing = [name for name in design.tolerated if name not in a or name not in b]
    if missing or len({len(each[name]) for each in (a, b) for name in design.tolerated}) > 1:
        raise BrokenError(
            f"found figures {', '.join(sorted(a)) or 'none'} of A and "
            f"{', '.join(sorted(b)) or 'none'} of B, expected {', '.join(design.tolerated)} of "
            "both, from as many starts"
        )
    figures = {name: _figure(name, a[name], b[name], design) for name in design.tolerated}
    return Regression(design, figures, overall([each.outcome for each in figures.values()]))


def _figure(name: str, a: Sequence[float], b: Sequence[float], design: RegressionDesign) -> Figure:
    asked = design.of(name)
    comparison = judge(a, b, asked)
    outcome = comparison.outcome
    # What an earlier look decided stays decided, unless a later one decides otherwise.
    for look in reversed([each for each in asked.looks if each < len(a)]):
        if outcome is Outcome.UNDECIDED:
            outcome = judge(a[:look], b[:look], asked).outcome
    spread = _spread([math.log(after / before) for before, after in zip(a, b, strict=True)])
    figure = Figure(
        name=name,
        comparison=comparison,
        outcome=outcome,
        spread_a=_from_start_to_start(a),
        spread_b=_from_start_to_start(b),
        spread=spread,
        noise_limit=design.noise_limit_of(name),
        more_pairs=None,
    )
    if figure.is_noisy or (figure.is_unsteady and outcome is Outcome.MET):
        return replace(figure, outcome=Outcome.UNDECIDED)
    if outcome is not Outcome.UNDECIDED or figure.is_unsteady:
        return figure
    total = _budget(comparison, spread, design, name)
    return replace(figure, more_pairs=None if total is None else total - len(a))


def _budget(
    comparison: Comparison, spread: float, design: RegressionDesign, name: str
) -> int | None:
    """How many pairs would decide, of those that a design has looks for."""
    total = design.pairs_for(name, comparison.ratio - 1, spread)
    if total is None:
        # Too close, as far as this is known: the ratio may well be off by its standard error.
        off = math.sqrt(math.pi / 2 / len(comparison.a)) * spread
        limit = 1 + comparison.design.tolerated
        further = comparison.ratio * math.exp(off if comparison.ratio > limit else -off)
        total = design.pairs_for(name, further - 1, spread)
    if total is not None and total <= len(comparison.a):  # these had bad luck
        return design.extended(len(comparison.a) + 1).all_looks[-1]
    return total


def _spread(logs: Sequence[float]) -> float:
    middle = statistics.median(logs)
    return _TO_DEVIATION * statistics.median(abs(each - middle) for each in logs)


def _from_start_to_start(figures: Sequence[float]) -> float:
    """Of one server's figures, whatever happens to the machine in the long run."""
    if len(figures) < 2:
        return 0.0
    steps = [math.log(after / before) for before, after in pairwise(figures)]
    return _spread(steps) / math.sqrt(2)


def _complete(figures: Mapping[str, float], design: RegressionDesign) -> dict[str, float]:
    missing = [name for name in design.tolerated if name not in figures]
    if missing:
        raise BrokenError(
            f"found figures {', '.join(figures) or 'none'} of a start, expected "
            f"{', '.join(missing)} as well"
        )
    return {name: figures[name] for name in design.tolerated}


def _starts(earlier: Regression | None, side: str) -> list[dict[str, float]]:
    """Start by start, what is kept figure by figure."""
    if earlier is None:
        return []
    columns = {name: getattr(each.comparison, side) for name, each in earlier.figures.items()}
    return [
        {name: column[number] for name, column in columns.items()}
        for number in range(earlier.pairs)
    ]


def _by_name(
    starts: Sequence[Mapping[str, float]], design: RegressionDesign
) -> dict[str, list[float]]:
    return {name: [each[name] for each in starts] for name in design.tolerated}
