from __future__ import annotations

import numpy as np
import pytest

from triton_claims.measure.bursts import dispersion


def apart(cases, share, seed):
    return np.random.default_rng(seed).random(cases) < share


def in_bursts(cases, share, length, seed):
    """Bursts that begin anywhere, of so many events in a row."""
    began = apart(cases, share / length, seed)
    return np.convolve(began, np.ones(length))[:cases] > 0


@pytest.mark.parametrize(("cases", "share"), [(64, 0.5), (250, 0.1), (2200, 0.01), (5000, 0.002)])
def test_events_that_come_by_themselves_are_rarely_called_bursts(cases, share):
    found = [dispersion(apart(cases, share, seed)) for seed in range(500)]
    assert sum(each > 1 for each in found) <= 12  # 1 % of 500, and chance
    assert min(found) == 1.0


@pytest.mark.parametrize("length", [5, 10, 20, 50])
def test_bursts_are_seen_and_sized(length):
    found = [dispersion(in_bursts(5000, 0.1, length, seed)) for seed in range(100)]
    assert sum(each > 1 for each in found) >= 99
    assert 0.7 * length < np.median(found) < 2.5 * length


def test_one_slow_stretch_is_a_burst():
    slow = np.zeros(1000, dtype=bool)
    slow[400:460] = True
    assert dispersion(slow) > 30


@pytest.mark.parametrize(
    "happened",
    [np.zeros(100), np.ones(100), np.arange(100) == 5, np.arange(29) < 20, np.zeros(0)],
)
def test_nothing_is_known_of_bursts_where_there_is_nothing_to_see(happened):
    assert dispersion(happened.astype(bool)) == 1.0


def test_the_same_events_give_the_same_dispersion():
    events = in_bursts(2200, 0.02, 5, 1)
    assert dispersion(events) == dispersion(events.copy())
