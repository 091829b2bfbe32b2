from __future__ import annotations

import pytest
from verdicts.samples import cell

from triton_claims.verdicts.outcome import Require, counts_of, outcome_of
from triton_claims.verdicts.verdict import Verdict


def failures(*verdicts, accepted=(), **asked):
    cells = [cell(verdict=verdict) for verdict in verdicts]
    cells += [cell(verdict=verdict, accepted="looked into") for verdict in accepted]
    outcome = outcome_of(cells, **asked)
    assert outcome.passes is (not outcome.failures)
    return list(outcome.failures)


@pytest.mark.parametrize("verdict", [Verdict.CONFIRMED, Verdict.BASELINE])
def test_a_run_passes_with_one_good_answer(verdict):
    assert failures(verdict) == []
    assert failures(verdict, Verdict.BLOCKED) == []


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict.fails])
def test_one_failing_cell_fails_the_run_unless_it_is_accepted(verdict):
    assert failures(Verdict.CONFIRMED, verdict) == [f"1 {verdict.value}"]
    assert failures(Verdict.CONFIRMED, accepted=[verdict]) == []


def test_every_reason_is_told_with_its_number():
    assert failures(
        *(Verdict.ERROR, Verdict.REFUTED, Verdict.UNDECIDED, Verdict.REFUTED, Verdict.PREMATURE),
        stale=["acceptances.toml:3: gone"],
        require=Require.DECIDED,
    ) == [
        "2 refuted",
        "1 premature",
        "1 undecided",
        "1 error",
        "2 of 5 not decided, which --require asks",
        "acceptances.toml:3: gone",
    ]


@pytest.mark.parametrize("verdicts", [(), (Verdict.BLOCKED,), (Verdict.BLOCKED,) * 3])
def test_a_run_that_decided_nothing_fails(verdicts):
    assert failures(*verdicts) == ["nothing was decided"]


def test_an_accepted_error_decides_nothing():
    assert failures(accepted=[Verdict.ERROR]) == ["nothing was decided"]
    assert failures(accepted=[Verdict.REFUTED]) == []


@pytest.mark.parametrize(
    ("verdict", "confirmed", "decided"),
    [
        (Verdict.CONFIRMED, True, True),
        (Verdict.BASELINE, False, True),
        (Verdict.BLOCKED, False, False),
    ],
)
def test_require_insists(verdict, confirmed, decided):
    asked = {Require.CONFIRMED: confirmed, Require.DECIDED: decided}
    for require, enough in asked.items():
        told = failures(Verdict.CONFIRMED, verdict, require=require)
        missing = f"1 of 2 not {require.value}, which --require asks"
        assert told == ([] if enough else [missing])


def test_a_stale_acceptance_fails_the_run():
    assert failures(Verdict.CONFIRMED, stale=["remove it"]) == ["remove it"]


def test_what_failed_outside_the_checks_fails_the_run():
    assert failures(Verdict.CONFIRMED, outside=2) == ["2 failures outside the checks"]


def test_counts_name_every_verdict_and_tell_accepted_cells_apart():
    cells = [cell(), cell(verdict=Verdict.REFUTED, accepted="looked into")]
    assert counts_of(cells, 7) == {
        "confirmed": 1,
        "refuted": 1,
        "baseline": 0,
        "premature": 0,
        "blocked": 0,
        "undecided": 0,
        "error": 0,
        "accepted": 1,
        "unchecked": 7,
    }
