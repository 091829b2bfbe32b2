"""What can put a load on a server, and which of it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from triton_claims.errors import Blocked
from triton_claims.servers.load_client import ClientEngine
from triton_claims.servers.loads import ENGINES
from triton_claims.servers.perf_analyzer import PerfAnalyzer, why_not
from triton_claims.servers.perf_analyzer_program import perf_analyzer_program

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from triton_claims.measure.load import Latencies
    from triton_claims.notes.releases import Releases
    from triton_claims.servers.cache import Progress
    from triton_claims.servers.loads import NamedLoad
    from triton_claims.servers.running import RunningServer


class LoadEngine(Protocol):
    """Puts loads on servers.

    Attributes:
        name: As it was chosen: one of ``ENGINES``.
    """

    name: str

    @property
    def comparing(self) -> ComparingEngine:
        """What puts loads on two servers that are compared."""

    def name_for(self, load: NamedLoad) -> str:
        """What puts this very load on a server, with its version."""

    def run(self, server: RunningServer, protocol: str, load: NamedLoad) -> Latencies:
        """Puts a load on a server.

        Raises:
            ServerDiedError: The server ended meanwhile.
            Blocked: The load is not for this engine, or cannot be put on this server.
            BrokenError: A request was refused, not answered in time, or answered wrongly.
        """


class ComparingEngine(Protocol):
    """Puts a load on two servers in turns.

    Attributes:
        parts: Into how many parts it had best cut the load of one pair of starts.
    """

    parts: int

    def name_for(self, load: NamedLoad) -> str:
        """What puts this very load on a server, with its version."""

    def opened(
        self, server: RunningServer, protocol: str, load: NamedLoad
    ) -> AbstractContextManager[Callable[[int], Latencies]]:
        """A load that is put on a server part by part: each call puts so many requests on it.

        Raises:
            Exception: As :meth:`LoadEngine.run`, there and in each call.
        """


class AutomaticEngine:
    """Perf Analyzer where it is for a load, and the client otherwise.

    It chooses by the load alone: what is compared is measured by one engine.

    Args:
        analyzer: Perf Analyzer; None where it does not run here.
    """

    name = "auto"

    def __init__(self, analyzer: PerfAnalyzer | None) -> None:
        self._analyzer = analyzer
        self._client = ClientEngine()

    @property
    def comparing(self) -> ComparingEngine:
        """The client: what it costs is the same for both, and it can take turns within a second.

        Perf Analyzer takes a second and more for a part of a load; by then the machine may be
        another one, and pairs differ by twice as much.
        """
        return self._client

    def name_for(self, load: NamedLoad) -> str:
        """What puts this very load on a server, with its version."""
        return self._chosen(load).name_for(load)

    def run(self, server: RunningServer, protocol: str, load: NamedLoad) -> Latencies:
        """Puts a load on a server."""
        return self._chosen(load).run(server, protocol, load)

    def _chosen(self, load: NamedLoad) -> LoadEngine:
        if self._analyzer is None or why_not(load):
            return self._client
        return self._analyzer


def load_engine(choice: str, releases: Releases, progress: Progress) -> LoadEngine:
    """What a choice stands for.

    Args:
        choice: ``client``; ``perf_analyzer``; or ``auto``: Perf Analyzer for the loads that it is
            for, where it runs, and the client for the others.
        releases: The releases, of which the newest with a client brings Perf Analyzer along.
        progress: Told what takes its time, line by line.

    Raises:
        Blocked: Perf Analyzer was chosen, and does not run here.
        ValueError: There is no such choice.
    """
    if choice not in ENGINES:
        raise ValueError(f"found {choice!r}, expected one of {', '.join(ENGINES)}")
    if choice == "client":
        return ClientEngine()
    wheel = releases.newest_client()
    try:
        program = perf_analyzer_program(wheel, progress, way_out="--load-engine client")
    except Blocked as missing:
        if choice == "perf_analyzer":
            raise
        progress(f"loads are put on by the client: {missing.reason}")
        return AutomaticEngine(None)
    analyzer = PerfAnalyzer(program, progress)
    return analyzer if choice == "perf_analyzer" else AutomaticEngine(analyzer)
