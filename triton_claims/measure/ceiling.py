"""Judges a load against absolute limits: ceilings of its percentiles, a floor of its throughput.

"The 99th percentile is at most 20 ms" says that at most 1 % of all requests take longer. So the
requests that took longer are counted, and the exact binomial test says what that number leaves
open, as MLPerf's early stopping does. The percentile of the sample itself would pass a server that
is just at the limit every other time.

After as many requests as the design's first look says, the load is judged for the first time. A
limit that is decided stays so; the load goes on to the next look while one is not. The rates of
wrong verdicts are shared out evenly among the looks, so that they hold for all of them together,
whatever the requests at one look say about those at the next.

The test takes it that each slow request comes by itself. Where they come in bursts, so many of
them count as one (:mod:`triton_claims.measure.bursts`), and both the test that counts them all and
the one that counts bursts must agree before anything is decided.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from triton_claims.errors import BrokenError
from triton_claims.measure.bursts import dispersion
from triton_claims.measure.comparison import Outcome, overall
from triton_claims.measure.load import percentile
from triton_claims.measure.throughput import Floor, judge_floor, throughput_bound

if TYPE_CHECKING:
    from collections.abc import Callable

    from triton_claims.measure.load import Latencies

#: Requests beyond which nobody would wait for a decision.
_ENDLESS = 100_000
#: Fewer slow requests than this do not show whether they come in bursts. Where fewer took longer
#: than the limit, so many of the slowest are looked at, and nothing passes that would not pass if
#: these had taken longer, too; and nothing fails.
_TELLING = 8


@dataclass(frozen=True, slots=True)
class CeilingDesign:
    """How sure a verdict on one limit must be.

    The default looks are cheap for medians and 90th percentiles, which the first one decides where
    the server is well inside the limit. For a 99th percentile they pass a server that is just at
    the limit 3 times in 1,000, and one with 0.2 % of its requests beyond it 999 times.

    Attributes:
        false_pass: The probability of ``met`` where the server is just at the limit, over all
            looks.
        false_alarm: The probability of ``violated`` there, over all looks.
        looks: The numbers of requests after which it is judged; the last is the most it measures.
        bursts: Whether slow ones may come in bursts, as requests do. Of what is made one by one,
            such as server starts, far fewer are enough.
        unit: What is counted.

    Raises:
        ValueError: The looks do not rise, or a rate is none.
    """

    false_pass: float = 0.01
    false_alarm: float = 0.01
    looks: tuple[int, ...] = (64, 250, 1000, 2200, 5000)
    bursts: bool = True
    unit: str = "requests"

    def __post_init__(self) -> None:
        """Refuses what is no design."""
        if list(self.looks) != sorted(set(self.looks)) or not self.looks or self.looks[0] < 1:
            raise ValueError(f"found looks {self.looks}, expected rising numbers of requests")
        if not (0 < self.false_pass < 0.5 and 0 < self.false_alarm < 0.5):
            raise ValueError(
                f"found rates {self.false_pass} and {self.false_alarm} of wrong verdicts, expected "
                "shares between 0 and a half"
            )

    @property
    def pass_level(self) -> float:
        """How often one look may pass what is just at the limit."""
        return self.false_pass / len(self.looks)

    @property
    def alarm_level(self) -> float:
        """How often one look may fail what is just at the limit."""
        return self.false_alarm / len(self.looks)

    def most(self, over: float) -> float:
        """How many may have been over the limit, where so many were seen to be."""
        return max(over, _TELLING) if self.bursts else over

    def is_telling(self, over: float) -> bool:
        """Whether so many over the limit are enough to fail anything."""
        return over >= _TELLING or not self.bursts


#: For server starts and their median: nine that keep to the limit are enough.
START_DESIGN = CeilingDesign(looks=(9, 15, 24), bursts=False, unit="server starts")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a load must keep to; None where nothing is asked.

    Attributes:
        p50, p90, p99: Seconds that so many per cent of the requests must keep to.
        throughput: Answers a second that there must be at least.

    Raises:
        ValueError: A limit is not above zero.
    """

    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    throughput: float | None = None

    def __post_init__(self) -> None:
        """Refuses what is no limit."""
        for each in (self.p50, self.p90, self.p99, self.throughput):
            if each is not None and not 0 < each < math.inf:
                raise ValueError(f"found a limit of {each}, expected more than zero")

    @property
    def ceilings(self) -> dict[float, float]:
        """Seconds by the share of the requests that must keep to them, of those asked for."""
        asked = {0.5: self.p50, 0.9: self.p90, 0.99: self.p99}
        return {share: limit for share, limit in asked.items() if limit is not None}


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What was measured of one percentile, and what it comes to.

    Attributes:
        design: How sure the verdict had to be.
        share: Of the requests that must keep to the limit, such as 0.99.
        limit: Seconds.
        percentile: Seconds that this share of the requests kept to.
        cases: How many requests there were.
        over: How many of them took longer than the limit.
        dispersion: How many of the slow requests count as one, because they come in bursts.
        outcome: Whether the server keeps to the limit.
        low, high: Exact bounds of the share of requests that take longer, each wrong with its
            level's probability.
        more: How many more requests would probably decide; None where it is decided, or where no
            number that anybody would wait for would.
    """

    design: CeilingDesign
    share: float
    limit: float
    percentile: float
    cases: int
    over: int
    dispersion: float
    outcome: Outcome
    low: float
    high: float
    more: int | None

    @property
    def name(self) -> str:
        """Such as p99."""
        return f"p{100 * self.share:g}"

    @property
    def allowed(self) -> str:
        """The share that may take longer, in words."""
        return f"{100 * (1 - self.share):.3g}%"

    def __str__(self) -> str:
        """In one sentence."""
        confidence = (
            f"{100 * (1 - self.design.alarm_level):.6g}% and "
            f"{100 * (1 - self.design.pass_level):.6g}%"
        )
        words = (
            f"{self.name} {_milliseconds(self.percentile)}: {self.over} of {self.cases} "
            f"{self.design.unit} took longer than {_milliseconds(self.limit)}, a share "
            f"between {self.low:.2%} and {self.high:.2%} (bounds at {confidence}); at most "
            f"{self.allowed} may: {self.outcome.value}"
        )
        if self.outcome is not Outcome.UNDECIDED:
            return words
        return f"{words}; {self.needed}"

    @property
    def needed(self) -> str:
        """How much more, or what else, would decide, in words."""
        noisy = ""
        if self.dispersion > 1:
            noisy = (
                "too noisy: over-limit requests come in bursts, dispersion "
                f"{self.dispersion:.3g}, so that the {self.cases} count as "
                f"{self.cases / self.dispersion:.0f}; "
            )
        if self.more is None:
            return (
                f"{noisy}the share is too close to {self.allowed} for any number of "
                f"{self.design.unit} that is worth waiting for"
            )
        return f"{noisy}some {self.more} more {self.design.unit} would decide"


@dataclass(frozen=True, slots=True)
class LoadVerdict:
    """All limits of one load.

    Attributes:
        judgements: One for each limit; each as it was when it was decided, or at the last look.
        latencies: All that was measured.
    """

    judgements: tuple[Ceiling | Floor, ...]
    latencies: Latencies

    @property
    def outcome(self) -> Outcome:
        """Violated where one limit is, met where all are, and undecided otherwise."""
        return overall([each.outcome for each in self.judgements])

    @property
    def needed(self) -> str:
        """How much more would decide what is undecided, in words; empty where all is decided."""
        undecided = [each for each in self.judgements if each.outcome is Outcome.UNDECIDED]
        return "; ".join(f"{each.name}: {each.needed}" for each in undecided)

    def __str__(self) -> str:
        """One sentence for each limit."""
        return ". ".join(str(each) for each in self.judgements)


def judge_until_decided(
    measure: Callable[[int], Latencies], limits: Limits, design: CeilingDesign | None = None
) -> LoadVerdict:
    """Measures until every limit of a load is decided, or the looks are used up.

    Args:
        measure: Makes so many further requests.
        limits: What the load must keep to.
        design: How sure the verdict on each limit must be.

    Raises:
        BrokenError: Another number of requests was measured than was asked for.
        ValueError: There are no limits.
    """
    design = design or CeilingDesign()
    if not limits.ceilings and limits.throughput is None:
        raise ValueError("found no limits, expected at least one")
    latencies = _measured(measure, design.looks[0])
    found = _judge_all(latencies, limits, design)
    for look in design.looks[1:]:
        if all(each.outcome is not Outcome.UNDECIDED for each in found):
            break
        latencies = latencies.joined(_measured(measure, look - len(latencies)))
        found = [
            now if before.outcome is Outcome.UNDECIDED else before
            for before, now in zip(found, _judge_all(latencies, limits, design), strict=True)
        ]
    return LoadVerdict(tuple(found), latencies)


def _measured(measure: Callable[[int], Latencies], requests: int) -> Latencies:
    found = measure(requests)
    if len(found) != requests:
        raise BrokenError(f"found {len(found)} answers, expected {requests}, one a request")
    return found


def _judge_all(
    latencies: Latencies, limits: Limits, design: CeilingDesign
) -> list[Ceiling | Floor]:
    found: list[Ceiling | Floor] = [
        judge_ceiling(latencies.seconds, share, limit, design)
        for share, limit in limits.ceilings.items()
    ]
    if limits.throughput is not None:
        levels = design.pass_level, design.alarm_level
        found.append(judge_floor(latencies, limits.throughput, *levels))
    return found


def judge_ceiling(
    latencies: npt.ArrayLike, share: float, limit: float, design: CeilingDesign | None = None
) -> Ceiling:
    """Judges the latencies that are there, at one of the design's looks.

    Args:
        latencies: Seconds, shape ``(n,)``, in order of time.
        share: Of the requests that must keep to the limit, such as 0.99.
        limit: Seconds.
        design: How sure the verdict must be.

    Raises:
        BrokenError: There are no latencies, or some that are none.
        ValueError: The share or the limit is none.
    """
    design = design or CeilingDesign()
    seconds = np.asarray(latencies, dtype=np.float64)
    if not 0 < share < 1 or not 0 < limit < math.inf:
        raise ValueError(f"found {limit} s for a share of {share}, expected what can be kept to")
    if seconds.ndim != 1 or not len(seconds):
        raise BrokenError(f"found latencies of shape {seconds.shape}, expected one for a request")
    if not (np.isfinite(seconds) & (seconds > 0)).all():
        raise BrokenError("found a latency that is not above zero: nothing was measured there")
    cases, slow = len(seconds), seconds > limit
    over = int(slow.sum())
    dispersed = 1.0
    if design.bursts:
        dispersed = dispersion(slow if over >= _TELLING else _slowest(seconds))
    allowed = 1 - share
    # What passes at the eighth slowest request passes at any limit above it as well.
    most = [_Binomial(cases / by, design.most(over) / by) for by in (1, dispersed)]
    least = [_Binomial(cases / by, over / by) for by in (1, dispersed)]
    if max(each.at_most(allowed) for each in most) <= design.pass_level:
        outcome = Outcome.MET
    elif (
        design.is_telling(over)
        and max(each.at_least(allowed) for each in least) <= design.alarm_level
    ):
        outcome = Outcome.VIOLATED
    else:
        outcome = Outcome.UNDECIDED
    return Ceiling(
        design=design,
        share=share,
        limit=limit,
        percentile=percentile(np.sort(seconds), share),
        cases=cases,
        over=over,
        dispersion=dispersed,
        outcome=outcome,
        low=min(each.low(design.alarm_level) for each in least),
        high=max(each.high(design.pass_level) for each in most),
        more=_more(cases, over, allowed, dispersed, design)
        if outcome is Outcome.UNDECIDED
        else None,
    )


def limits_of(latencies: Latencies, margin: float = 0.0, doubt: float = 0.01) -> Limits:
    """Limits that a server like the one measured keeps to.

    The percentiles of a sample are no such limits: the next sample exceeds each of them every
    other time. So the upper bounds of the percentiles are taken, and more by the margin; of the
    throughput the lower bound, and less.

    Args:
        latencies: What was measured; 459 requests or more at the usual doubt.
        margin: Share by which the limits are wider than the bounds. Without any they are the
            bounds themselves, and another run of the same server is often undecided.
        doubt: The probability of each bound to be wrong.

    Raises:
        BrokenError: There are too few requests for a bound.
        ValueError: The margin or the doubt is none.
    """
    if not (0 <= margin < math.inf and 0 < doubt < 0.5):
        raise ValueError(f"found margin {margin} and doubt {doubt}, expected shares")
    bounds = {share: upper_bound(latencies.seconds, share, doubt) for share in (0.5, 0.9, 0.99)}
    return Limits(
        p50=bounds[0.5] * (1 + margin),
        p90=bounds[0.9] * (1 + margin),
        p99=bounds[0.99] * (1 + margin),
        throughput=throughput_bound(latencies, doubt) / (1 + margin),
    )


def upper_bound(values: npt.ArrayLike, share: float, doubt: float = 0.01) -> float:
    """What this share of all values keeps to, with as much doubt at most; not only of these.

    Args:
        values: Shape ``(n,)``, such as the seconds of requests or of server starts.
        share: Such as 0.99.
        doubt: The probability of the bound to be wrong.

    Raises:
        BrokenError: There are too few values for a bound.
    """
    from scipy.stats import binom  # noqa: PLC0415 - slow to import, and few runs need it

    ordered = np.sort(np.asarray(values, dtype=np.float64))
    place = int(binom.ppf(1 - doubt, len(ordered), share)) + 1  # the first one is 1
    if place > len(ordered):
        fewest = math.ceil(math.log(doubt) / math.log(share))
        raise BrokenError(
            f"found {len(ordered)} figures, expected at least {fewest} for a bound of their "
            f"p{100 * share:g}"
        )
    return float(ordered[place - 1])


def _slowest(seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    few = min(_TELLING, len(seconds))
    slowest: npt.NDArray[np.bool_] = seconds >= np.partition(seconds, -few)[-few]
    return slowest


@dataclass(frozen=True, slots=True)
class _Binomial:
    """So many cases with so many events; neither needs to be a whole number."""

    cases: float
    events: float

    def at_most(self, share: float) -> float:
        """The probability of no more events than these at that share."""
        from scipy.special import betainc  # noqa: PLC0415 - see upper_bound

        if self.events >= self.cases:
            return 1.0
        return float(betainc(self.cases - self.events, self.events + 1, 1 - share))

    def at_least(self, share: float) -> float:
        """The probability of no fewer events than these at that share."""
        from scipy.special import betainc  # noqa: PLC0415 - see upper_bound

        if self.events <= 0:
            return 1.0
        return float(betainc(self.events, self.cases - self.events + 1, share))

    def low(self, level: float) -> float:
        """The least the share is, wrong with the level's probability."""
        from scipy.special import betaincinv  # noqa: PLC0415 - see upper_bound

        if self.events <= 0:
            return 0.0
        return float(betaincinv(self.events, self.cases - self.events + 1, level))

    def high(self, level: float) -> float:
        """The most the share is, wrong with the level's probability."""
        from scipy.special import betaincinv  # noqa: PLC0415 - see upper_bound

        if self.events >= self.cases:
            return 1.0
        return float(betaincinv(self.events + 1, self.cases - self.events, 1 - level))


def _more(
    cases: int, over: int, allowed: float, dispersed: float, design: CeilingDesign
) -> int | None:
    """How many more requests decide if they are like those there are."""
    share = over / cases

    def decides(later: int) -> bool:
        if share < allowed:
            events = design.most(later * share) / dispersed
            return _Binomial(later / dispersed, events).at_most(allowed) <= design.pass_level
        found = _Binomial(later / dispersed, later * share / dispersed)
        return design.is_telling(later * share) and found.at_least(allowed) <= design.alarm_level

    enough, too_few = _ENDLESS, cases
    if not decides(enough):
        return None
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        if decides(middle):
            enough = middle
        else:
            too_few = middle
    return enough - cases


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.4g} ms"
