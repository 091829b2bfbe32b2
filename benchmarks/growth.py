"""How surely a leak is caught, and how often one is seen where there is none."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from triton_claims.errors import BrokenError
from triton_claims.measure.growth import REQUESTS, find_growth
from triton_claims.measure.memory import held
from triton_claims.servers.models import model
from triton_claims.servers.pool import ServerPool, ServerSpecification

if TYPE_CHECKING:
    from triton_claims.measure.growth import Growth
    from triton_claims.servers.running import RunningServer

#: A model that keeps memory on purpose is no model of the suite's.
MODELS = Path(__file__).resolve().parents[1] / "tests" / "models"
RUNS = 20
#: 1 MiB for 100 requests.
LEAK_BYTES = 2**20 // REQUESTS


def leak(pool: ServerPool, target: str) -> dict[str, Any]:
    """Servers whose model keeps 1 MiB for 100 requests: each must be caught."""
    return _runs(pool, target, "whose model keeps 1 MiB for 100 requests", LEAK_BYTES)


def no_leak(pool: ServerPool, target: str) -> dict[str, Any]:
    """Servers whose model keeps nothing: none must be taken for a leak."""
    return _runs(pool, target, "whose model keeps nothing", 0)


def _runs(pool: ServerPool, target: str, what: str, kept: int) -> dict[str, Any]:
    leaking = ServerPool(MODELS, pool.prepared)
    began = time.perf_counter()
    try:
        found = [_once(leaking, target, kept) for _ in range(RUNS)]
    finally:
        leaking.close()
    outcomes = Counter(each.outcome.value for each in found)
    print(f"{RUNS} servers {what}:")
    print(f"  {', '.join(f'{number} {name}' for name, number in outcomes.items())}")
    print(f"  e.g. {found[0]}; {time.perf_counter() - began:.0f} s")
    return {
        "runs": RUNS,
        "outcomes": dict(outcomes),
        "slopes_mib_for_100_requests": [each.slope for each in found],
        "rounds": [each.rounds for each in found],
        "seconds": time.perf_counter() - began,
    }


def _once(pool: ServerPool, target: str, kept: int) -> Growth:
    leaky = model("keeper", kept=str(kept))
    server = pool.start(
        ServerSpecification(target, models=(leaky,), arguments=("--disable-auto-complete-config",))
    )
    client = pool.client("grpc", lambda: server)

    def work() -> int:
        for _ in range(REQUESTS):
            answer = client.infer(leaky.name, {"IN": np.array([1], dtype=np.int32)})
            if not answer.accepted:
                raise BrokenError(f"the model refused: {answer}")
        return REQUESTS

    try:
        return find_growth(work, lambda: held_by(server, leaky.name))
    finally:
        client.close()
        pool.discard(server)


def held_by(server: RunningServer, name: str) -> float:
    """MiB that a server and the processes of a model hold."""
    return held(server.pid, (stub.pid for stub in server.stubs(name)))
