"""How often a server passes that is just at its limit, and one that is well inside it."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from triton_claims.measure.ceiling import CeilingDesign, Limits, judge_until_decided
from triton_claims.measure.load import Load
from triton_claims.servers.load_client import ClientEngine
from triton_claims.servers.loads import NamedLoad, echoed
from triton_claims.servers.models import model
from triton_claims.servers.pool import ServerPool, ServerSpecification

if TYPE_CHECKING:
    from triton_claims.measure.ceiling import LoadVerdict
    from triton_claims.measure.load import Latencies

TRIALS = 200
PROTOCOL = "http"
AT_ONCE = 4
#: The model's usual time and that of its slow requests, with the limit far from either: what the
#: machine adds now and then must not decide how many requests are over it.
SECONDS, LIMIT, SLOW_SECONDS = 0.0005, 0.05, 0.1
#: Shares of slow requests: what a 99th percentile allows, and what is well inside it.
AT_LIMIT, INSIDE = 0.01, 0.002


def at_limit(pool: ServerPool, target: str) -> dict[str, Any]:
    """Just as many slow requests as the limit of the 99th percentile allows: hardly ever passes."""
    return _judged(pool, target, AT_LIMIT)


def inside(pool: ServerPool, target: str) -> dict[str, Any]:
    """Well inside the limit: nearly always passes."""
    return _judged(pool, target, INSIDE)


def _judged(pool: ServerPool, target: str, slow_share: float) -> dict[str, Any]:
    began = time.perf_counter()
    paced = model(
        "paced",
        seconds=f"{SECONDS:g}",
        instances=f"{AT_ONCE}",
        slow_share=f"{slow_share:g}",
        slow_seconds=f"{SLOW_SECONDS:g}",
    )
    load = NamedLoad("paced", (PROTOCOL,), echoed(paced, 4), Load(1, AT_ONCE, warm_up=2), (paced,))
    server = pool.start(
        ServerSpecification(target, models=(paced,), arguments=("--disable-auto-complete-config",))
    )

    def put(requests: int) -> Latencies:
        return ClientEngine().run(
            server, PROTOCOL, replace(load, load=replace(load.load, requests=requests))
        )

    try:
        found = [judge_until_decided(put, Limits(p99=LIMIT)) for _ in range(TRIALS)]
    finally:
        pool.discard(server)
    trials = [_trial(each) for each in found]
    outcomes = Counter(trial["outcome"] for trial in trials)
    over = sum(trial["over"] for trial in trials) / sum(trial["requests"] for trial in trials)
    requests = [trial["requests"] for trial in trials]
    print(f"{TRIALS} trials of a p99 of {LIMIT:g} s, {slow_share:.1%} of the requests slower:")
    print(f"  {', '.join(f'{number} {name}' for name, number in outcomes.items())}")
    print(
        f"  requests: median {statistics.median(requests):g}, most {max(requests)}; of all "
        f"{over:.3%} were over it; {time.perf_counter() - began:.0f} s",
        flush=True,
    )
    design = CeilingDesign()
    return {
        "trials": TRIALS,
        "limit": LIMIT,
        "slow_share": slow_share,
        "protocol": PROTOCOL,
        "at_once": AT_ONCE,
        "false_pass": design.false_pass,
        "false_alarm": design.false_alarm,
        "outcomes": dict(outcomes),
        "over": over,
        "each": trials,
        "seconds": time.perf_counter() - began,
    }


def _trial(found: LoadVerdict) -> dict[str, Any]:
    seconds = found.latencies.seconds
    return {
        "outcome": found.outcome.value,
        "requests": len(seconds),
        "over": int((seconds > LIMIT).sum()),
    }
