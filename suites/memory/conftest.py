"""Makes servers work in bursts, and tells what they hold in memory afterwards."""

from __future__ import annotations

import statistics
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from triton_claims.errors import BrokenError
from triton_claims.measure.comparison import Comparison, Design, Outcome, judge
from triton_claims.measure.memory import Timeline, Watch, mapped_files, resident, watch
from triton_claims.servers.allocators import JEMALLOC, TCMALLOC
from triton_claims.servers.json_load import JsonLoad
from triton_claims.servers.model_control import READY, UNAVAILABLE, load, unload, wait_for_state
from triton_claims.servers.models import model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fixtures.servers import ServerUnderTest

ECHO = model("echo")

#: A burst: so many clients at once send so many requests each, of these numbers of floats as JSON.
CLIENTS = 8
REQUESTS = 4
FLOATS = (20_000, 60_000, 120_000, 250_000)

#: The first look needs 8 pairs that agree. What one server holds differs much from start to start:
#: 12 pairs were not always enough.
LOOKS = (8, 12, 18)
#: Memory counts as kept where it is so much more than before, and as growing where all bursts leave
#: so much more than the first three did. What each burst adds to anew is three times as much then.
KEPT = Design(tolerated=0.25, false_alarm=0.02, looks=LOOKS)
GROWN = Design(tolerated=0.8, false_alarm=0.02, looks=LOOKS)
BURSTS, FIRST_BURSTS = 9, 3

#: An allocator helps where it holds some 15 % less. The first look needs 7 rounds that agree.
ROUNDS = (7, 12, 18)
ALLOCATOR_DESIGN = Design(tolerated=-0.15, false_alarm=0.03, looks=ROUNDS)
WORKLOADS = {
    "after bursts of requests and light traffic": lambda held: held.after_bursts,
    "after that and loads and unloads": lambda held: held.after_loads,
}
BURSTS_A_SERVER = 2
#: Seconds of light traffic after the bursts: jemalloc gives back what was not used for 10 s, a part
#: at a time, and only where threads of the server come by.
SETTLING = 13.0
LOADS = 5
#: GiB that one server with its model holds at most; as many are alive at once as there is room for.
_GIB_A_SERVER = 0.4

_STATE_TIMEOUT = 20.0


@pytest.fixture(scope="session")
def json_load() -> JsonLoad:
    """The load; its requests are made once."""
    return JsonLoad(ECHO.name, FLOATS, CLIENTS, REQUESTS)


@contextmanager
def watched(server: ServerUnderTest) -> Iterator[Watch]:
    """Watches the memory of a server and of its models' processes."""
    process = server.process
    with watch(process.pid, lambda: [stub.pid for stub in process.stubs(ECHO.name)]) as watching:
        yield watching


@dataclass(frozen=True)
class Bursts:
    """What servers with the system's allocator hold, with their models, start by start.

    Attributes:
        warm: MiB before the first burst.
        after: MiB after each burst.
        unloaded: MiB of the server alone before its model was unloaded, and after.
        timeline: Of the first start.
    """

    warm: tuple[float, ...]
    after: tuple[tuple[float, ...], ...]
    unloaded: tuple[tuple[float, float], ...]
    timeline: Timeline

    @property
    def kept(self) -> Comparison:
        """A before the bursts, B after the last one."""
        return judge(self.warm, [each[-1] for each in self.after], KEPT)

    @property
    def grown(self) -> Comparison:
        """The most that was held: A after the first bursts, B after all."""
        first = [max(each[:FIRST_BURSTS]) for each in self.after]
        return judge(first, [max(each) for each in self.after], GROWN)

    @property
    def is_decided(self) -> bool:
        """Whether more starts are not needed."""
        return Outcome.UNDECIDED not in {self.kept.outcome, self.grown.outcome}

    def table(self) -> str:
        """MiB of every start."""
        return "\n".join(
            f"warm {warm:.0f}; after each burst {' '.join(f'{each:.0f}' for each in after)}; "
            f"the server alone {before:.0f}, and {unloaded:.0f} when its model is gone"
            for warm, after, (before, unloaded) in zip(
                self.warm, self.after, self.unloaded, strict=True
            )
        )


@pytest.fixture
def measure_bursts(server, json_load):
    """Works servers in bursts, as many servers as it takes."""

    def measure_bursts() -> Bursts:
        starts, found = [], None
        for look in LOOKS:
            while len(starts) < look:
                starts.append(_one_start(server, json_load))
            found = Bursts(
                warm=tuple(warm for warm, *_ in starts),
                after=tuple(after for _, after, *_ in starts),
                unloaded=tuple(unloaded for *_, unloaded, _ in starts),
                timeline=starts[0][-1],
            )
            if found.is_decided:
                break
        return found

    return measure_bursts


def _one_start(server, load_):
    with server.fresh() as fresh:
        must_run_with(fresh, None, _known_allocators())
        with watched(fresh) as watching:
            work(fresh, load_.warm_up)
            warm = watching.look().total
            after = []
            for number in range(BURSTS):
                watching.mark(f"burst {number + 1}")
                work(fresh, load_.burst)
                after.append(watching.look().total)
            before = held_by(fresh)
            watching.mark("unload")
            set_loaded(fresh, loaded=False)
            watching.look()
            return warm, tuple(after), (before, held_by(fresh)), watching.timeline()


def _known_allocators() -> set[str]:
    return {library for each in (JEMALLOC, TCMALLOC) for library in each.libraries}


@dataclass(frozen=True)
class Held:
    """MiB that one server holds: ready and warm, after bursts, and after loads and unloads."""

    warm: float
    peak: float
    after_bursts: float
    after_loads: float


@dataclass(frozen=True)
class Trial:
    """What servers hold with each allocator, one of each in every round.

    Attributes:
        held: By allocator, round by round; ``system`` is the one that nobody preloaded.
        libraries: What was preloaded, by allocator.
        timelines: Of the first round, by allocator.
    """

    held: Mapping[str, tuple[Held, ...]]
    libraries: Mapping[str, str]
    timelines: Mapping[str, Timeline]

    def compare(self, allocator: str) -> dict[str, Comparison]:
        """A the system's allocator, B another; by workload."""
        pairs = list(zip(self.held["system"], self.held[allocator], strict=True))
        return {
            workload: judge(
                [figure(system) for system, _ in pairs],
                [figure(other) for _, other in pairs],
                ALLOCATOR_DESIGN,
            )
            for workload, figure in WORKLOADS.items()
        }

    def table(self) -> str:
        """Medians of all rounds, by allocator and workload."""
        columns = ("ready and warm", "at the end of the bursts", *WORKLOADS)
        figures = (
            lambda held: held.warm,
            lambda held: held.peak,
            *WORKLOADS.values(),
        )
        lines = [
            f"{name}: "
            + "; ".join(
                f"{column} {statistics.median(map(figure, rounds)):.0f} MiB"
                for column, figure in zip(columns, figures, strict=True)
            )
            for name, rounds in self.held.items()
        ]
        preloaded = [f"{name}: {library}" for name, library in self.libraries.items()]
        return "\n".join([*lines, "preloaded:", *preloaded])


@pytest.fixture(scope="session")
def trials():
    """What was tried already, by target and GPU."""
    return {}


@pytest.fixture
def try_allocators(server, json_load, trials):
    """Gives trials of more and more rounds, measured once for all the checks that look at them.

    Raises:
        Blocked: An allocator is not to be had.
        BrokenError: One was not really loaded, or where none was preloaded there is one.
    """

    def try_allocators() -> Iterator[Trial]:
        key = (server.specification.target, server.specification.gpu)
        known = trials.get(key)
        for rounds in ROUNDS:
            done = len(known.held["system"]) if known else 0
            while done < rounds:
                batch = min(rounds - done, _room())
                known = _joined(known, _tried(server, json_load, batch))
                done += batch
                trials[key] = known
            yield known

    return try_allocators


def _room() -> int:
    """How many rounds' servers may be alive at once."""
    available = psutil.virtual_memory().available / 2**30
    return max(1, int(available / 2 / (3 * _GIB_A_SERVER)))


def _joined(earlier: Trial | None, later: Trial) -> Trial:
    if earlier is None:
        return later
    held = {name: (*earlier.held[name], *later.held[name]) for name in earlier.held}
    return Trial(held, earlier.libraries, earlier.timelines)


def _tried(server: ServerUnderTest, load_: JsonLoad, rounds: int) -> Trial:
    libraries = {each.name: server.allocator(each) for each in (JEMALLOC, TCMALLOC)}
    environments = {"system": {}} | {
        name: {"LD_PRELOAD": library} for name, library in libraries.items()
    }
    with ExitStack() as stack:
        servers = {name: [] for name in environments}
        watches = {}
        warm, peak = {}, {}
        for number in range(rounds):
            for name, environment in environments.items():
                each = stack.enter_context(server.fresh(environment=environment))
                servers[name].append(each)
                must_run_with(each, libraries.get(name), libraries.values())
                if number == 0:
                    watches[name] = stack.enter_context(watched(each))
                work(each, load_.warm_up)
                warm[name, number] = held_by(each)
                _mark(watches, name, number, "bursts")
                for _ in range(BURSTS_A_SERVER):
                    work(each, load_.burst)
                peak[name, number] = held_by(each)
                _mark(watches, name, number, "light traffic")
        every = [each for group in servers.values() for each in group]
        addresses = [each.process.http for each in every]
        with server.working():
            load_.trickle(addresses, SETTLING)
        after_bursts = _held_by_all(servers)
        for watching in watches.values():
            watching.mark("loads and unloads")
        with server.working():
            with ThreadPoolExecutor(len(every)) as operators:
                list(operators.map(reload_model, every))
            load_.trickle(addresses, 1.0)
        after_loads = _held_by_all(servers)
        timelines = {name: watching.timeline() for name, watching in watches.items()}
    held = {
        name: tuple(
            Held(warm[name, i], peak[name, i], after_bursts[name][i], after_loads[name][i])
            for i in range(rounds)
        )
        for name in environments
    }
    return Trial(held, libraries, timelines)


def work(server: ServerUnderTest, load_: Callable[[str], None]) -> None:
    """Puts a server under a load."""
    with server.working():
        load_(server.process.http)


def _mark(watches: Mapping[str, Watch], name: str, number: int, event: str) -> None:
    if number == 0:
        watches[name].mark(event)


def _held_by_all(servers: Mapping[str, Sequence[ServerUnderTest]]) -> dict[str, list[float]]:
    return {name: [held_by(each) for each in group] for name, group in servers.items()}


def held_by(server: ServerUnderTest) -> float:
    """MiB that the server itself holds now.

    Raises:
        BrokenError: It is not there.
    """
    held = resident(server.process.pid)
    if held is None:
        raise BrokenError(f"the server {server.process.name} is gone: its memory is not known")
    return held


def must_run_with(server, library, libraries) -> None:
    """A preloaded library that is not found is passed over with a warning: look that it is there.

    Args:
        server: The server.
        library: What must be mapped; None for none of them.
        libraries: All that may be preloaded.
    """
    mapped = {Path(path).name for path in mapped_files(server.process.pid)}
    # What is mapped is the file that a library's links lead to: its name goes on where theirs end.
    found = {each for each in libraries if any(m.startswith(Path(each).name) for m in mapped)}
    expected = set() if library is None else {library}
    if found != expected:
        raise BrokenError(
            f"the server should run with {library or 'no other allocator'}, and has "
            f"{', '.join(sorted(found)) or 'none'} of {', '.join(sorted(libraries))} loaded"
        )


def reload_model(server: ServerUnderTest) -> None:
    """Unloads and loads the model some times."""
    for _ in range(LOADS):
        set_loaded(server, loaded=False)
        set_loaded(server, loaded=True)


def set_loaded(server: ServerUnderTest, *, loaded: bool) -> None:
    """Loads or unloads the model, and waits until it is so.

    Raises:
        BrokenError: The server does not do it.
    """
    client = server.client("grpc")
    try:
        answer = (load if loaded else unload)(client, ECHO.name)
        state = READY if loaded else UNAVAILABLE
        waited = wait_for_state(client, ECHO.name, state, _STATE_TIMEOUT)
    finally:
        client.close()
    if not answer.accepted or waited is None:
        raise BrokenError(f"the model {ECHO.name} does not become {state}: {answer}")
