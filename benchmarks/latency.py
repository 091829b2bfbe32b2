"""How often comparisons of latency cry wolf, and how often they find what is there.

Each comparison starts real servers in pairs, as suites/latency does. The gates that are usually met
are asked about the same requests: those of the first pair, one run of either side.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from usual_gates import GATES

from triton_claims.measure.comparison import Outcome
from triton_claims.measure.load import Load
from triton_claims.measure.regression import RegressionDesign, regress_pairs
from triton_claims.servers.load_client import ClientEngine
from triton_claims.servers.loads import NamedLoad, echoed
from triton_claims.servers.models import Model
from triton_claims.servers.paired_load import paired_load
from triton_claims.servers.pool import ServerPool, ServerSpecification

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from triton_claims.measure.load import Latencies
    from triton_claims.measure.regression import Regression
    from triton_claims.servers.running import RunningServer

    Start = Callable[[], AbstractContextManager[RunningServer]]

ALIKE, TENTH_SLOWER, TWENTIETH_SLOWER = 100, 50, 20
PROTOCOL = "http"
REQUESTS = 160
#: Of the model: as small ones take on a GPU, and much more than the server itself.
SECONDS = 0.003


def alike(pool: ServerPool, target: str) -> dict[str, Any]:
    """Compares a server with itself, which must not come out as slower."""
    return _compared(pool, target, ALIKE, slower=0.0, goes_on=0)


def tenth_slower(pool: ServerPool, target: str) -> dict[str, Any]:
    """Compares a server with one whose model is a tenth slower."""
    return _compared(pool, target, TENTH_SLOWER, slower=0.1, goes_on=0)


def twentieth_slower(pool: ServerPool, target: str) -> dict[str, Any]:
    """Compares a server with one whose model is a twentieth slower."""
    return _compared(pool, target, TWENTIETH_SLOWER, slower=0.05, goes_on=2)


def _compared(
    pool: ServerPool, target: str, times: int, *, slower: float, goes_on: int
) -> dict[str, Any]:
    began = time.perf_counter()
    design = RegressionDesign()
    print(
        f"{times} comparisons of {target} with itself, its model {slower:.0%} slower; tolerated: "
        + ", ".join(f"{share:.1%} of {name}" for name, share in design.tolerated.items())
    )
    a, b = (_starter(pool, target, _paced(SECONDS * (1 + more))) for more in (0.0, slower))
    trials = [_trial(a, b, design, goes_on) for _ in range(times)]
    outcomes = Counter(trial["outcome"] for trial in trials)
    print(f"  {', '.join(f'{number} {name}' for name, number in outcomes.items())}")
    for figure in ("pairs", "seconds", "p50_ratio", "p50_spread", "p99_spread"):
        values = [trial[figure] for trial in trials]
        print(f"  {figure}: median {statistics.median(values):.4g}, most {max(values):.4g}")
    gates = {gate: Counter(str(trial["gates"][gate]) for trial in trials) for gate in GATES}
    for gate, said in gates.items():
        print(f"  {gate}: says slower in {said['True']}, no result in {said['None']}", flush=True)
    return {
        "comparisons": times,
        "model_seconds": SECONDS,
        "slower": slower,
        "protocol": PROTOCOL,
        "requests_of_a_start": REQUESTS,
        "tolerated": dict(design.tolerated),
        "false_alarm": design.false_alarm,
        "outcomes": dict(outcomes),
        "gates": {gate: dict(said) for gate, said in gates.items()},
        "trials": trials,
        "seconds": time.perf_counter() - began,
    }


def _trial(a: Start, b: Start, design: RegressionDesign, goes_on: int) -> dict[str, Any]:
    """One comparison; where it does not decide, it goes on so often to the budget that it names."""
    began = time.perf_counter()
    runs: list[tuple[Latencies, Latencies]] = []

    def pair(*, a_first: bool) -> tuple[dict[str, float], dict[str, float]]:
        found = paired_load(a, b, ClientEngine(), PROTOCOL, LOAD, a_first=a_first)
        runs.append(found)
        of_a, of_b = ({"p50": each.percentile(0.5), "p99": each.percentile(0.99)} for each in found)
        return of_a, of_b

    found = regress_pairs(pair, design)
    budgets: list[int] = []
    while found.more_pairs is not None and len(budgets) < goes_on:
        budgets.append(found.pairs + found.more_pairs)
        found = regress_pairs(pair, found.design.extended(budgets[-1]), found)
    return {
        "outcome": found.outcome.value,
        "pairs": found.pairs,
        "budgets": budgets,
        "seconds": time.perf_counter() - began,
        **_figures(found),
        "needed": found.needed if found.outcome is Outcome.UNDECIDED else "",
        "gates": {name: gate(*runs[0]) for name, gate in GATES.items()},
    }


def _figures(found: Regression) -> dict[str, float]:
    return {
        f"{name}_{what}": value
        for name, figure in found.figures.items()
        for what, value in (
            ("ratio", figure.comparison.ratio),
            ("spread", figure.spread),
            ("smallest", figure.comparison.smallest),
        )
    }


@dataclass(frozen=True, slots=True)
class _Named(Model):
    """A model by the same name whatever its pace: both servers get the same requests."""

    @property
    def name(self) -> str:
        return self.folder


def _paced(seconds: float) -> Model:
    variant = {"seconds": f"{seconds:.6f}", "instances": "1"}
    return _Named(
        "paced", tuple(sorted({**variant, "slow_share": "0", "slow_seconds": "0"}.items()))
    )


LOAD = NamedLoad(
    "paced", (PROTOCOL,), echoed(_paced(SECONDS), 4), Load(REQUESTS), (_paced(SECONDS),)
)


def _starter(pool: ServerPool, target: str, of: Model) -> Start:
    specification = ServerSpecification(
        target, models=(of,), arguments=("--disable-auto-complete-config",)
    )

    @contextmanager
    def start() -> Iterator[RunningServer]:
        server = pool.start(specification)
        try:
            yield server
        finally:
            pool.discard(server)

    return start
