"""Whether our own client and Perf Analyzer measure the same, on one server, in turns."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triton_claims.measure.load import Load
from triton_claims.notes.knowledge import load_knowledge
from triton_claims.servers.client import PROTOCOLS
from triton_claims.servers.load_engines import load_engine
from triton_claims.servers.loads import NamedLoad, echoed
from triton_claims.servers.models import model
from triton_claims.servers.pool import ServerPool, ServerSpecification

if TYPE_CHECKING:
    from collections.abc import Callable

    from triton_claims.measure.load import Latencies
    from triton_claims.servers.load_engines import LoadEngine
    from triton_claims.servers.models import Model
    from triton_claims.servers.running import RunningServer

ROOT = Path(__file__).resolve().parents[1]
ENGINES = ("client", "perf_analyzer")
CONCURRENCY = (1, 2, 4, 8)
RUNS = 5
#: 10 ms are what small models take on a GPU; the other one shows what a client itself takes.
PACED = model("paced", seconds="0.01", instances="8", slow_share="0", slow_seconds="0")
ECHO = model("echo")
#: Seconds of one run, about.
_PACED_SECONDS, _ECHO_REQUESTS = 2.0, 2000
_OPEN_RATE = 100.0

_FIGURES: dict[str, Callable[[Latencies], float]] = {
    "p50_ms": lambda found: found.percentile(0.5) * 1000,
    "p99_ms": lambda found: found.percentile(0.99) * 1000,
    "per_second": lambda found: found.throughput,
}


def measure(pool: ServerPool, target: str) -> dict[str, Any]:
    """Puts the same loads on a server by both engines, in turns."""
    began = time.perf_counter()
    releases = load_knowledge(ROOT).releases
    engines = {choice: load_engine(choice, releases, print) for choice in ENGINES}
    names = [engine.name_for(_loads()[0]) for engine in engines.values()]
    print(f"{' / '.join(names)}, medians of {RUNS} runs in turns:")
    server = pool.start(
        ServerSpecification(
            target, models=(PACED, ECHO), arguments=("--disable-auto-complete-config",)
        )
    )
    try:
        rows = [
            _compared(engines, server, protocol, load)
            for load in _loads()
            for protocol in PROTOCOLS
        ]
    finally:
        pool.discard(server)
    return {
        "engines": names,
        "runs": RUNS,
        "loads": rows,
        "seconds": time.perf_counter() - began,
    }


def _loads() -> list[NamedLoad]:
    loads = []
    for at_once in CONCURRENCY:
        requests = int(_PACED_SECONDS * at_once / float(PACED["seconds"]))
        loads.append(_load("paced", PACED, Load(requests, at_once, warm_up=5)))
    for distribution in ("poisson", "constant"):
        load = Load(int(_PACED_SECONDS * _OPEN_RATE), 8, _OPEN_RATE, distribution, warm_up=5)
        loads.append(_load("paced", PACED, load))
    loads += [_load("echo", ECHO, Load(_ECHO_REQUESTS, each, warm_up=20)) for each in CONCURRENCY]
    return loads


def _load(name: str, of: Model, load: Load) -> NamedLoad:
    return NamedLoad(name, PROTOCOLS, echoed(of, 4), load, (of,))


def _compared(
    engines: dict[str, LoadEngine], server: RunningServer, protocol: str, load: NamedLoad
) -> dict[str, Any]:
    found: dict[str, list[dict[str, float]]] = {choice: [] for choice in engines}
    for run in range(RUNS):
        # Who comes first would otherwise always have the server as the other one left it.
        for choice in ENGINES[:: 1 if run % 2 else -1]:
            latencies = engines[choice].run(server, protocol, load)
            found[choice].append({name: of(latencies) for name, of in _FIGURES.items()})
    medians = {
        choice: {name: statistics.median(run[name] for run in runs) for name in _FIGURES}
        for choice, runs in found.items()
    }
    client, analyzer = (medians[choice] for choice in ENGINES)
    row = {
        "model": load.name,
        "protocol": protocol,
        "load": str(load.load),
        "medians": medians,
        "ratios": {name: client[name] / analyzer[name] for name in _FIGURES},
        "runs": found,
    }
    _print(row)
    return row


def _print(row: dict[str, Any]) -> None:
    client, analyzer = (row["medians"][choice] for choice in ENGINES)
    figures = ", ".join(
        f"{name} {client[name]:.3f} / {analyzer[name]:.3f} = {row['ratios'][name]:.3f}"
        for name in _FIGURES
    )
    print(f"  {row['model']} {row['protocol']} {row['load']}: {figures}", flush=True)
