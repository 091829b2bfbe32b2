"""Figures of this project itself, on a real server: ``make bench``.

Prints a table and writes the same figures to ``reports/bench.json``.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from triton_claims.notes.knowledge import load_knowledge
from triton_claims.report.provenance import host_facts, suite_commit
from triton_claims.servers.installation import prepare
from triton_claims.servers.models import model
from triton_claims.servers.pool import ServerPool, ServerSpecification
from triton_claims.servers.targets import parse_target

ROOT = Path(__file__).resolve().parents[1]
CONTROLS = ("STRING", "INT32", "UINT32", "INT64", "UINT64")
IDS = ("corrid", 123)
REPETITIONS = 5


def datatype_cases(pool: ServerPool, target: str) -> tuple[float, float, list[str]]:
    """The 10 data-type cases over HTTP on a server of their own.

    Returns:
        Seconds from the start of the server to its end, seconds of the start alone, the answers.
    """
    models = tuple(model("correlation_id", control=each, strategy="direct") for each in CONTROLS)
    began = time.perf_counter()
    server = pool.start(
        ServerSpecification(target, models=models, arguments=("--disable-auto-complete-config",))
    )
    client = pool.client("http", lambda: server)
    answers = [
        client.infer(
            each.name,
            {"IN": np.array([1], dtype=np.int32)},
            sequence_id=correlation_id,
            sequence_start=True,
            sequence_end=True,
            expected_outputs=("REPORT",),
        )
        for each in models
        for correlation_id in IDS
    ]
    client.close()
    pool.discard(server)
    return time.perf_counter() - began, server.start_seconds, [each.status for each in answers]


def main(target_id: str | None = None) -> None:
    """Measures, prints, writes."""
    knowledge = load_knowledge(ROOT)
    container = knowledge.releases.newest_with_wheel().container
    target = parse_target(target_id or f"wheel:{container}", knowledge.releases)
    installation = prepare(target, print)
    pool = ServerPool(ROOT / "model_repository", lambda _target, _numpy: installation)
    try:
        runs = [datatype_cases(pool, str(target)) for _ in range(REPETITIONS)]
    finally:
        pool.close()
    totals, starts = [total for total, *_ in runs], [start for _, start, _ in runs]
    figures = {
        "target": str(target),
        "datatype_cases_http": {
            "cases": len(CONTROLS) * len(IDS),
            "statuses": runs[0][2],
            "seconds": {"median": statistics.median(totals), "max": max(totals), "all": totals},
            "start_seconds": {"median": statistics.median(starts), "all": starts},
        },
        "suite_commit": suite_commit(ROOT),
        "host": host_facts(),
    }
    path = ROOT / "reports" / "bench.json"
    path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(f"10 data-type cases over HTTP on {target}, server start to end, {REPETITIONS} runs:")
    print(f"  median {statistics.median(totals):.2f} s, longest {max(totals):.2f} s")
    print(f"  of which the server's start, median {statistics.median(starts):.2f} s")
    print(f"  answers: {' '.join(runs[0][2])}")
    print(f"written to {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
