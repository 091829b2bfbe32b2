"""From what the notes imply and what the check saw to the answer for a cell."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from triton_claims.notes.catalogue import Claim
    from triton_claims.notes.versions import ServerVersion


class Expectation(str, Enum):
    """What the notes imply for a server of some version."""

    HOLDS = "holds"
    ABSENT = "absent"


class Seen(str, Enum):
    """What came of running a check."""

    HOLDS = "holds"
    DOES_NOT_HOLD = "does not hold"
    BLOCKED = "blocked"
    UNDECIDED = "undecided"
    BROKE = "broke"


class Verdict(str, Enum):
    """The answer for a cell."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    BASELINE = "baseline"
    PREMATURE = "premature"
    BLOCKED = "blocked"
    UNDECIDED = "undecided"
    ERROR = "error"

    @property
    def is_decided(self) -> bool:
        """Whether something is known about the claim."""
        return self in {Verdict.CONFIRMED, Verdict.REFUTED, Verdict.BASELINE, Verdict.PREMATURE}

    @property
    def fails(self) -> bool:
        """Whether somebody has to look."""
        return self not in {Verdict.CONFIRMED, Verdict.BASELINE, Verdict.BLOCKED}


def expect(claim: Claim, version: ServerVersion) -> Expectation:
    """What the notes imply: a claim holds in its range of server versions and nowhere else."""
    return Expectation.HOLDS if version in claim.versions else Expectation.ABSENT


_WITHOUT_EXPECTATION = {
    Seen.BLOCKED: Verdict.BLOCKED,
    Seen.UNDECIDED: Verdict.UNDECIDED,
    Seen.BROKE: Verdict.ERROR,
}
_WITH_EXPECTATION = {
    (Expectation.HOLDS, Seen.HOLDS): Verdict.CONFIRMED,
    (Expectation.HOLDS, Seen.DOES_NOT_HOLD): Verdict.REFUTED,
    (Expectation.ABSENT, Seen.DOES_NOT_HOLD): Verdict.BASELINE,
    (Expectation.ABSENT, Seen.HOLDS): Verdict.PREMATURE,
}


def judge(expectation: Expectation | None, seen: Seen) -> Verdict:
    """The verdict.

    Args:
        expectation: What the notes imply; None where the server's version is not known.
        seen: What came of the check.
    """
    if seen in _WITHOUT_EXPECTATION:
        return _WITHOUT_EXPECTATION[seen]
    if expectation is None:  # seen, but on nobody knows which server
        return Verdict.ERROR
    return _WITH_EXPECTATION[expectation, seen]
