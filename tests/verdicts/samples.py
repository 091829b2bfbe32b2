"""Small cells and ledgers for tests to vary."""

from __future__ import annotations

from triton_claims.verdicts.cell import Cell, Unchecked
from triton_claims.verdicts.ledger import Ledger, LedgerWriter
from triton_claims.verdicts.outcome import counts_of, outcome_of
from triton_claims.verdicts.verdict import Expectation, Verdict

HEADER = {
    "run": "20250214T101112Z-abc123",
    "started": "2025-02-14T10:11:12+00:00",
    "release": {"container": "25.01", "server": "2.54.0"},
    "targets": [
        {"target": "wheel:24.10", "server_version": "2.51.0", "sha256": "5" * 64},
        {"target": "install:/opt/tritonserver", "server_version": None, "sha256": None},
    ],
    "suite_version": "0.1.0",
    "suite_commit": None,
    "notes_digest": "sha256:" + "7" * 64,
    "options": ["suites"],
    "host": {"system": "Linux", "cores": 2, "memory_gib": 23.5, "processor": None},
}
COST = {
    "server_starts": 3,
    "specifications": 2,
    "seconds": 12.345,
    "preparation": 0.0,
    "overhead": 0.019,
}
UNCHECKED = Unchecked("cows-purple", "fix", "A cow is purple all over.", ("gpu",))


def cell(**different):
    return Cell(
        **{
            "claim": "cats-faster",
            "target": "wheel:24.10",
            "gpu": "cpu",
            "protocol": "grpc",
            "verdict": Verdict.CONFIRMED,
            "expectation": Expectation.HOLDS,
            "server_version": "2.51.0",
            "reason": "the claim holds on server 2.51.0 (every version)",
            "seconds": 1.25,
            "reproduce": "pytest suites --target=wheel:24.10",
            **different,
        }
    )


def footer(cells=(), unchecked=(), **different):
    """The footer that a run with these cells writes."""
    return {
        "complete": True,
        "interrupted": None,
        "counts": counts_of(cells, len(unchecked)),
        "planned": len(cells),
        "failures": list(outcome_of(cells).failures),
        "outside_checks": 0,
        **COST,
        **different,
    }


def ledger(*cells, unchecked=(), **different):
    return Ledger(HEADER, cells, tuple(unchecked), footer(cells, unchecked, **different))


def write(path, told, run="a-run"):
    """Writes a ledger as a run does."""
    writer = LedgerWriter(path, run)
    writer.header(told.header)
    for claim in told.unchecked:
        writer.unchecked(claim)
    for each in told.cells:
        writer.cell(each)
    if told.footer is not None:
        writer.footer(told.footer)
    writer.close()
    return path
