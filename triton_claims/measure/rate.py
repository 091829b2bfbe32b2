"""How often something happens: a rate, judged against a stated bound.

An intermittent fault that did not show in a few tries has not been shown to be gone. So a rate is
told with what it can be at most and at least, each with a stated confidence (Clopper and Pearson's
exact bounds), and is below or above a bound only where that leaves no doubt.
"""

from __future__ import annotations

from dataclasses import dataclass

#: How sure each of the two bounds is.
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Rate:
    """What so many cases say of the rate of an event.

    Args:
        events: In how many of the cases it happened.
        cases: How many there were.
        low: The least the rate is, with 95 % confidence.
        high: The most it is, with 95 % confidence.
    """

    events: int
    cases: int
    low: float
    high: float

    def is_below(self, bound: float) -> bool:
        """Whether the rate is certainly below a bound."""
        return self.high < bound

    def is_above(self, bound: float) -> bool:
        """Whether the rate is certainly above a bound."""
        return self.low > bound

    def __str__(self) -> str:
        """The rate in words."""
        return f"{self.events} of {self.cases} (from {self.low:.0%} to {self.high:.0%})"


def rate(events: int, cases: int) -> Rate:
    """Gives the rate of an event with its bounds; without cases it can be anything.

    Raises:
        ValueError: There are more events than cases, or fewer than none.
    """
    if not 0 <= events <= cases:
        raise ValueError(f"found {events} events in {cases} cases")
    # Slow to import, and most runs of the suite judge no rate.
    from scipy.stats import beta  # noqa: PLC0415

    doubt = 1 - _CONFIDENCE
    low = float(beta.ppf(doubt, events, cases - events + 1)) if events else 0.0
    high = float(beta.ppf(1 - doubt, events + 1, cases - events)) if events < cases else 1.0
    return Rate(events, cases, low, high)
