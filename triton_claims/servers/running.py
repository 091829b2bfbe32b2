"""A tritonserver that runs on behalf of a run, whatever it runs in."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psutil

from triton_claims.errors import Blocked, BrokenError
from triton_claims.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

#: Seconds between two looks at a server that is starting.
POLL_INTERVAL = 0.005
#: Seconds a server may take to get ready, and to stop after SIGTERM (its own limit is 30).
START_TIMEOUT = 120.0
STOP_TIMEOUT = 45.0
LOOPBACK = "127.0.0.1"
#: The option with which a server serves its metrics; without it they are off.
METRICS = "--allow-metrics=true"
_PORT_TAKEN = ("address already in use", "failed to bind", "already in use", "already allocated")
_PORT_ATTEMPTS = 3
_LOG_TAIL_LINES = 40
_LOG_HEAD_LINES = 3
_FIRST_EXIT_BY_SIGNAL = 128


class ServerFailedToStartError(BrokenError):
    """The server ended, or did not get ready in time.

    Attributes:
        log: All it had printed by then.
        ended: Whether its own process ended: what has not got ready in time may be slow, and what
            an engine does not start has not been tried.
    """

    def __init__(self, words: str, log: str = "", *, ended: bool = False) -> None:
        self.log = log
        self.ended = ended
        super().__init__(words)


class ServerDiedError(BrokenError):
    """The server ended while it was in use.

    Attributes:
        how: In words: "killed by SIGABRT (exit status -6)".
        in_flight: The request that was under way, if any.
    """

    def __init__(self, name: str, how: str, log_tail: str, in_flight: str | None = None) -> None:
        self.how = how
        self.in_flight = in_flight
        during = f" while it answered {in_flight}" if in_flight else ""
        super().__init__(f"the server {name} {how}{during}; the end of its log:\n{log_tail}")


class RunningServer(ABC):
    """A server that is ready, and belongs to this run.

    ``http``, ``grpc`` and ``metrics`` are ``HOST:PORT``; ``metrics`` is None but with the option
    ``--allow-metrics=true``.

    Attributes:
        name: Unique on the machine; the server reports it as its own.
        run: The id of the run it belongs to.
        folder: Its own folder here, with its models in ``models``; removed with the server.
        metadata: What GET /v2 answered when it got ready.
        start_seconds: From the start of its process to its being ready.
    """

    def __init__(
        self, name: str, run: str, folder: Path, *, http: str, grpc: str, metrics: str | None
    ) -> None:
        self.name = name
        self.run = run
        self.folder = folder
        self.http = http
        self.grpc = grpc
        self.metrics = metrics
        self.metadata: dict[str, Any] = {}
        self.start_seconds = 0.0
        self._helpers: tuple[psutil.Process, ...] = ()
        self._secrets: tuple[str, ...] = ()

    @property
    def is_ours(self) -> bool:
        """Whether it was started here, and is to be ended here."""
        return True

    @property
    def guarded(self) -> bool:
        """Whether it takes TLS or a password to be let in."""
        return False

    def plain(self, protocol: str) -> str:
        """``HOST:PORT`` of a service, for what knows of no TLS and no password.

        Raises:
            Blocked: The service takes them.
        """
        if self.guarded:
            raise Blocked(
                f"{self.name} takes TLS or a password, which loads are not put on servers with",
                unblock="let the server be reached without, from here alone",
            )
        return self.grpc if protocol == "grpc" else self.http

    def tls(self, protocol: str) -> bool:  # noqa: ARG002 - those of others may have it for one
        """Whether a protocol is spoken by TLS."""
        return False

    @property
    def user(self) -> tuple[str, str] | None:
        """User and password, where it takes them."""
        return None

    @property
    def log_path(self) -> Path:
        """What it prints, as it prints it."""
        return self.folder / "server.log"

    @property
    def version(self) -> str:
        """The version it reports by GET /v2."""
        return str(self.metadata["version"])

    @property
    @abstractmethod
    def pid(self) -> int:
        """The process id of the tritonserver itself, as this machine numbers it.

        Raises:
            Blocked: It runs where its processes cannot be seen from here.
        """

    @property
    def shares_files(self) -> bool:
        """Whether it sees the run's folder as it is here, and we see what it writes there."""
        return True

    @property
    @abstractmethod
    def command_line(self) -> str:
        """The command that started it, to be pasted into a shell; without secrets."""

    @abstractmethod
    def how_it_ended(self, timeout: float = 0.0) -> str | None:
        """How the server ended, in words; None where it runs on.

        Args:
            timeout: Seconds to wait for an end that is under way: a connection breaks a moment
                before the process is gone.
        """

    @abstractmethod
    def terminate(self, timeout: float = STOP_TIMEOUT) -> int:
        """Ends it as an operator would: SIGTERM, and waits; its folder stays.

        Args:
            timeout: Seconds until it is killed.

        Returns:
            The exit status; negative for the signal that ended it.
        """

    @abstractmethod
    def run_inside(self, command: Sequence[str]) -> tuple[int, str]:
        """Runs a command where the server runs, with its environment and its GPUs.

        Returns:
            Its exit code, 126 or 127 where there is no such command, and all it printed.

        Raises:
            BrokenError: It does not end in time.
        """

    @abstractmethod
    def kill(self) -> int:
        """Ends it at once with all its children; its folder stays.

        Returns:
            The exit status; negative for the signal that ended it.
        """

    @abstractmethod
    def remove_traces(self) -> None:
        """Removes what a server that has ended left."""

    @abstractmethod
    def process_of(self, told: int) -> psutil.Process:
        """The process that the server or a model of it knows under a process id.

        Args:
            told: The process id that it told.

        Raises:
            psutil.NoSuchProcess: There is none.
            Blocked: It runs where its processes cannot be seen from here.
        """

    @abstractmethod
    def place(self, path: str, content: bytes = b"") -> None:
        """Puts a file into the server's folder, where its models see it.

        Args:
            path: Relative to :attr:`folder`, in a folder that is there.
            content: The file's bytes.
        """

    def is_alive(self) -> bool:
        """Whether the tritonserver runs."""
        return self.how_it_ended() is None

    def suspended(self) -> str | None:
        """What is known to keep it from answering although it runs, in words."""
        return None

    def log(self) -> str:
        """All it has printed, without secrets."""
        try:
            return self._without_secrets(
                self.log_path.read_text(encoding="utf-8", errors="replace")
            )
        except OSError:
            return ""

    def _without_secrets(self, text: str) -> str:
        """A text without this process's secrets, and without those of its own environment."""
        return redact(redact(text), self._secrets)

    def log_tail(self, lines: int = _LOG_TAIL_LINES) -> str:
        """The last lines it printed, without secrets."""
        return "\n".join(self.log().splitlines()[-lines:])

    def log_ends(self) -> str:
        """The first and the last lines: before a page of help stands what was wrong."""
        lines = self.log().splitlines()
        omitted = len(lines) - _LOG_HEAD_LINES - _LOG_TAIL_LINES
        if omitted > 0:
            lines[_LOG_HEAD_LINES:-_LOG_TAIL_LINES] = [f"[{omitted} lines more]"]
        return "\n".join(lines)

    def get(self, path: str, timeout: float = 5.0, *, of: str | None = None) -> tuple[int, bytes]:
        """A plain HTTP GET, for what no client library offers.

        Args:
            path: What to get.
            timeout: Seconds until it counts as unanswered.
            of: ``HOST:PORT``; that of the HTTP service by default.

        Raises:
            OSError: No connection, or no answer in time.
            http.client.HTTPException: No HTTP.
        """
        return self._exchange(of or self.http, "GET", path, timeout=timeout)

    def post(
        self,
        path: str,
        body: bytes,
        timeout: float = 5.0,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """A plain HTTP POST of JSON, as for :meth:`get`.

        Args:
            path: Where to.
            body: The JSON.
            timeout: Seconds until it counts as unanswered.
            headers: More of them, which are sent as they are written here.
        """
        every = {"Content-Type": "application/json", **(headers or {})}
        return self._exchange(self.http, "POST", path, body, every, timeout=timeout)

    def _exchange(
        self,
        address: str,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float,
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(address, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def is_ready(self) -> bool:
        """Whether GET /v2/health/ready says so."""
        try:
            return self.get("/v2/health/ready")[0] == http.client.OK
        except (OSError, http.client.HTTPException):
            return False

    def remember_helpers(self) -> None:
        """Notes the processes below the server: the Python stubs of its models."""
        with suppress(psutil.Error):
            self._helpers = tuple(psutil.Process(self.pid).children(recursive=True))

    def stubs(self, model: str) -> list[psutil.Process]:
        """The processes that run a Python model at the moment.

        Args:
            model: The model's name.

        Raises:
            Blocked: The server runs where its processes cannot be seen from here.
        """
        found = []
        pid = self.pid
        with suppress(psutil.Error):
            for helper in psutil.Process(pid).children(recursive=True):
                with suppress(psutil.Error):
                    if f"/{model}/" in " ".join(helper.cmdline()) and _runs(helper):
                        found.append(helper)
        return found

    def harm(self) -> str | None:
        """What is not as it was when the server got ready: its own end, or a lost Python stub."""
        if how := self.how_it_ended():
            return f"the server {how}"
        lost = [helper.pid for helper in self._helpers if not _runs(helper)]
        if lost:
            return f"{len(lost)} of its {len(self._helpers)} Python stubs died"
        return None if self.is_ready() else "the server is not ready any more"

    def stop(self, timeout: float = STOP_TIMEOUT) -> int:
        """Stops it as an operator would, and removes what it left; see :meth:`terminate`."""
        try:
            return self.terminate(timeout)
        finally:
            self.remove_traces()

    def remove_folder(self) -> None:
        """Removes its folder here."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def describe_exit(status: int) -> str:
    """An exit status in words."""
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        return f"was killed by {name} (exit status {status})"
    return f"exited with status {status}"


def status_by_shell(code: int) -> int:
    """An exit code as a shell or a container tells it: 137 for a death by signal 9, which is -9."""
    by_signal = code - _FIRST_EXIT_BY_SIGNAL
    return -by_signal if 0 < by_signal < signal.NSIG else code


def started_on_free_ports(start: Callable[[], RunningServer]) -> RunningServer:
    """Starts a server on ports that were free a moment ago, and again where they are not any more.

    Args:
        start: Finds free ports, and starts it on them.

    Raises:
        ServerFailedToStartError: It did not start, for another reason, or for this one all times.
    """
    attempt = 1
    while True:
        try:
            return start()
        except ServerFailedToStartError as failure:
            # Between finding a free port and the server's taking it, somebody else may have.
            taken = any(text in str(failure).lower() for text in _PORT_TAKEN)
            if not taken or attempt == _PORT_ATTEMPTS:
                raise
        attempt += 1


def wait_until_ready(server: RunningServer, deadline: float) -> None:
    """Waits until a server is ready, and notices at once when it has ended instead.

    Args:
        server: The server.
        deadline: By ``time.perf_counter``.

    Raises:
        ServerFailedToStartError: It ended, or was not ready in time.
    """
    while True:
        if how := server.how_it_ended():
            raise ServerFailedToStartError(
                f"the server {server.name} {how} before it was ready; its log:\n"
                f"{server.log_ends()}\nit was started by: {server.command_line}",
                server.log(),
                ended=True,
            )
        if _answers_ready(server):
            return
        if time.perf_counter() > deadline:
            because = f" ({why})" if (why := server.suspended()) else ""
            raise ServerFailedToStartError(
                f"the server {server.name} was not ready in time{because}; the end of its log:\n"
                f"{server.log_tail()}\nit was started by: {server.command_line}",
                server.log(),
            )
        server.how_it_ended(POLL_INTERVAL)  # wakes at once when it dies


def _answers_ready(server: RunningServer) -> bool:
    try:
        if server.get("/v2/health/ready", timeout=2.0)[0] != http.client.OK:
            return False
        metadata = json.loads(server.get("/v2", timeout=2.0)[1])
        if server.metrics:  # that service is the last to start
            server.get("/metrics", timeout=2.0, of=server.metrics)
    except (OSError, http.client.HTTPException, ValueError):
        return False
    if not isinstance(metadata, dict) or metadata.get("name") != server.name:
        return False  # somebody else's server on our port: ours will fail to bind and say so
    server.metadata = metadata
    return True
