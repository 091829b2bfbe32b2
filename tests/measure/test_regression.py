from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from triton_claims.errors import BrokenError
from triton_claims.measure.comparison import Outcome
from triton_claims.measure.regression import (
    RegressionDesign,
    judge_regression,
    regress,
)

DESIGN = RegressionDesign()


class Server:
    """Each start has its luck: both figures vary from start to start, and now and then greatly."""

    def __init__(self, seed, times=1.0, spread=0.025, tail=0.05, unlucky=0.02, drift=0.0):
        self.random = np.random.default_rng(seed)
        self.times, self.spread, self.tail = times, spread, tail
        self.unlucky, self.drift = unlucky, drift
        self.starts = 0

    def __call__(self):
        self.starts += 1
        luck = self.times * math.exp(self.drift * self.starts)
        luck *= 3 if self.random.random() < self.unlucky else 1
        return {
            "p50": 0.010 * luck * math.exp(self.spread * self.random.normal()),
            "p99": 0.015 * luck * math.exp(self.tail * self.random.normal()),
        }


def trials(number, times=1.0, extensions=0, slower=None, **server):
    """So many comparisons, each gone on with as far as it said would decide."""
    found = []
    for seed in range(number):
        a = Server(2 * seed, **server)
        b = Server(2 * seed + 1, times, **{**server, **(slower or {})})
        each = regress(a, b, DESIGN)
        for _ in range(extensions):
            if each.more_pairs is None:
                break
            each = regress(a, b, each.design.extended(each.pairs + each.more_pairs), each)
        found.append(each)
    return found


def outcomes(found):
    return Counter(each.outcome for each in found)


@lru_cache
def alike():
    return trials(200)


def constant(p50=0.010, p99=0.015):
    return lambda: {"p50": p50, "p99": p99}


def test_servers_that_are_alike_are_hardly_ever_told_apart():
    assert outcomes(alike())[Outcome.VIOLATED] <= 2


def test_at_what_is_tolerated_both_wrong_verdicts_are_as_rare_as_stated():
    found = outcomes(trials(200, 1.025))
    assert found[Outcome.VIOLATED] <= 4  # 1 % of 200, and chance
    assert found[Outcome.MET] <= 4


@pytest.mark.parametrize("spread", [0.02, 0.03])
def test_a_tenth_slower_is_found(spread):
    found = trials(50, 1.1, spread=spread)
    assert outcomes(found)[Outcome.VIOLATED] >= 49
    assert np.median([each.pairs for each in found]) <= 15


def test_a_twentieth_slower_is_found_within_the_budget_that_it_names():
    found = trials(60, 1.05)
    assert 10 < outcomes(found)[Outcome.UNDECIDED] < 50  # the planned looks do not always do
    assert all(each.more_pairs for each in found if each.outcome is Outcome.UNDECIDED)
    assert outcomes(trials(60, 1.05, extensions=1))[Outcome.VIOLATED] >= 57


def test_servers_that_are_alike_are_met_within_the_budget_that_it_names():
    assert outcomes(trials(60, extensions=1))[Outcome.MET] >= 57


def test_going_on_does_not_wear_out_the_false_alarm_rate():
    found = trials(60, 1.025, extensions=3)
    assert np.median([each.pairs for each in found]) > DESIGN.looks[-1]
    assert outcomes(found)[Outcome.VIOLATED] + outcomes(found)[Outcome.MET] <= 2


def test_all_levels_together_are_the_false_alarm_rate_however_long_it_goes_on():
    for extensions in range(10):
        design = replace(DESIGN, extensions=extensions)
        spent = sum(sum(design.of(name).levels) for name in design.tolerated)
        assert 0.5 * design.false_alarm < spent <= design.false_alarm
    # the looks that were there keep their pairs and their levels
    shorter, longer = DESIGN.of("p50"), design.of("p50")
    assert longer.looks[:4] == shorter.looks
    assert longer.levels[:4] == shorter.levels
    assert longer.looks[4:7] == (54, 81, 122)


def test_a_machine_on_which_a_differs_from_itself_gets_no_verdict_but_the_spread():
    found = trials(30, spread=0.23, tail=0.3)
    assert outcomes(found) == {Outcome.UNDECIDED: 30}
    assert any(
        "the machine is too noisy: starts of the same server differ by 2" in each.needed
        for each in found
    )
    assert all(each.more_pairs is None for each in found)


def test_no_bounds_make_up_for_a_noisy_machine():
    found = trials(20, 2.0, spread=0.25, tail=0.3)
    assert all(each.figures["p50"].comparison.outcome is Outcome.VIOLATED for each in found)
    assert outcomes(found)[Outcome.UNDECIDED] >= 18


@pytest.mark.parametrize(("ratio", "outcome"), [(0.3, Outcome.MET), (6.0, Outcome.VIOLATED)])
def test_a_difference_beside_which_the_noise_is_small_is_told(ratio, outcome):
    found = trials(20, ratio, spread=0.14, tail=0.14)
    assert all(each.figures["p50"].spread_a > DESIGN.noise_limit for each in found[:5])
    assert outcomes(found)[outcome] == 20


def test_one_noisy_figure_does_not_hide_another():
    found = trials(20, 1.1, spread=0.02, tail=0.4)
    assert outcomes(found)[Outcome.VIOLATED] >= 19
    assert all(each.figures["p99"].outcome is Outcome.UNDECIDED for each in found)


def test_a_slower_server_is_no_noise():
    found = regress(Server(1), Server(2, 3.0), DESIGN)
    assert (found.outcome, found.pairs) == (Outcome.VIOLATED, 10)
    assert found.figures["p50"].spread < 0.1


def test_a_slower_server_that_is_unsteady_as_well_is_slower():
    found = trials(20, 2.0, slower={"spread": 0.3, "tail": 0.3})
    assert outcomes(found)[Outcome.VIOLATED] == 20
    assert "though B is unsteady" in str(found[0])
    assert "too noisy" not in str(found[0])


def test_an_unsteady_server_is_not_called_no_slower():
    found = trials(20, 0.6, slower={"spread": 0.4, "tail": 0.4})
    assert outcomes(found)[Outcome.UNDECIDED] == 20
    assert "B is unsteady: its starts differ by" in found[0].needed


@pytest.mark.parametrize("drift", [0.03, -0.03])
def test_a_machine_that_slowly_changes_harms_nobody(drift):
    still, moving = alike()[:50], trials(50, drift=drift)
    assert outcomes(moving) == outcomes(still)
    assert all(
        each.figures["p50"].spread_a == pytest.approx(other.figures["p50"].spread_a, abs=0.02)
        for each, other in zip(moving, still, strict=True)
    )
    assert outcomes(trials(20, 1.1, drift=drift))[Outcome.VIOLATED] == 20


def test_outliers_do_no_harm():
    found = trials(50, unlucky=0.15, extensions=2)
    assert outcomes(found)[Outcome.VIOLATED] == 0
    assert outcomes(found)[Outcome.MET] >= 45
    assert outcomes(trials(30, 1.12, unlucky=0.15))[Outcome.VIOLATED] >= 28


def test_starts_are_made_in_turns_also_where_it_goes_on():
    made = []

    def a():
        made.append("A")
        return {"p50": 1.0, "p99": 1.0}

    def b():
        made.append("B")
        return {"p50": 1.1 if made.count("B") % 2 else 1.0, "p99": 1.0}

    first = regress(a, b, DESIGN)
    assert "".join(made) == "ABBA" * 18
    second = regress(a, b, DESIGN.extended(50), first)
    assert "".join(made) == "ABBA" * 27
    assert (second.pairs, second.design.all_looks[-1]) == (54, 54)
    assert second.figures["p50"].comparison.a[:36] == first.figures["p50"].comparison.a


def test_what_is_decided_is_not_measured_on():
    first = regress(constant(), constant(), DESIGN)
    assert (first.outcome, first.pairs, first.more_pairs) == (Outcome.MET, 10, None)

    def never():
        raise AssertionError("nothing was left to measure")

    assert regress(never, never, DESIGN.extended(100), first).outcome is Outcome.MET


def test_another_questions_figures_are_no_part_of_this_one():
    first = regress(constant(), constant(), DESIGN)
    for other in (RegressionDesign({"p50": 0.1, "p99": 0.15}), replace(DESIGN, false_alarm=0.05)):
        with pytest.raises(ValueError, match="another question"):
            regress(constant(), constant(), other, first)
    longer = replace(first, design=DESIGN.extended(60))
    with pytest.raises(ValueError, match="another question"):
        regress(constant(), constant(), DESIGN, longer)


def test_what_an_early_look_decided_stays_decided_where_later_ones_do_not_decide():
    a = [0.010] * 36
    b = [0.010] * 6 + [0.0103] * 30
    found = judge_regression({"p50": a, "p99": a}, {"p50": b, "p99": a}, DESIGN)
    assert found.figures["p50"].outcome is Outcome.VIOLATED
    b = [0.010] * 10 + [0.0103] * 5
    found = judge_regression({"p50": a[:15], "p99": a[:15]}, {"p50": b, "p99": a[:15]}, DESIGN)
    assert found.figures["p50"].comparison.outcome is Outcome.UNDECIDED
    assert found.figures["p50"].outcome is Outcome.MET


def test_figures_are_what_the_design_says():
    design = RegressionDesign({"start": 0.05, "memory": 0.02, "p90": 0.1}, looks=(11, 20))

    def start():
        return {"start": 1.0, "memory": 100.0, "p90": 0.2, "unasked": 7.0}

    found = regress(start, start, design)
    assert set(found.figures) == {"start", "memory", "p90"}
    assert found.outcome is Outcome.MET
    assert "memory: median ratio 1, between" in str(found)


def test_one_figure_that_is_worse_is_enough():
    found = regress(constant(), constant(p99=0.018), DESIGN)
    assert [each.outcome for each in found.figures.values()] == [Outcome.MET, Outcome.VIOLATED]
    assert found.outcome is Outcome.VIOLATED
    assert (found.needed, found.undecided) == ("", ())


def test_the_smallest_effect_that_would_be_found_is_told():
    found = alike()[0].figures["p50"].comparison.smallest
    assert 1.025 < found < 1.12
    assert f"the smallest ratio found is {found:.4g}" in str(alike()[0])


def test_a_budget_can_be_asked_for_beforehand():
    quiet, noisy = DESIGN.pairs_for("p50", 0.05, 0.02), DESIGN.pairs_for("p50", 0.05, 0.05)
    assert quiet in DESIGN.looks
    assert noisy > DESIGN.looks[-1]
    assert noisy == DESIGN.extended(noisy).all_looks[-1]
    assert DESIGN.pairs_for("p50", 0.0, 0.03) == DESIGN.pairs_for("p50", 1.025**2 - 1, 0.03)
    assert DESIGN.pairs_for("p50", 0.025, 0.03) is None
    assert DESIGN.pairs_for("p50", 0.3, 0.0) == DESIGN.looks[0]


@pytest.mark.parametrize(
    "figures",
    [{}, {"p50": 1.0}, {"p50": 1.0, "p99": 0.0}, {"p50": math.nan, "p99": 1.0}],
)
def test_what_was_not_measured_is_not_judged(figures):
    with pytest.raises(BrokenError, match="found"):
        regress(constant(), lambda: figures, DESIGN)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ({}, {}),
        ({"p50": [], "p99": []}, {"p50": [], "p99": []}),
        ({"p50": [1.0], "p99": [1.0]}, {"p50": [1.0]}),
        ({"p50": [1.0], "p99": [1.0, 2.0]}, {"p50": [1.0], "p99": [1.0]}),
    ],
)
def test_figures_that_are_missing_are_not_judged(a, b):
    with pytest.raises(BrokenError, match="found"):
        judge_regression(a, b, DESIGN)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"tolerated": {}}, "no figures"),
        ({"tolerated": {"p50": -1.0}}, "above -1"),
        ({"looks": (9, 15, 24, 36)}, "expected at least 10"),
        ({"noise_limit": 0.0}, "noise limit"),
        ({"extensions": -1}, "extensions"),
    ],
)
def test_designs_that_can_decide_nothing_are_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        RegressionDesign(**wrong)


def test_nobody_waits_for_thousands_of_starts():
    with pytest.raises(ValueError, match="fewer than 2000"):
        DESIGN.extended(5000)
