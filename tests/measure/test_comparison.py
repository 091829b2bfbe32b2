from __future__ import annotations

import math
import random
from collections import Counter
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triton_claims.errors import BrokenError
from triton_claims.measure.comparison import Comparison, Design, Outcome, compare, judge, overall

DESIGN = Design(tolerated=0.1)


class Clock:
    """Gives figures as starts of a server would: lognormal, now and then three times as long."""

    def __init__(self, seed, middle=1.0, spread=0.06):
        self.random = random.Random(seed)  # noqa: S311 - figures, not secrets
        self.middle, self.spread = middle, spread

    def __call__(self):
        unlucky = 3 if self.random.random() < 0.02 else 1
        return self.middle * self.random.lognormvariate(0, self.spread) * unlucky


def test_what_is_alike_is_met_at_the_first_look():
    found = judge([1.0] * 9, [1.01] * 9, DESIGN)
    assert (found.outcome, found.ratio, found.more_pairs) == (
        Outcome.MET,
        pytest.approx(1.01),
        None,
    )
    assert found.low <= 1.01 <= found.high < 1.1


def test_what_is_more_than_tolerated_is_violated():
    found = judge([2.0] * 9, [2.4] * 9, DESIGN)
    assert found.outcome is Outcome.VIOLATED
    assert found.low == pytest.approx(1.2)


def test_less_can_be_asked_for():
    half = judge([4.0] * 9, [2.0] * 9, Design(tolerated=-0.25))
    alike = judge([4.0] * 9, [3.9] * 9, Design(tolerated=-0.25))
    assert (half.outcome, alike.outcome) == (Outcome.MET, Outcome.VIOLATED)


def test_one_pair_that_disagrees_leaves_it_undecided_at_the_first_look():
    b = [1.2] * 8 + [1.0]
    found = judge([1.0] * 9, b, DESIGN)
    assert found.outcome is Outcome.UNDECIDED
    assert found.more_pairs is not None
    more = found.more_pairs + 9
    # what it says would decide does, if the pairs to come are like those there are
    later = judge([1.0] * more, (b * more)[:more], DESIGN)
    assert later.outcome is Outcome.VIOLATED
    assert f"some {found.more_pairs} more pairs" in str(found)


def test_a_ratio_at_the_limit_is_not_to_be_decided():
    found = judge([1.0] * 36, [1.0, 1.2] * 18, DESIGN)
    assert (found.outcome, found.more_pairs) == (Outcome.UNDECIDED, None)
    assert "too close to 1.1" in found.needed


def test_too_few_pairs_have_no_bounds_and_decide_nothing():
    found = judge([1.0] * 4, [9.0] * 4, DESIGN)
    assert (found.outcome, found.low, found.high) == (Outcome.UNDECIDED, 0.0, math.inf)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([], []),
        ([1.0], []),
        ([0.0], [1.0]),
        ([1.0], [-1.0]),
        ([1.0], [math.nan]),
        ([math.inf], [1]),
    ],
)
def test_what_was_not_measured_is_not_judged(a, b):
    with pytest.raises(BrokenError):
        judge(a, b, DESIGN)


def test_starts_are_made_in_turns():
    made = []
    compare(lambda: made.append("A") or 1.0, lambda: made.append("B") or 1.0, DESIGN)
    assert "".join(made) == "ABBAABBAABBAABBAAB"


def test_it_goes_on_only_while_it_is_undecided_and_no_further_than_its_last_look():
    near = compare(lambda: 1.0, cycle([1.0, 1.2]).__next__, DESIGN)
    assert (near.outcome, len(near.a)) == (Outcome.UNDECIDED, DESIGN.looks[-1])
    clear = compare(lambda: 1.0, lambda: 2.0, DESIGN)
    assert (clear.outcome, len(clear.a)) == (Outcome.VIOLATED, DESIGN.looks[0])


@pytest.mark.parametrize(
    ("middle", "wrong", "at_most"),
    [
        (1.0, Outcome.VIOLATED, 0),  # alike
        (1.1, Outcome.VIOLATED, 6),  # just at what is tolerated: 1 % of 400, and chance
        (1.1, Outcome.MET, 6),
        (1.2, Outcome.MET, 0),
    ],
)
def test_false_alarms_are_as_rare_as_stated(middle, wrong, at_most):
    found = Counter(
        compare(Clock(seed), Clock(10_000 + seed, middle), DESIGN).outcome for seed in range(400)
    )
    assert found[wrong] <= at_most


def test_a_fifth_more_is_found():
    found = Counter(
        compare(Clock(seed), Clock(10_000 + seed, 1.2, 0.04), DESIGN).outcome for seed in range(100)
    )
    assert found[Outcome.VIOLATED] >= 95


def test_the_smallest_difference_found_is_found():
    spread = 0.04
    smallest = sorted(
        compare(Clock(seed, spread=spread), Clock(500 + seed, spread=spread), DESIGN).smallest
        for seed in range(50)
    )[25]
    assert 1.1 < smallest < 1.3
    found = Counter(
        compare(
            Clock(seed, spread=spread), Clock(900 + seed, smallest * 1.02, spread), DESIGN
        ).outcome
        for seed in range(100)
    )
    assert found[Outcome.VIOLATED] >= 85


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"looks": (4, 9)}, "4 pairs decide nothing"),
        ({"looks": (9, 9)}, "rising"),
        ({"looks": ()}, "rising"),
        ({"tolerated": -1.0}, "above -1"),
        ({"tolerated": math.nan}, "above -1"),
        ({"looks": (2000,)}, "fewer than 2000"),
        ({"looks": (9, 15), "levels": (0.005,)}, "one for each of 2 looks"),
        ({"looks": (9, 15), "levels": (0.009, 0.002)}, "in sum at most 0.01"),
        ({"looks": (9, 15), "levels": (0.01, 0.0)}, "one for each"),
        ({"looks": (9, 15), "levels": (0.001, 0.009)}, "9 pairs decide nothing at 0.10%"),
    ],
)
def test_designs_that_can_decide_nothing_are_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        Design(**{"tolerated": 0.1, **wrong})


def test_looks_may_have_levels_of_their_own():
    design = Design(tolerated=0.1, looks=(9, 15, 24), levels=(0.005, 0.004, 0.001))
    levels = {pairs: design.level_at(pairs) for pairs in (4, 9, 14, 15, 24, 30)}
    assert levels == {4: 0.005, 9: 0.005, 14: 0.005, 15: 0.004, 24: 0.001, 30: 0.001}
    strict = judge([1.0] * 24, [1.2] * 19 + [1.0] * 5, design)
    lax = judge([1.0] * 24, [1.2] * 19 + [1.0] * 5, Design(tolerated=0.1, looks=(9, 15, 24)))
    # 5 or fewer of 24 on the other side: 0.0033 by chance
    assert (strict.outcome, lax.outcome) == (Outcome.UNDECIDED, Outcome.VIOLATED)
    assert "99.9%" in str(strict)
    assert strict.more_pairs is not None


def test_a_high_confidence_is_not_told_as_certainty():
    design = Design(tolerated=0.1, looks=(20,), levels=(0.00003,))
    assert "each bound at 99.997%" in str(judge([1.0] * 20, [1.0] * 20, design))


@pytest.mark.parametrize(
    ("outcomes", "together"),
    [
        ([Outcome.MET], Outcome.MET),
        ([Outcome.MET, Outcome.UNDECIDED], Outcome.UNDECIDED),
        ([Outcome.UNDECIDED, Outcome.VIOLATED, Outcome.MET], Outcome.VIOLATED),
    ],
)
def test_of_several_questions_one_no_is_enough(outcomes, together):
    assert overall(outcomes) is together


def test_nothing_judged_is_no_answer():
    with pytest.raises(ValueError, match="nothing that was judged"):
        overall([])


FIGURES = st.lists(
    st.tuples(st.floats(0.001, 1000), st.floats(0.001, 1000)), min_size=1, max_size=40
)


@settings(max_examples=60, deadline=None)
@given(pairs=FIGURES, scale=st.floats(0.01, 100))
def test_the_unit_does_not_matter_and_the_bounds_hold_the_ratio(pairs, scale):
    a, b = zip(*pairs, strict=True)
    found = judge(a, b, DESIGN)
    scaled = judge([each * scale for each in a], [each * scale for each in b], DESIGN)
    assert isinstance(found, Comparison)
    assert found.low <= found.ratio * (1 + 1e-9)
    assert found.ratio <= found.high * (1 + 1e-9)
    assert scaled.ratio == pytest.approx(found.ratio)
