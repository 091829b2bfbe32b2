from __future__ import annotations

import time
from threading import Barrier, Thread

import pytest

from triton_claims.servers import work_clock
from triton_claims.servers.work_clock import WorkClock


@pytest.fixture
def hands(monkeypatch):
    """The time, to be set."""
    times = [0.0]
    monkeypatch.setattr(work_clock.time, "perf_counter", lambda: times[0])
    return times


def test_spans_add_up(hands):
    clock = WorkClock()
    for seconds in (2.0, 3.0):
        with clock.running():
            hands[0] += seconds
        hands[0] += 10  # nobody works
    assert clock.seconds == 5.0


def test_spans_inside_each_other_count_once(hands):
    clock = WorkClock()
    with clock.running():
        hands[0] += 1
        with clock.running():
            hands[0] += 2
        hands[0] += 4
    assert clock.seconds == 7.0


def test_a_span_that_fails_counts(hands):
    clock = WorkClock()

    def fail():
        with clock.running():
            hands[0] += 1
            raise ValueError("it does not work")

    with pytest.raises(ValueError, match="does not work"):
        fail()
    assert clock.seconds == 1.0


def test_threads_at_the_same_time_count_once():
    clock = WorkClock()
    all_inside = Barrier(4)

    def work():
        with clock.running():
            all_inside.wait(timeout=30)

    began = time.perf_counter()
    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 < clock.seconds <= time.perf_counter() - began
