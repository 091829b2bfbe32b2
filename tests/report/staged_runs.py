"""Two small runs: one with every verdict, one that was killed."""

from __future__ import annotations

from verdicts.samples import HEADER, UNCHECKED, cell, ledger

from triton_claims.verdicts.cell import Piece, Unchecked
from triton_claims.verdicts.ledger import Ledger
from triton_claims.verdicts.verdict import Expectation, Verdict

_ABSENT = {"expectation": Expectation.ABSENT}
_OLD = {"protocol": None, "seconds": 0.04}
_NEW = {"target": "install:/opt/tritonserver", "server_version": "2.55.0", "protocol": None}

MIXED = ledger(
    cell(),
    cell(protocol="http", **_ABSENT, verdict=Verdict.BASELINE, reason="absent, as it must be"),
    cell(claim="dogs-tail", **_OLD, verdict=Verdict.REFUTED, reason="no tail:\n  <0> | `1` * 2_3"),
    cell(
        claim="dogs-bark",
        **_OLD,
        verdict=Verdict.REFUTED,
        accepted="The note is wrong. (https://example.org/7, accepted 2025-02-14)",
        reason="silent",
    ),
    cell(claim="dogs-bark", **_NEW, verdict=Verdict.BLOCKED, reason="no dog here"),
    cell(claim="birds-fly", **_NEW, **_ABSENT, verdict=Verdict.PREMATURE, reason="flies already"),
    cell(claim="birds-sing", **_NEW, verdict=Verdict.UNDECIDED, reason="3 of 5; needs 20 more"),
    cell(
        claim="birds-nest",
        **{**_NEW, "server_version": None},
        expectation=None,
        verdict=Verdict.ERROR,
        reason="the server died",
        evidence=(Piece("log", "\x1b[31mkilled\x1b[0m & <gone>\x00"), Piece("exit code", "-9")),
    ),
    unchecked=[UNCHECKED, Unchecked("cows-moo", "feature", "A cow moos <loudly>.")],
)

KILLED = Ledger(HEADER, (cell(),), (UNCHECKED,), None, torn=True)
