"""One server for each distinct specification, shared by every check that only reads."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from triton_claims.errors import BrokenError
from triton_claims.notes.images import USUAL
from triton_claims.servers.client import Client
from triton_claims.servers.guard import Guard
from triton_claims.servers.models import Model, assemble
from triton_claims.servers.remote import RemoteServers
from triton_claims.servers.running import START_TIMEOUT, RunningServer
from triton_claims.servers.scratch import (
    Scratch,
    new_scratch,
    remove_orphaned_environments,
    sweep,
)
from triton_claims.servers.work_clock import WorkClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from triton_claims.servers.startable import Startable


@dataclass(frozen=True, slots=True)
class ServerSpecification:
    """All that makes two servers different; equal ones can stand in for one another.

    Attributes:
        target: The target's id.
        gpu: ``cpu``, or the GPU's id.
        models: Its models.
        arguments: Options beyond those that every server gets.
        environment: Environment variables beyond those.
        numpy: The major version of NumPy that its Python models run with.
        flavour: Which of a release's images, for a target in containers.
        loopback: Whether it must reach this machine's loopback.
        docker_host: The Docker host it runs on, for such a target; empty for the usual one.
        gpus: The UUIDs of the GPUs that it sees: those leased for it.
    """

    target: str
    gpu: str = "cpu"
    models: tuple[Model, ...] = ()
    arguments: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    numpy: int = 1
    flavour: str = USUAL
    loopback: bool = False
    docker_host: str = ""
    gpus: tuple[str, ...] = ()

    @property
    def unplaced(self) -> ServerSpecification:
        """The same wherever it runs."""
        return replace(self, docker_host="", gpus=())

    @property
    def key(self) -> str:
        """A short stable id."""
        return sha256(repr(self).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """What the servers cost.

    Attributes:
        starts: Servers started.
        specifications: Distinct specifications of the shared ones; what is more was demanded
            fresh by a check, or replaces a server that a case had harmed.
        start_seconds: Time spent waiting for servers to get ready.
        stop_seconds: Time spent ending them.
    """

    starts: int = 0
    specifications: int = 0
    start_seconds: float = 0.0
    stop_seconds: float = 0.0


class ServerPool:
    """The servers of this process.

    Attributes:
        work: Counts the time for which they answer, or do what is waited for.
        figures: What they cost otherwise.

    Args:
        model_repository: Where the models' sources lie.
        prepared: Gives what starts the servers of a specification, made ready.
        keep_log: Told the name and the log of every server that is ended.
        start_timeout: Seconds a server may take to get ready.
    """

    def __init__(
        self,
        model_repository: Path,
        prepared: Callable[[ServerSpecification], Startable],
        keep_log: Callable[[str, str], None] = lambda _name, _log: None,
        start_timeout: float = START_TIMEOUT,
    ) -> None:
        self._model_repository = model_repository
        self.prepared = prepared
        self._keep_log = keep_log
        self._start_timeout = start_timeout
        self._shared: dict[ServerSpecification, RunningServer] = {}
        self._all: list[RunningServer] = []
        self._specifications: set[ServerSpecification] = set()
        self._scratch: Scratch | None = None
        self._guard: Guard | None = None
        self._began = time.time()
        self._numbers: dict[str, int] = {}
        self._clients: list[Client] = []
        self.work = WorkClock()
        self.figures = PoolFigures()

    def shared(self, specification: ServerSpecification) -> RunningServer:
        """The server of a specification; started where there is none that is well.

        Raises:
            Blocked: The target cannot be had here.
            ServerFailedToStartError: It did not get ready.
        """
        server = self._shared.get(specification)
        if server is not None and server.is_alive():
            return server
        if server is not None:
            self.discard(server)
        self._specifications.add(specification)
        server = self._start(specification)
        self._shared[specification] = server
        return server

    def start(
        self, specification: ServerSpecification, start_timeout: float | None = None
    ) -> RunningServer:
        """Starts a server that nobody else gets; the caller discards it.

        Args:
            specification: The server.
            start_timeout: Seconds it may take to get ready; the pool's own by default.

        Raises:
            Blocked: Somebody else runs the target's server.
        """
        startable = self.prepared(specification)
        if isinstance(startable, RemoteServers):
            startable.refuse_own()
        return self._start(specification, start_timeout)

    def _start(
        self, specification: ServerSpecification, start_timeout: float | None = None
    ) -> RunningServer:
        startable = self.prepared(specification)
        scratch = self.scratch()
        number = self._numbers[specification.key] = self._numbers.get(specification.key, 0) + 1
        # Unique on the machine: a server that answers under this name is the one started here.
        name = f"{specification.key}-{number}.{scratch.run}"
        began = time.perf_counter()
        self._lay_out(specification, scratch.folder / name / "models")
        try:
            server = startable.start(
                name=name,
                scratch=scratch,
                arguments=specification.arguments,
                environment=dict(specification.environment),
                gpus=specification.gpus,
                loopback=specification.loopback,
                timeout=start_timeout or self._start_timeout,
            )
        finally:
            self.figures = replace(
                self.figures,
                starts=self.figures.starts + (not isinstance(startable, RemoteServers)),
                specifications=len(self._specifications),
                start_seconds=self.figures.start_seconds + time.perf_counter() - began,
            )
        self._all.append(server)
        return server

    def _lay_out(self, specification: ServerSpecification, repository: Path) -> None:
        try:
            assemble(specification.models, self._model_repository, repository)
        except OSError as problem:
            raise BrokenError(
                f"the models cannot be laid out in {repository}: {problem.strerror or problem}; "
                "make room there, or set TMPDIR to a folder with more"
            ) from None

    def options(self, specification: ServerSpecification) -> frozenset[str]:
        """The options that servers of a specification know, such as ``model-repository``."""
        return self.prepared(specification).options(self.scratch())

    def discard(self, server: RunningServer) -> str:
        """Ends a server; whoever asks for its specification next gets a new one.

        Returns:
            Its whole log.
        """
        return self._end(server, server.kill)[1]

    def stop(self, server: RunningServer) -> tuple[int, str]:
        """Stops a server as an operator would, by SIGTERM.

        Returns:
            Its exit status, negative for the signal that ended it, and its whole log.
        """
        for client in self._clients:
            client.leave(server)  # a server waits for open connections
        return self._end(server, server.terminate)

    def _end(self, server: RunningServer, end: Callable[[], int]) -> tuple[int, str]:
        if server not in self._all:
            return 0, ""
        if not server.is_ours:
            end()  # or the reason why it can't be ended
        self._all.remove(server)
        for specification, shared in list(self._shared.items()):
            if shared is server:
                del self._shared[specification]
        if not server.is_ours:
            server.remove_traces()
            return 0, ""
        began = time.perf_counter()
        status = end()
        log = server.log()  # after the end: what a dying server says comes last
        self._keep_log(server.name, log)
        server.remove_traces()
        self.figures = replace(
            self.figures,
            stop_seconds=self.figures.stop_seconds + time.perf_counter() - began,
        )
        return status, log

    def release(self, specification: ServerSpecification) -> None:
        """Ends the shared servers of a specification that nobody needs any more.

        Args:
            specification: The servers, wherever they run.
        """
        for known, server in list(self._shared.items()):
            if known.unplaced == specification.unplaced:
                self.discard(server)

    def leave_gpus(self) -> None:
        """Ends the shared servers that see GPUs: others are to have these."""
        for specification, server in list(self._shared.items()):
            if specification.gpus:
                self.discard(server)

    def client(
        self,
        protocol: str,
        server: Callable[[], RunningServer],
        on_exchange: Callable[[str], None] = lambda _words: None,
        timeout: float | None = None,
    ) -> Client:
        """A client whose time counts as the servers' work, closed when the pool is."""
        patience = {} if timeout is None else {"timeout": timeout}
        client = Client(protocol, server, on_exchange, clock=self.work, **patience)
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Ends all servers and removes everything temporary."""
        for client in self._clients:
            client.close()
        for server in list(self._all):
            self.discard(server)
        if self._scratch is not None:
            self._scratch.remove()
            self._scratch = None
        # Under xdist the workers' servers are not all gone when one worker ends: who started the
        # workers looks once more.
        remove_orphaned_environments(since=self._began)
        if self._guard is not None:
            self._guard.dismiss()
            self._guard = None

    def scratch(self) -> Scratch:
        """The run's temporary place; made where there is none, with what guards it."""
        if self._scratch is None:
            sweep()  # what earlier runs left when they were killed
            self._scratch = new_scratch()
            self._guard = Guard()
        return self._scratch
