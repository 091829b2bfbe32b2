from __future__ import annotations

import random
from collections import Counter

import pytest

from triton_claims.errors import BrokenError
from triton_claims.measure.comparison import Outcome
from triton_claims.measure.growth import GrowthDesign, find_growth, judge_growth

ROUND = 100


class Process:
    """Memory that leaks, and memory that wanders about a level it climbs to at first."""

    def __init__(self, seed, leak=0.0, level=0.0, wander=0.0, steps=0.0):
        self.random = random.Random(seed)  # noqa: S311 - figures, not secrets
        self.leak, self.level, self.wander, self.steps = leak, level, wander, steps
        self.rounds = 0

    def work(self):
        self.rounds += 1
        return ROUND

    def memory(self):
        climbed = self.level * (1 - 0.5**self.rounds)
        stepped = self.steps * (self.rounds > 12)
        wandered = self.random.gauss(0, self.wander)
        return 40 + climbed + stepped + wandered + self.leak * self.rounds


def outcome(process):
    return find_growth(process.work, process.memory).outcome


@pytest.mark.parametrize("wander", [0.0, 0.2, 1.0])
def test_a_mebibyte_for_100_requests_is_a_leak(wander):
    found = Counter(outcome(Process(seed, leak=1, wander=wander)) for seed in range(20))
    assert found == {Outcome.VIOLATED: 20}


@pytest.mark.parametrize("wander", [0.0, 0.2, 1.0])
def test_a_level_is_no_leak(wander):
    found = Counter(outcome(Process(seed, level=60, wander=wander)) for seed in range(40))
    assert Outcome.VIOLATED not in found
    assert found[Outcome.MET] >= 36


def test_one_step_to_another_level_is_no_leak():
    found = Counter(outcome(Process(seed, steps=20, wander=0.1)) for seed in range(20))
    assert Outcome.VIOLATED not in found


def test_noise_that_hides_a_leak_leaves_it_undecided():
    found = find_growth(*(p := Process(1, leak=0.25, wander=5), (p.work, p.memory))[1])
    assert found.outcome is Outcome.UNDECIDED
    assert found.rounds == GrowthDesign().looks[-1]
    assert "undecided" in str(found)


def test_the_slope_is_told_for_100_requests():
    found = judge_growth(
        [number * 50 for number in range(13)], [number * 0.5 for number in range(13)]
    )
    assert (found.outcome, found.slope) == (Outcome.VIOLATED, pytest.approx(1.0))


@pytest.mark.parametrize(
    ("requests", "held"),
    [
        ([], []),
        (list(range(5)), [1.0] * 5),  # upstream's own test calls this a pass
        ([0] * 12, [1.0] * 12),
        (list(range(12)), [1.0] * 11),
    ],
)
def test_too_little_is_not_judged(requests, held):
    with pytest.raises(BrokenError, match="expected at least 8"):
        judge_growth(requests, held)
