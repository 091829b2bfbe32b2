"""One running tritonserver: started, watched, stopped."""

from __future__ import annotations

import http.client
import json
import os
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import psutil

from triton_claims.errors import BrokenError
from triton_claims.secrets import redact
from triton_claims.servers.scratch import (
    RUN_VARIABLE,
    Scratch,
    remove_shared_memory,
    shared_memory_prefix,
    wait_until_ended,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from triton_claims.servers.installation import Installation

#: Seconds between two looks at a server that is starting.
POLL_INTERVAL = 0.005
#: Seconds a server may take to get ready, and to stop after SIGTERM (its own limit is 30).
START_TIMEOUT = 120.0
STOP_TIMEOUT = 45.0
_LOOPBACK = "127.0.0.1"
_METRICS = "--allow-metrics=true"
_PORT_TAKEN = ("address already in use", "failed to bind", "already in use")
_PORT_ATTEMPTS = 3
_LOG_TAIL_LINES = 40


class ServerFailedToStartError(BrokenError):
    """The server ended, or did not get ready in time.

    Attributes:
        log: All it had printed by then.
    """

    def __init__(self, words: str, log: str = "") -> None:
        self.log = log
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


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is started, complete: what a reader needs to start it again."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    http: str
    grpc: str
    metrics: str | None = None


class ServerProcess:
    """A server that is ready, and belongs to this run.

    Made by :func:`start_server`; ``http``, ``grpc`` and ``metrics`` are ``HOST:PORT`` on loopback;
    ``metrics`` is None but with the option ``--allow-metrics=true``.
    """

    def __init__(
        self, name: str, launch: Launch, process: subprocess.Popen[bytes], folder: Path
    ) -> None:
        self.name = name
        self.launch = launch
        self.http = launch.http
        self.grpc = launch.grpc
        self.metrics = launch.metrics
        self.folder = folder
        self.log_path = folder / "server.log"
        self.metadata: dict[str, Any] = {}
        self.start_seconds = 0.0
        self._process = process
        self._helpers: tuple[psutil.Process, ...] = ()

    @property
    def version(self) -> str:
        """The version it reports by GET /v2."""
        return str(self.metadata["version"])

    @property
    def pid(self) -> int:
        """The process id of the tritonserver itself."""
        return self._process.pid

    @property
    def run(self) -> str:
        """The id of the run that it belongs to."""
        return self.launch.environment[RUN_VARIABLE]

    @property
    def command_line(self) -> str:
        """The command that started it, to be pasted into a shell."""
        kept = ("LD_LIBRARY_PATH", "LD_PRELOAD", "PATH", "CUDA_VISIBLE_DEVICES")
        environment = [
            f"{name}={shlex.quote(value)}"
            for name, value in self.launch.environment.items()
            if name in kept and value
        ]
        return redact(" ".join(["env", *environment, shlex.join(self.launch.command)]))

    def is_alive(self) -> bool:
        """Whether the tritonserver runs."""
        return self._process.poll() is None

    def how_it_ended(self, timeout: float = 0.0) -> str | None:
        """How the server ended, in words; None where it runs on.

        Args:
            timeout: Seconds to wait for an end that is under way: a connection breaks a moment
                before the process is gone.
        """
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        return describe_exit(status)

    def log(self) -> str:
        """All it has printed, without secrets."""
        try:
            return redact(self.log_path.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            return ""

    def log_tail(self, lines: int = _LOG_TAIL_LINES) -> str:
        """The last lines it printed, without secrets."""
        return "\n".join(self.log().splitlines()[-lines:])

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
        connection = http.client.HTTPConnection(of or self.http, timeout=timeout)
        try:
            connection.request("GET", path)
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
        """
        found = []
        with suppress(psutil.Error):
            for helper in psutil.Process(self.pid).children(recursive=True):
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

    def terminate(self, timeout: float = STOP_TIMEOUT) -> int:
        """Ends it as an operator would: SIGTERM, and waits; its folder stays.

        Args:
            timeout: Seconds until it is killed.

        Returns:
            The exit status; negative for the signal that ended it.
        """
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """Ends it at once with all its children; its folder stays.

        Returns:
            The exit status; negative for the signal that ended it.
        """
        # The helpers are in the server's process group; those that left it are found as children.
        family: list[psutil.Process] = list(self._helpers)
        with suppress(psutil.Error):
            family += psutil.Process(self.pid).children(recursive=True)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        for helper in family:
            with suppress(psutil.Error):
                helper.kill()
        status = self._process.wait()
        wait_until_ended(family, timeout=10)
        return status

    def remove_traces(self) -> None:
        """Removes what a server that has ended left: children, shared memory, its folder."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)  # stubs that outlived their server
        remove_shared_memory(shared_memory_prefix(self.run, self.name))
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


def start_server(
    installation: Installation,
    *,
    name: str,
    scratch: Scratch,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    timeout: float = START_TIMEOUT,
) -> ServerProcess:
    """Starts a server on free loopback ports and waits until it is ready.

    Its model repository is the folder ``models`` that the caller laid out in
    ``scratch.folder / name``.

    Args:
        installation: What to start.
        name: Unique in the run; the server reports it as its own name, which proves that
            whoever answers on the port is the process that was started here.
        scratch: The run's temporary place.
        arguments: Further options; one given here replaces ours of the same name.
        environment: Further environment variables.
        timeout: Seconds until it must be ready.

    Raises:
        ServerFailedToStartError: It ended or did not get ready; with exit status and log.
    """
    attempt = 1
    while True:
        try:
            return _start_once(
                installation,
                name=name,
                scratch=scratch,
                arguments=arguments,
                environment=environment or {},
                timeout=timeout,
            )
        except ServerFailedToStartError as failure:
            # Between finding a free port and the server's taking it, somebody else may have.
            taken = any(text in str(failure).lower() for text in _PORT_TAKEN)
            if not taken or attempt == _PORT_ATTEMPTS:
                raise
        attempt += 1


def _start_once(
    installation: Installation,
    *,
    name: str,
    scratch: Scratch,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    timeout: float,
) -> ServerProcess:
    folder = scratch.folder / name
    folder.mkdir(exist_ok=True)
    launch = _launch(installation, name, scratch, arguments, environment)
    began = time.perf_counter()
    with (folder / "server.log").open("ab") as log:
        try:
            process = subprocess.Popen(
                launch.command,
                env=dict(launch.environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as problem:
            raise ServerFailedToStartError(f"cannot start {launch.command[0]}: {problem}") from None
    with suppress(OSError, ValueError):
        # A crash is evidence enough without a core file of gigabytes.
        resource.prlimit(process.pid, resource.RLIMIT_CORE, (0, 0))
    server = ServerProcess(name, launch, process, folder)
    try:
        _wait_until_ready(server, began + timeout)
    except BaseException:
        server.kill()
        raise
    server.start_seconds = time.perf_counter() - began
    server.remember_helpers()
    return server


def _launch(
    installation: Installation,
    name: str,
    scratch: Scratch,
    arguments: Sequence[str],
    environment: Mapping[str, str],
) -> Launch:
    http_port, grpc_port, metrics_port = free_ports(3)
    metrics = f"{_LOOPBACK}:{metrics_port}" if _METRICS in arguments else None
    given = {argument.partition("=")[0] for argument in arguments}
    known = supported_options(installation, scratch.folder)
    full_environment = installation.environment(
        {
            # Where a cell is for the CPU, a GPU that happens to be there must not matter.
            "CUDA_VISIBLE_DEVICES": "-1",
            RUN_VARIABLE: scratch.run,
            **environment,
        },
        scratch.folder / name,
    )
    ours = {
        "--model-repository": str(scratch.folder / name / "models"),
        "--id": name,
        "--http-address": _LOOPBACK,
        "--http-port": str(http_port),
        "--grpc-address": _LOOPBACK,
        "--grpc-port": str(grpc_port),
    }
    if installation.backends:
        ours["--backend-directory"] = str(installation.backends)
    if metrics:
        ours["--metrics-address"], ours["--metrics-port"] = _LOOPBACK, str(metrics_port)
    elif "allow-metrics" in known:
        ours["--allow-metrics"] = "false"
    if "allow-sagemaker" in known:
        ours["--allow-sagemaker"] = "false"
    if "allow-vertex-ai" in known:
        ours["--allow-vertex-ai"] = "false"
    command = [
        str(installation.binary),
        *(f"{option}={value}" for option, value in ours.items() if option not in given),
        "--backend-config=python,shm-region-prefix-name=" + shared_memory_prefix(scratch.run, name),
        *arguments,
    ]
    return Launch(
        command=tuple(command),
        environment=full_environment,
        http=f"{_LOOPBACK}:{http_port}",
        grpc=f"{_LOOPBACK}:{grpc_port}",
        metrics=metrics,
    )


@lru_cache
def supported_options(installation: Installation, folder: Path) -> frozenset[str]:
    """The options a server's ``--help`` lists: what it was built with differs.

    Args:
        installation: Whose binary to ask.
        folder: Where it may write.

    Raises:
        ServerFailedToStartError: It cannot even print its help.
    """
    try:
        answer = subprocess.run(
            [str(installation.binary), "--help"],
            env=installation.environment({}, folder),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise ServerFailedToStartError(f"cannot start {installation.binary}: {problem}") from None
    text = answer.stdout + answer.stderr
    words = (part.split()[:1] for part in text.split("--")[1:])
    options = frozenset(word.strip("<>=,.:;") for first in words for word in first)
    if "model-repository" not in options:
        raise ServerFailedToStartError(
            f"{installation.binary} --help {describe_exit(answer.returncode)} and lists no "
            f"--model-repository; it printed:\n{redact(text[-2000:])}"
        )
    return options


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on at the moment."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for each in sockets:
            each.bind((_LOOPBACK, 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _wait_until_ready(server: ServerProcess, deadline: float) -> None:
    while True:
        if how := server.how_it_ended():
            raise ServerFailedToStartError(
                f"the server {server.name} {how} before it was ready; the end of its log:\n"
                f"{server.log_tail()}\nit was started by: {server.command_line}",
                server.log(),
            )
        if _answers_ready(server):
            return
        if time.perf_counter() > deadline:
            raise ServerFailedToStartError(
                f"the server {server.name} was not ready in time; the end of its log:\n"
                f"{server.log_tail()}\nit was started by: {server.command_line}",
                server.log(),
            )
        server.how_it_ended(POLL_INTERVAL)  # wakes at once when it dies


def _answers_ready(server: ServerProcess) -> bool:
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
