"""Rates: told with their bounds, judged only where these leave no doubt."""

from __future__ import annotations

import pytest
from scipy import stats

from triton_claims.measure.rate import rate


def test_nothing_is_known_of_no_cases():
    assert (rate(0, 0).low, rate(0, 0).high) == (0.0, 1.0)
    assert not rate(0, 0).is_below(0.99)
    assert not rate(0, 0).is_above(0.01)


@pytest.mark.parametrize(
    ("events", "cases", "below", "above"),
    [
        (0, 13, False, False),
        (0, 14, True, False),  # 0.8 ** 14 < 0.05
        (1, 21, False, False),
        (1, 22, True, False),
        (1, 1, False, False),  # one case decides nothing
        (2, 2, False, True),  # 0.2 ** 2 < 0.05
        (2, 3, False, False),
        (14, 14, False, True),
    ],
)
def test_a_rate_is_judged_where_there_is_no_doubt(events, cases, below, above):
    found = rate(events, cases)
    assert (found.is_below(0.2), found.is_above(0.2)) == (below, above)


@pytest.mark.parametrize(("events", "cases"), [(1, 7), (3, 7), (6, 7), (40, 100)])
def test_the_bounds_are_where_chance_alone_would_hardly_go(events, cases):
    found = rate(events, cases)
    assert found.low < events / cases < found.high
    assert stats.binom.sf(events - 1, cases, found.low) == pytest.approx(0.05)
    assert stats.binom.cdf(events, cases, found.high) == pytest.approx(0.05)


@pytest.mark.parametrize(("events", "cases"), [(2, 1), (-1, 3)])
def test_more_events_than_cases_are_refused(events, cases):
    with pytest.raises(ValueError, match="found"):
        rate(events, cases)


def test_a_rate_is_told_with_its_bounds():
    assert str(rate(2, 2)) == "2 of 2 (from 22% to 100%)"
