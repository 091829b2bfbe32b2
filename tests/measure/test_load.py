from __future__ import annotations

import gc
import threading
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triton_claims.errors import BrokenError
from triton_claims.measure.load import Latencies, Load, run_load

MILLISECOND = 1_000_000
ONE_AN_HOUR = 1 / 3600
PATIENCE = 30


def at_once():
    pass


def latencies(*milliseconds):
    """One after the other."""
    ended = np.cumsum(milliseconds) * MILLISECOND
    began = ended - np.array(milliseconds) * MILLISECOND
    return Latencies(began, began, ended)


def test_a_closed_loop_keeps_as_many_under_way_as_it_says_and_no_more():
    together = threading.Barrier(3)
    lock, under_way, most = threading.Lock(), [0], [0]

    def send():
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        together.wait(PATIENCE)  # goes on only where three are under way
        with lock:
            under_way[0] -= 1

    found = run_load([send] * 3, Load(requests=30, concurrency=3, warm_up=2))
    assert (len(found), most) == (30, [3])


@pytest.mark.parametrize("rate", [None, 5000.0])
@pytest.mark.parametrize(("requests", "concurrency"), [(1, 1), (101, 4), (3, 8)])
def test_each_answer_is_counted_once_and_warm_up_is_not(rate, requests, concurrency):
    sent = [[] for _ in range(concurrency)]

    def sender(mine):
        return lambda: mine.append(threading.get_ident())

    load = Load(requests=requests, concurrency=concurrency, rate=rate, warm_up=5)
    found = run_load([sender(each) for each in sent], load)
    assert len(found) == requests
    assert sum(map(len, sent)) == requests + 5 * concurrency
    assert all(len(set(each)) == 1 for each in sent)  # a sender has a thread of its own


def test_in_a_closed_loop_a_request_is_meant_for_when_it_is_sent():
    found = run_load([at_once] * 2, Load(requests=50, concurrency=2))
    assert (found.intended == found.sent).all()
    assert (np.diff(found.sent) >= 0).all()
    assert (found.lateness == 0).all()


def test_an_open_loop_counts_from_the_intended_time_where_a_sender_stalls():
    stalled_for = 20 * MILLISECOND
    numbers = iter(range(100))

    def send():
        if next(numbers) == 3:
            until = time.perf_counter_ns() + stalled_for
            while time.perf_counter_ns() < until:
                pass

    load = Load(requests=20, rate=1000, distribution="constant", warm_up=0)
    found = run_load([send], load)
    # Seventeen more were meant to be sent in those 20 ms; a loop that waited for the answer
    # before it looked at the clock would know of one slow request alone.
    assert (found.intended - found.intended[0] == load.offsets()).all()
    behind = found.ended - found.intended
    assert behind[3] >= stalled_for
    assert all(behind[3 + k] >= stalled_for - k * MILLISECOND for k in range(16))
    assert found.lateness[4] >= 0.018
    assert found.percentile(0.5) >= 0.008


def test_an_open_loop_goes_on_where_only_some_senders_are_stalled():
    others = threading.Event()
    lock, answered = threading.Lock(), [0]

    def stalled():
        assert others.wait(PATIENCE)

    def quick():
        with lock:
            answered[0] += 1
            if answered[0] == 10:
                others.set()

    load = Load(requests=11, concurrency=2, rate=2000, distribution="constant", warm_up=0)
    found = run_load([stalled, quick], load)
    assert len(found) == 11  # the quick one sent ten while the other waited for just that


@pytest.mark.parametrize("rate", [None, 1000.0])
@pytest.mark.parametrize("when", [0, 7])
def test_a_sender_that_fails_ends_the_load_and_is_no_quick_answer(rate, when):
    numbers = iter(range(10_000))

    def send():
        if next(numbers) == when:
            raise BrokenError("refused")

    with pytest.raises(BrokenError, match="refused"):
        run_load([send], Load(requests=1000, rate=rate, warm_up=5))
    assert next(numbers) == when + 1


def test_a_failure_wakes_those_that_wait_for_times_far_away():
    numbers = iter(range(3))

    def send():
        if next(numbers) == 2:  # after one each to warm up
            raise BrokenError("died")

    load = Load(requests=2, concurrency=2, rate=ONE_AN_HOUR, distribution="constant", warm_up=1)
    with pytest.raises(BrokenError, match="died"):
        run_load([send] * 2, load)


def test_an_interruption_ends_the_load():
    numbers, failed = iter(range(100)), []

    def send():
        if next(numbers) == 3:
            failed.append(True)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_load([send] * 2, Load(requests=50, concurrency=2, warm_up=0))
    assert failed


def test_there_must_be_a_sender_for_each_request_under_way():
    with pytest.raises(ValueError, match="found 1 senders, expected 2"):
        run_load([at_once], Load(requests=1, concurrency=2))


def test_the_collector_rests_during_a_load_and_not_after_it():
    seen = []
    assert gc.isenabled()
    run_load([lambda: seen.append(gc.isenabled())], Load(requests=1, warm_up=0))
    assert (seen, gc.isenabled()) == ([False], True)


def test_the_same_seed_gives_the_same_times():
    load = Load(requests=100, rate=50, seed=3)
    assert (load.offsets() == Load(requests=100, rate=50, seed=3).offsets()).all()
    assert (load.offsets() != Load(requests=100, rate=50, seed=4).offsets()).any()


def test_constant_rates_are_constant_and_poisson_gaps_are_exponential():
    constant = Load(requests=1001, rate=200, distribution="constant").offsets()
    assert (constant[0], constant[-1]) == (0, pytest.approx(5e9, abs=1))
    assert set(np.diff(constant)) <= {4_999_999, 5_000_000, 5_000_001}
    gaps = np.diff(Load(requests=20_001, rate=200).offsets()) / 1e9
    # mean and deviation of an exponential distribution are the same
    assert gaps.mean() == pytest.approx(1 / 200, rel=0.03)
    assert gaps.std() == pytest.approx(1 / 200, rel=0.03)
    assert (gaps >= 0).all()


def test_a_closed_loop_has_no_times_of_its_own():
    with pytest.raises(ValueError, match="closed loop"):
        Load(requests=1).offsets()


@pytest.mark.parametrize(
    "wrong",
    [
        {"requests": 0},
        {"concurrency": 0},
        {"warm_up": -1},
        {"rate": 0.0},
        {"rate": float("nan")},
        {"rate": float("inf")},
    ],
)
def test_what_is_no_load_is_refused(wrong):
    with pytest.raises(ValueError, match="found"):
        Load(**{"requests": 1, **wrong})


@given(
    milliseconds=st.lists(st.integers(1, 10_000), min_size=1, max_size=300),
    share=st.floats(0.001, 1),
)
def test_percentiles_are_exact(milliseconds, share):
    found = latencies(*milliseconds)
    value = found.percentile(share)
    kept = sum(each <= value for each in found.seconds)
    less = sum(each < value for each in found.seconds)
    assert value in found.seconds
    assert kept >= share * len(milliseconds) - 1e-6
    assert less < share * len(milliseconds)


@pytest.mark.parametrize("share", [0, 1.01, float("nan")])
def test_there_is_no_percentile_of_a_share_that_is_none(share):
    with pytest.raises(ValueError, match="found a share"):
        latencies(1).percentile(share)


def test_two_loads_are_put_together_with_no_time_between_them():
    first, second = latencies(10, 30), latencies(20, 40)
    another_clock = Latencies(
        *(each - 7 * 10**15 for each in (second.intended, second.sent, second.ended))
    )
    for other in (second, another_clock):
        both = first.joined(other)
        assert both.seconds.tolist() == [0.01, 0.03, 0.02, 0.04]
        assert both.throughput == pytest.approx(4 / 0.1)
        assert all(before <= after for before, after in pairwise(both.intended))


@pytest.mark.parametrize(
    ("intended", "sent", "ended"),
    [
        ([], [], []),
        ([0], [0], []),
        ([0], [0], [0]),
        ([5], [4], [6]),
        ([5], [6], [5]),
    ],
)
def test_what_was_not_measured_is_no_latency(intended, sent, ended):
    with pytest.raises(BrokenError, match="found"):
        Latencies(*(np.array(each, dtype=np.int64) for each in (intended, sent, ended)))


def test_loads_are_told_in_a_few_words():
    assert str(Load(requests=1, concurrency=3)) == "closed loop, 3 at once"
    assert str(Load(requests=1, rate=150)) == (
        "open loop, 150 requests/s (poisson), at most 1 at once"
    )
