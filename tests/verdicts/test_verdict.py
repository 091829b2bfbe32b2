from __future__ import annotations

import pytest

from triton_claims.notes.catalogue import Claim, Kind
from triton_claims.notes.versions import ServerVersion, VersionRange
from triton_claims.verdicts.verdict import Expectation, Seen, Verdict, expect, judge

# The table of the design: what the notes imply, what the check saw, the verdict.
TABLE = [
    (Expectation.HOLDS, Seen.HOLDS, Verdict.CONFIRMED),
    (Expectation.HOLDS, Seen.DOES_NOT_HOLD, Verdict.REFUTED),
    (Expectation.ABSENT, Seen.DOES_NOT_HOLD, Verdict.BASELINE),
    (Expectation.ABSENT, Seen.HOLDS, Verdict.PREMATURE),
    *[(implied, Seen.BLOCKED, Verdict.BLOCKED) for implied in (*Expectation, None)],
    *[(implied, Seen.UNDECIDED, Verdict.UNDECIDED) for implied in (*Expectation, None)],
    *[(implied, Seen.BROKE, Verdict.ERROR) for implied in (*Expectation, None)],
    # seen, but nobody knows on which server: that is no answer
    (None, Seen.HOLDS, Verdict.ERROR),
    (None, Seen.DOES_NOT_HOLD, Verdict.ERROR),
]


@pytest.mark.parametrize(("implied", "seen", "verdict"), TABLE)
def test_the_table_of_verdicts(implied, seen, verdict):
    assert judge(implied, seen) is verdict


def test_the_table_is_whole():
    assert {(implied, seen) for implied, seen, _ in TABLE} == {
        (implied, seen) for implied in (*Expectation, None) for seen in Seen
    }


@pytest.mark.parametrize(
    ("verdict", "decided", "fails"),
    [
        (Verdict.CONFIRMED, True, False),
        (Verdict.BASELINE, True, False),
        (Verdict.REFUTED, True, True),
        (Verdict.PREMATURE, True, True),
        (Verdict.BLOCKED, False, False),
        (Verdict.UNDECIDED, False, True),
        (Verdict.ERROR, False, True),
    ],
)
def test_which_verdicts_decide_and_which_fail_the_run(verdict, decided, fails):
    assert verdict.is_decided is decided
    assert verdict.fails is fails


def claim(since=None, until=None):
    since, until = (ServerVersion.parse(end) if end else None for end in (since, until))
    return Claim(
        "cats-faster", Kind.FEATURE, "A cat is faster.", VersionRange(since, until), (), (), 1
    )


@pytest.mark.parametrize(
    ("since", "until", "version", "holds"),
    [
        ("2.44.0", "2.46.0", "2.43.9", False),
        ("2.44.0", "2.46.0", "2.44.0", True),
        ("2.44.0", "2.46.0", "2.45.7", True),
        ("2.44.0", "2.46.0", "2.46.0", True),
        ("2.44.0", "2.46.0", "2.46.1", False),
        ("2.54.0", None, "2.53.0", False),
        ("2.54.0", None, "2.54.0", True),
        ("2.54.0", None, "3.0.0", True),
        (None, "2.51.0", "1.0.0", True),
        (None, "2.51.0", "2.51.0", True),
        (None, "2.51.0", "2.52.0", False),
        (None, None, "0.0.0", True),
        ("2.9.0", None, "2.10.0", True),  # numbers, not text
        ("2.54.0", None, "2.54.0dev", True),
    ],
)
def test_a_claim_is_expected_within_its_range_and_nowhere_else(since, until, version, holds):
    expected = expect(claim(since, until), ServerVersion.parse(version))
    assert expected is (Expectation.HOLDS if holds else Expectation.ABSENT)
