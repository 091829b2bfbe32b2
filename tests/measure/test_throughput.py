from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from triton_claims.errors import BrokenError
from triton_claims.measure.comparison import Outcome
from triton_claims.measure.load import Latencies
from triton_claims.measure.throughput import judge_floor, throughput_bound, window_throughputs

LEVEL = 0.002


def closed_loop(requests, rate=1000.0, at_once=4, seed=0, spread=0.1):
    """As many answers a second, give or take, each after one of as many that are under way."""
    gaps = np.random.default_rng(seed).lognormal(0, spread, requests) / rate
    ended = (np.cumsum(gaps) * 1e9).astype(np.int64)
    began = np.concatenate([np.zeros(at_once, dtype=np.int64), ended])[:requests]
    return Latencies(began, began, ended)


@pytest.mark.parametrize(
    ("requests", "windows"), [(49, 0), (50, 1), (599, 11), (600, 12), (1200, 24), (50_000, 24)]
)
def test_windows_are_of_fifty_answers_at_least_and_24_at_most(requests, windows):
    assert len(window_throughputs(closed_loop(requests))) == windows


def test_windows_together_are_the_throughput():
    latencies = closed_loop(2400, spread=0.5)
    windows = window_throughputs(latencies)
    assert len(windows) / (1 / windows).sum() == pytest.approx(latencies.throughput)


def test_answers_that_come_out_of_order_are_counted_when_they_come():
    latencies = closed_loop(1200)
    mixed = Latencies(latencies.intended[::-1], latencies.sent[::-1], latencies.ended[::-1])
    assert (window_throughputs(mixed) == window_throughputs(latencies)).all()


@pytest.mark.parametrize(
    ("rate", "outcome"),
    [(1100.0, Outcome.MET), (900.0, Outcome.VIOLATED), (1000.0, Outcome.UNDECIDED)],
)
def test_a_floor_is_judged_by_the_windows(rate, outcome):
    found = judge_floor(closed_loop(1200, rate), 1000, LEVEL, LEVEL)
    assert found.outcome is outcome
    assert found.low <= found.throughput <= found.high
    assert (found.low >= 1000) == (outcome is Outcome.MET)
    assert (found.high <= 1000) == (outcome is Outcome.VIOLATED)
    assert outcome.value in str(found)


def test_at_the_floor_the_rates_are_as_stated():
    found = Counter(
        judge_floor(closed_loop(1200, seed=seed), 995.0, 0.05, 0.05).outcome for seed in range(1000)
    )
    assert found[Outcome.MET] <= 70  # 5 % of 1000 at most, and chance
    assert found[Outcome.VIOLATED] <= 70


def test_a_hiccup_costs_one_window():
    latencies = closed_loop(1200, 1100)
    late = latencies.ended + np.where(np.arange(1200) >= 600, 500_000_000, 0)
    hiccup = judge_floor(Latencies(latencies.intended, latencies.sent, late), 1000, LEVEL, LEVEL)
    assert (hiccup.below, hiccup.outcome) == (1, Outcome.MET)


@pytest.mark.parametrize("requests", [1, 49, 400])
def test_too_few_requests_decide_nothing_and_say_how_many_would(requests):
    found = judge_floor(closed_loop(requests), 500, LEVEL, LEVEL)
    assert (found.outcome, found.low, found.high) == (Outcome.UNDECIDED, 0.0, float("inf"))
    assert f"some {found.more} more requests" in str(found)
    enough = judge_floor(closed_loop(requests + found.more), 500, LEVEL, LEVEL)
    assert enough.outcome is Outcome.MET


def test_longer_windows_decide_where_there_are_as_many_as_can_be():
    found = judge_floor(closed_loop(1200, 1010, seed=2), 1000, LEVEL, LEVEL)
    assert (found.outcome, found.windows) == (Outcome.UNDECIDED, 24)
    assert found.more is not None
    later = Counter(
        judge_floor(closed_loop(1200 + 2 * found.more, 1010, seed=seed), 1000, LEVEL, LEVEL).outcome
        for seed in range(20)
    )
    assert later[Outcome.MET] >= 10
    assert later[Outcome.VIOLATED] == 0


def test_just_at_the_floor_no_number_of_requests_is_worth_waiting_for():
    ended = np.arange(1, 1201) * 1_000_000 + np.where(np.arange(1200) // 50 % 2, 9, 0)
    latencies = Latencies(ended - 1_000_000, ended - 1_000_000, ended)
    found = judge_floor(latencies, 1000, LEVEL, LEVEL)
    assert (found.outcome, found.below, found.more) == (Outcome.UNDECIDED, 12, None)
    assert "too close to 1000/s" in found.needed


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")])
def test_a_floor_is_above_zero(limit):
    with pytest.raises(ValueError, match="found a floor"):
        judge_floor(closed_loop(100), limit, LEVEL, LEVEL)


def test_a_recorded_throughput_is_rarely_above_the_truth():
    bounds = [throughput_bound(closed_loop(1200, seed=seed), 0.01) for seed in range(300)]
    assert sum(each > 1000 for each in bounds) <= 8


def test_too_few_requests_have_no_bound():
    with pytest.raises(BrokenError, match="expected at least 350 for a bound"):
        throughput_bound(closed_loop(349), 0.01)
    assert throughput_bound(closed_loop(350), 0.01) > 0
