"""One running tritonserver that is a process of this machine: started, watched, stopped."""

from __future__ import annotations

import os
import resource
import shlex
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import psutil

from triton_claims.errors import BrokenError
from triton_claims.secrets import secret_values
from triton_claims.servers.running import (
    LOOPBACK,
    METRICS,
    START_TIMEOUT,
    STOP_TIMEOUT,
    RunningServer,
    ServerFailedToStartError,
    describe_exit,
    started_on_free_ports,
    wait_until_ready,
)
from triton_claims.servers.scratch import (
    RUN_VARIABLE,
    Scratch,
    remove_shared_memory,
    shared_memory_prefix,
    wait_until_ended,
)
from triton_claims.servers.server_options import Listening, options_in_help, server_command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from triton_claims.servers.installation import Installation

#: Seconds for a command that is run beside a server: an engine takes minutes to be built.
COMMAND_TIMEOUT = 600.0
#: What shells say, too.
NO_SUCH_COMMAND = 127


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is started, complete: what a reader needs to start it again."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    http: str
    grpc: str
    metrics: str | None = None


class ServerProcess(RunningServer):
    """A server that is a process of this machine, and listens on loopback.

    Args:
        name: Unique on the machine.
        launch: How it was started.
        process: The process.
        folder: Its own folder.
    """

    def __init__(
        self, name: str, launch: Launch, process: subprocess.Popen[bytes], folder: Path
    ) -> None:
        super().__init__(
            name,
            launch.environment[RUN_VARIABLE],
            folder,
            http=launch.http,
            grpc=launch.grpc,
            metrics=launch.metrics,
        )
        self.launch = launch
        self._secrets = secret_values(launch.environment)
        self._process = process

    @property
    def pid(self) -> int:
        """The process id of the tritonserver itself."""
        return self._process.pid

    @property
    def command_line(self) -> str:
        """The command that started it, to be pasted into a shell."""
        kept = ("LD_LIBRARY_PATH", "LD_PRELOAD", "PATH", "CUDA_VISIBLE_DEVICES")
        environment = [
            f"{name}={shlex.quote(value)}"
            for name, value in self.launch.environment.items()
            if name in kept and value
        ]
        command = shlex.join(self.launch.command)
        return self._without_secrets(" ".join(["env", *environment, command]))

    def how_it_ended(self, timeout: float = 0.0) -> str | None:
        """How the server ended, in words; None where it runs on."""
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        return describe_exit(status)

    def terminate(self, timeout: float = STOP_TIMEOUT) -> int:
        """Ends it as an operator would: SIGTERM, and waits; its folder stays."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """Ends it at once with all its children; its folder stays."""
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
        self.remove_folder()

    def run_inside(self, command: Sequence[str]) -> tuple[int, str]:
        """Runs a command where the server runs: here, with its environment."""
        try:
            ended = subprocess.run(
                list(command),
                env=self.launch.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=COMMAND_TIMEOUT,
                check=False,
            )
        except FileNotFoundError:
            return NO_SUCH_COMMAND, f"{command[0]}: not found"
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise BrokenError(f"{' '.join(command)}: {problem}") from None
        return ended.returncode, self._without_secrets(ended.stdout.decode(errors="replace"))

    def process_of(self, told: int) -> psutil.Process:
        """The process of that id: the server counts as this machine does."""
        return psutil.Process(told)

    def place(self, path: str, content: bytes = b"") -> None:
        """Puts a file into the server's folder."""
        (self.folder / path).write_bytes(content)


def start_server(
    installation: Installation,
    *,
    name: str,
    scratch: Scratch,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    gpus: Sequence[str] = (),
    timeout: float = START_TIMEOUT,
) -> RunningServer:
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
        gpus: UUIDs of the GPUs it is to see, and no others.
        timeout: Seconds until it must be ready.

    Raises:
        ServerFailedToStartError: It ended or did not get ready; with exit status and log.
    """
    return started_on_free_ports(
        lambda: _start_once(
            installation,
            name=name,
            scratch=scratch,
            arguments=arguments,
            # Where a cell is for the CPU, a GPU that happens to be there must not matter.
            environment={"CUDA_VISIBLE_DEVICES": ",".join(gpus) or "-1", **(environment or {})},
            timeout=timeout,
        )
    )


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
        wait_until_ready(server, began + timeout)
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
    full_environment = installation.environment(
        {RUN_VARIABLE: scratch.run, **environment}, scratch.folder / name
    )
    command = server_command(
        str(installation.binary),
        name=name,
        run=scratch.run,
        models=str(scratch.folder / name / "models"),
        listening=Listening(LOOPBACK, http_port, grpc_port, metrics_port),
        known=supported_options(installation, scratch.folder),
        arguments=arguments,
        backends=str(installation.backends) if installation.backends else None,
    )
    return Launch(
        command=command,
        environment=full_environment,
        http=f"{LOOPBACK}:{http_port}",
        grpc=f"{LOOPBACK}:{grpc_port}",
        metrics=f"{LOOPBACK}:{metrics_port}" if METRICS in arguments else None,
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
    return options_in_help(
        answer.stdout + answer.stderr, str(installation.binary), answer.returncode
    )


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on at the moment."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
