"""What stages checks does so as the plugin would."""

from __future__ import annotations

import pytest

from staged.five_states import STATES, check_of, verdict_of
from triton_claims.errors import Blocked, BrokenError, Undecided
from triton_claims.verdicts.verdict import Verdict

CLAIM = "release-of-staged"


@pytest.fixture
def stage(monkeypatch):
    """Puts a check of ours in the place of a claim's."""

    def stage(raised):
        def check(server):  # noqa: ARG001 - what it asks for matters
            if raised is not None:
                raise raised

        monkeypatch.setattr("staged.five_states.check_of", lambda _claim: check)

    return stage


@pytest.mark.parametrize(
    ("raised", "verdict"),
    [
        (None, Verdict.CONFIRMED),
        (AssertionError("it does not"), Verdict.REFUTED),
        (BrokenError("nothing was seen"), Verdict.ERROR),
        (OSError("gone"), Verdict.ERROR),
        (Undecided("too few", needed="more"), Verdict.UNDECIDED),
        (Blocked("no GPU", unblock="one"), Verdict.BLOCKED),
    ],
)
def test_what_a_check_raises_is_judged(stage, raised, verdict):
    stage(raised)
    found, words = verdict_of(CLAIM, server=None)
    assert found is verdict
    assert raised is None or type(raised).__name__ in words


def test_fixtures_that_do_not_fit_are_no_verdict(stage):
    stage(None)
    with pytest.raises(AssertionError, match="wants"):
        verdict_of(CLAIM, client=None)


def test_checks_are_those_of_the_suites():
    assert check_of("server-version").__name__.startswith("test_")
    assert set(STATES) == {"holds", "does-not-hold", "no-data", "dies", "timeout"}
