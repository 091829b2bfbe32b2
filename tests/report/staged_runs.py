"""Runs that never were: one with every verdict, one that was killed, one of thousands of cells."""

from __future__ import annotations

import itertools

from verdicts.samples import HEADER, UNCHECKED, cell, footer, ledger

from triton_claims.verdicts.cell import Measurement, Piece, Unchecked
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

_GPUS = {
    "GPU-" + each * 8: {
        "uuid": "GPU-" + each * 8,
        "name": f"NVIDIA {name}",
        "architecture": architecture,
        "compute_capability": capability,
        "memory_bytes": 2**34,
        "driver": "570.86.10",
        "mig_parent": None,
        "docker_host": None,
    }
    for each, name, architecture, capability in (
        ("a", "A100", "ampere", "8.0"),
        ("b", "H100", "hopper", "9.0"),
        ("c", "B200", "blackwell", "10.0"),
    )
}
_VERDICTS = tuple(Verdict)


def grand(cells: int) -> Ledger:
    """A run with so many cells: eight targets, three architectures, two protocols, all verdicts."""
    targets = [f"image:tritonserver:{number}" for number in range(8)]
    columns = list(itertools.product(targets, _GPUS, ("grpc", "http")))
    made = []
    for number, (target, gpu, protocol) in zip(
        range(cells), itertools.cycle(columns), strict=False
    ):
        verdict = _VERDICTS[(number + number // len(columns)) % len(_VERDICTS)]
        made.append(
            cell(
                claim=f"claim-{number // len(columns):04}",
                target=target,
                gpu=gpu,
                protocol=protocol,
                verdict=verdict,
                accepted="The note is wrong." if number % 97 == 0 and verdict.fails else None,
                reason=f"{verdict.value} for the {number}th reason",
                evidence=(Piece("the server's log", f"line {number} of the log\n" * 5),),
                measurements=(Measurement("p99", 0.001 * (number + 1), "s"),),
            )
        )
    header = {
        **HEADER,
        "targets": [
            {"target": target, "server_version": None, "sha256": None} for target in targets
        ],
        "gpus": {"origin": "staged", "reason": "", "devices": list(_GPUS.values())},
    }
    return Ledger(header, tuple(made), (UNCHECKED,), footer(made, (UNCHECKED,)))
