"""How often comparisons of start-up times cry wolf, and how often they find what is there."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from triton_claims.measure.comparison import Design, compare
from triton_claims.servers.models import model
from triton_claims.servers.pool import ServerPool, ServerSpecification

if TYPE_CHECKING:
    from collections.abc import Callable

DESIGN = Design(tolerated=0.1)
ALIKE, SLOWER = 200, 50
#: How much slower, as a share of the server's own start.
SLOWED = 0.2
_BASE_STARTS = 15


def alike(pool: ServerPool, target: str) -> dict[str, Any]:
    """Compares a server with itself, which must not come out as slower."""
    start = _starter(pool, target, seconds=0.0)
    return _compared(f"{target} with itself", ALIKE, start, start)


def slower(pool: ServerPool, target: str) -> dict[str, Any]:
    """Compares a server with one whose start is made slower on purpose."""
    start = _starter(pool, target, seconds=0.0)
    usual = statistics.median(start() for _ in range(_BASE_STARTS))
    slowed = _starter(pool, target, seconds=SLOWED * usual)
    return _compared(f"{target} with one {SLOWED:.0%} slower", SLOWER, start, slowed)


def _starter(pool: ServerPool, target: str, *, seconds: float) -> Callable[[], float]:
    specification = ServerSpecification(
        target,
        models=(model("slow_import", seconds=f"{seconds:.4f}"),),
        arguments=("--disable-auto-complete-config",),
    )

    def start() -> float:
        server = pool.start(specification)
        pool.discard(server)
        return server.start_seconds

    return start


def _compared(
    what: str, times: int, a: Callable[[], float], b: Callable[[], float]
) -> dict[str, Any]:
    began = time.perf_counter()
    found = [compare(a, b, DESIGN) for _ in range(times)]
    outcomes = Counter(each.outcome.value for each in found)
    pairs = [len(each.a) for each in found]
    starts = [seconds for each in found for seconds in each.a]
    print(f"{times} comparisons of the start of {what}, {1 + DESIGN.tolerated:g} times tolerated:")
    print(f"  {', '.join(f'{number} {name}' for name, number in outcomes.items())}")
    print(f"  pairs: median {statistics.median(pairs):g}, most {max(pairs)}")
    print(f"  median start {statistics.median(starts):.3f} s, {time.perf_counter() - began:.0f} s")
    return {
        "comparisons": times,
        "tolerated": DESIGN.tolerated,
        "false_alarm": DESIGN.false_alarm,
        "outcomes": dict(outcomes),
        "pairs": pairs,
        "ratios": [each.ratio for each in found],
        "smallest": [each.smallest for each in found],
        "median_start_seconds": statistics.median(starts),
        "seconds": time.perf_counter() - began,
    }
