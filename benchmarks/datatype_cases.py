"""The 10 data-type cases of correlation IDs over HTTP, on a server of their own."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from triton_claims.servers.models import model
from triton_claims.servers.pool import ServerPool, ServerSpecification

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTROLS = ("STRING", "INT32", "UINT32", "INT64", "UINT64")
IDS = ("corrid", 123)
REPETITIONS = 5


def measure(pool: ServerPool, target: str) -> dict[str, Any]:
    """Seconds from the start of the server to its end, of the start alone, and the answers."""
    runs = [_once(pool, target) for _ in range(REPETITIONS)]
    totals, starts = [total for total, *_ in runs], [start for _, start, _ in runs]
    print(f"10 data-type cases over HTTP on {target}, server start to end, {REPETITIONS} runs:")
    print(f"  median {statistics.median(totals):.2f} s, longest {max(totals):.2f} s")
    print(f"  of which the server's start, median {statistics.median(starts):.2f} s")
    print(f"  answers: {' '.join(runs[0][2])}")
    return {
        "cases": len(CONTROLS) * len(IDS),
        "statuses": runs[0][2],
        "seconds": _figures(totals),
        "start_seconds": _figures(starts),
    }


def _once(pool: ServerPool, target: str) -> tuple[float, float, list[str]]:
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


def _figures(values: Sequence[float]) -> dict[str, Any]:
    return {"median": statistics.median(values), "max": max(values), "all": list(values)}
