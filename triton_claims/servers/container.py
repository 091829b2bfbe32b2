"""One running tritonserver that is a container: started by testcontainers, watched, stopped."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.types import DeviceRequest, Mount
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.transferable import build_transfer_tar

from triton_claims.errors import Blocked, BrokenError
from triton_claims.secrets import redact, secret_values
from triton_claims.servers.container_image import ContainerImage, file_of
from triton_claims.servers.container_traces import labels_of, note_host
from triton_claims.servers.docker_host import HostLostError, answers, engine_in_words, said
from triton_claims.servers.process import free_ports
from triton_claims.servers.running import (
    LOOPBACK,
    METRICS,
    STOP_TIMEOUT,
    RunningServer,
    ServerFailedToStartError,
    describe_exit,
    started_on_free_ports,
    status_by_shell,
    wait_until_ready,
)
from triton_claims.servers.scratch import (
    RUN_VARIABLE,
    Scratch,
    remove_shared_memory,
    shared_memory_prefix,
)
from triton_claims.servers.server_options import Listening, server_command
from triton_claims.servers.ssh_engine import share_connections
from triton_claims.servers.ssh_tunnel import SshTunnel

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from triton_claims.servers.container_settings import ContainerSettings
    from triton_claims.servers.docker_host import DockerHost

#: Triton's own ports, which nobody else has in a container.
_INSIDE = Listening(None, 8000, 8001, 8002)
_SERVER = "tritonserver"
#: Seconds for the last lines of a log, and the word that it has ended, to come from the engine.
_LAST_WORDS = 10.0
#: Seconds until an engine that is asked whether it is there counts as lost.
_SOON = 3.0
_NOT_SHARED = ("bind source path does not exist", "no such file or directory")
_NO_GPU_RUNTIME = ("could not select device driver", "unknown runtime specified nvidia")
_NO_INIT = ("container-init binary not found", '"docker-init": executable file not found')
_DISK_FULL = "no space left on device"
_UUID = re.compile(r"\b(?:GPU|MIG)-[0-9a-fA-F-]{8,}\b")


@dataclass(frozen=True, slots=True)
class ContainerStart:
    """What a container is started with.

    Attributes:
        image: The image.
        settings: What the user said of how containers are run.
        command: The server's executable in the image.
        known: The options that the server knows.
        arguments: Its options beyond those that every server gets.
        environment: Its environment variables beyond those.
        gpus: UUIDs of the GPUs it is to see, and no others.
        loopback: Whether it must reach this machine's loopback: it is on the host's network then.
        mounts: Further folders of this machine, read-only, at the same place inside.
    """

    image: ContainerImage
    settings: ContainerSettings
    command: str
    known: Collection[str]
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    gpus: Sequence[str] = ()
    loopback: bool = False
    mounts: Sequence[Path] = ()

    @property
    def with_metrics(self) -> bool:
        """Whether it serves metrics."""
        return METRICS in self.arguments


class ServerContainer(RunningServer):
    """A server in a container; see :func:`start_container`.

    Args:
        name: Unique on the machine.
        scratch: The run's temporary place.
        described: The container, started.
        start: What it was started with.
        addresses: ``HOST:PORT`` of its services: HTTP, gRPC, metrics.
        copied: Whether its models were copied in: it does not see this machine's files.
        tunnel: The way to its ports, where there is no other.
    """

    def __init__(
        self,
        name: str,
        scratch: Scratch,
        described: DockerContainer,
        start: ContainerStart,
        *,
        command: Sequence[str],
        addresses: tuple[str, str, str | None],
        copied: bool,
        tunnel: SshTunnel | None = None,
    ) -> None:
        http, grpc, metrics = addresses
        super().__init__(
            name, scratch.run, scratch.folder / name, http=http, grpc=grpc, metrics=metrics
        )
        self.start = start
        self.host = start.image.host
        self._described = described
        self._container: Any = described.get_wrapped_container()
        self._command = tuple(command)
        self._copied = copied
        self._tunnel = tunnel
        self._ended = threading.Event()
        self._status: int | None = None
        self._out_of_memory = False
        self._lost: str | None = None
        self._secrets = secret_values(start.environment)
        self._pid: int | None = None
        self._threads = (
            threading.Thread(target=self._follow_log, daemon=True),
            threading.Thread(target=self._wait, daemon=True),
        )
        for thread in self._threads:
            thread.start()

    @property
    def id(self) -> str:
        """The container's id."""
        return str(self._container.id)

    @property
    def pid(self) -> int:
        """The process id of the tritonserver itself, as this machine numbers it."""
        if self._pid is None:
            servers = [each for each in self._family() if each.name() == _SERVER]
            if not servers:
                raise psutil.NoSuchProcess(0, _SERVER)
            self._pid = servers[0].pid
        return self._pid

    @property
    def shares_files(self) -> bool:
        """Whether it sees the run's folder as it is here, and we see what it writes there."""
        return not self._copied

    @property
    def command_line(self) -> str:
        """A ``docker run`` of the same, with its models in ``./models``."""
        options = [
            *(f"--env={name}={value}" for name, value in self.start.environment.items()),
            *(f"--gpus=device={gpu}" for gpu in self.start.gpus),
            f"--volume=./models:{self.folder}/models",
            *self.start.settings.command_line_options(),
            "--network=host" if self.start.loopback else "--publish=127.0.0.1::8000",
        ]
        engine = "" if self.host.is_local else f"DOCKER_HOST={shlex.quote(self.host.url)} "
        return self._without_secrets(
            engine
            + shlex.join(
                ["docker", "run", "--rm", *options, self.start.image.reference, *self._command]
            )
        )

    def how_it_ended(self, timeout: float = 0.0) -> str | None:
        """How the server ended, in words; None where it runs on.

        Raises:
            HostLostError: Its Docker host does not answer any more.
        """
        if not self._ended.wait(timeout):
            return None
        if self._lost is not None:
            raise HostLostError(
                f"the Docker host {self.host} is lost, and with it the server {self.name}: "
                f"{self._lost}"
            )
        words = describe_exit(self._status or 0)
        if not self._out_of_memory:
            return words
        if self._status == -signal.SIGKILL:
            return f"{words}, out of memory"
        return f"{words}; a process in its container had been killed, out of memory"

    def is_alive(self) -> bool:
        """Whether the tritonserver runs, as far as is known: not on a host that is lost."""
        return not self._ended.is_set()

    def suspended(self) -> str | None:
        """Whether somebody has paused its container."""
        if self._ended.is_set():
            return None
        with suppress(DockerException, requests.RequestException, OSError):
            self._container.reload()
            if self._container.attrs["State"].get("Paused"):
                return f"the container of the server {self.name} is paused"
        return None

    def log(self) -> str:
        """All it has printed, without secrets."""
        # What it has just printed may still be on its way to the file.
        if not self._ended.is_set() and answers(self.host, _SOON):
            with suppress(APIError, requests.RequestException, OSError):
                return self._without_secrets(self._container.logs().decode(errors="replace"))
        if self._ended.is_set() and self._lost is None:
            # Its end is often told before its last words.
            self._threads[0].join(_LAST_WORDS)
        return super().log()

    def terminate(self, timeout: float = STOP_TIMEOUT) -> int:
        """Ends it as an operator would, by ``docker stop``; its folder stays."""
        with self._engine():
            self._container.stop(timeout=int(timeout))
        return self._await_end()

    def kill(self) -> int:
        """Ends it at once with all its children; its folder stays."""
        if not self._ended.is_set() and not answers(self.host, _SOON):
            self._lost = "it does not answer"
            self._ended.set()
        if not self._ended.is_set():
            # It may have ended by itself just now.
            with suppress(DockerException, requests.RequestException, OSError):
                self._container.kill()
        return self._await_end()

    def leave(self) -> None:
        """Removes the way to it, and the container."""
        if self._tunnel is not None:
            self._tunnel.close()
        # What is on a lost host is removed when it is back: now, or in a later run.
        if self._lost is None or answers(self.host, _LAST_WORDS):
            _remove(self._described)

    def remove_traces(self) -> None:
        """Removes the container, what it left in shared memory, and its folder."""
        self.leave()
        # On the host's network and with its IPC namespace, its shared memory is this machine's.
        remove_shared_memory(shared_memory_prefix(self.run, self.name))
        self.remove_folder()

    def process_of(self, told: int) -> psutil.Process:
        """The process that has that id in the container's own numbering."""
        for process in self._family():
            with suppress(OSError):
                status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
                ids = next(line for line in status.splitlines() if line.startswith("NSpid:"))
                if int(ids.split()[-1]) == told:
                    return process
        raise psutil.NoSuchProcess(told)

    def place(self, path: str, content: bytes = b"") -> None:
        """Puts a file into the server's folder, here and in the container."""
        (self.folder / path).write_bytes(content)
        if self._copied:
            with self._engine():
                self._container.put_archive(
                    "/", build_transfer_tar(self.folder / path, str(self.folder / path))
                )

    def run_inside(self, command: Sequence[str]) -> tuple[int, str]:
        """Runs a command in the container.

        Returns:
            Its exit code, and all it printed.
        """
        with self._engine():
            code, output = self._container.exec_run(list(command))
        return int(code), self._without_secrets(output.decode(errors="replace"))

    def read_inside(self, path: str) -> bytes | None:
        """A file in the container; None where there is none."""
        with self._engine():
            return file_of(self._container, path)

    def _engine(self) -> Any:
        return engine_in_words(self.host)

    def _family(self) -> list[psutil.Process]:
        """Its processes, where this machine runs them.

        Raises:
            Blocked: Another machine runs them.
        """
        with self._engine():
            self._container.reload()
        first = int(self._container.attrs["State"]["Pid"])
        with suppress(OSError, psutil.Error):
            groups = Path(f"/proc/{first}/cgroup").read_text(encoding="utf-8")
            # Who may read this may also signal it, and read its memory maps.
            Path(f"/proc/{first}/environ").read_bytes()
            if first and self.id in groups:
                process = psutil.Process(first)
                return [process, *process.children(recursive=True)]
        raise Blocked(
            f"the processes of a container at {self.host} cannot be seen from here",
            unblock="run the suite as root on the Docker host itself, or inside the container: "
            "--target install:/opt/tritonserver",
        )

    def _follow_log(self) -> None:
        with (
            suppress(APIError, requests.RequestException, OSError),
            self.log_path.open("ab") as log,
        ):
            for chunk in self._container.logs(stream=True, follow=True):
                log.write(chunk)
                log.flush()

    def _wait(self) -> None:
        try:
            answer = self._container.wait(timeout=None)
            self._status = status_by_shell(int(answer["StatusCode"]))
            with suppress(APIError):
                self._container.reload()
                self._out_of_memory = bool(self._container.attrs["State"].get("OOMKilled"))
        except NotFound:
            self._status = status_by_shell(137)
        except (DockerException, requests.RequestException, OSError, ValueError) as problem:
            self._lost = redact(" ".join(str(problem).split()))[:300]
        finally:
            self._ended.set()

    def _await_end(self) -> int:
        if not self._ended.wait(_LAST_WORDS):
            self._lost = "it does not tell that the container has ended"
        if self._lost is not None:
            return 0
        self._threads[0].join(_LAST_WORDS)
        return self._status or 0


def start_container(
    start: ContainerStart, *, name: str, scratch: Scratch, timeout: float
) -> RunningServer:
    """Starts a server in a container and waits until it is ready.

    Its models lie in ``scratch.folder / name / "models"``; the container has them at the same
    place. Its ports are published on loopback, or on the address of a remote Docker host.

    Args:
        start: What to start.
        name: Unique on the machine; the server reports it as its own.
        scratch: The run's temporary place.
        timeout: Seconds until it must be ready.

    Raises:
        Blocked: The engine is gone, or has no runtime for GPUs.
        ServerFailedToStartError: It ended or did not get ready; with exit status and log.
    """
    return started_on_free_ports(lambda: _start_once(start, name, scratch, timeout))


def _start_once(
    start: ContainerStart, name: str, scratch: Scratch, timeout: float
) -> ServerContainer:
    host = start.image.host
    if start.loopback and not host.is_local:
        raise Blocked(
            f"the server must reach what listens on this machine's loopback, and {host} is another",
            unblock="run the suite on the Docker host itself",
        )
    (scratch.folder / name).mkdir(exist_ok=True)
    note_host(scratch.folder, host)
    listening = Listening(LOOPBACK, *free_ports(3)) if start.loopback else _INSIDE
    command = server_command(
        start.command,
        name=name,
        run=scratch.run,
        models=str(scratch.folder / name / "models"),
        listening=listening,
        known=start.known,
        arguments=start.arguments,
    )
    began = time.perf_counter()
    described, copied = _started(start, name, scratch, command)
    try:
        container = described.get_wrapped_container()
        addresses, tunnel = _addresses(container, start, listening, scratch.run)
    except BaseException:
        _remove(described)
        raise
    server = ServerContainer(
        name,
        scratch,
        described,
        start,
        command=command,
        addresses=addresses,
        copied=copied,
        tunnel=tunnel,
    )
    try:
        wait_until_ready(server, began + timeout)
        server.start_seconds = time.perf_counter() - began
        must_see_its_gpus(server)
        with suppress(Blocked):
            server.remember_helpers()
    except BaseException:
        try:
            server.kill()
        finally:
            server.leave()
        raise
    return server


def _started(
    start: ContainerStart, name: str, scratch: Scratch, command: Sequence[str]
) -> tuple[DockerContainer, bool]:
    """The container, and whether its models were copied into it."""
    settings, host = start.settings, start.image.host
    # What a container writes as root is not ours to remove, but as root.
    mount = settings.models == "mount" or (
        settings.models == "auto" and host.is_local and os.getuid() == 0
    )
    for copied in (False, True) if mount else (True,):
        described = _described(start, name, scratch, command, copied=copied)
        try:
            with engine_in_words(host, refusals=False):
                described.start()
        except APIError as problem:
            _remove(described)
            # An engine that does not see this machine's files is another machine's.
            not_shared = any(each in said(problem).lower() for each in _NOT_SHARED)
            if copied or not not_shared or settings.models == "mount":
                raise _refused(start, name, problem) from None
        except BaseException:
            _remove(described)
            raise
        else:
            return described, copied
    raise BrokenError(f"the server {name} was not started")  # not reached: the last one returns


def _described(
    start: ContainerStart, name: str, scratch: Scratch, command: Sequence[str], *, copied: bool
) -> DockerContainer:
    host = start.image.host
    if "TESTCONTAINERS_RYUK_DISABLED" not in os.environ:
        # Its image is one more to pull, and what killed runs leave is found by labels without it.
        testcontainers_config.ryuk_disabled = True
    with engine_in_words(host):
        described = DockerContainer(
            start.image.id,
            docker_client_kw={"environment": host.environment()},
        )
        if host.is_by_ssh:
            share_connections(described.get_docker_client().client)
    # A prefix for the hub's images, which a user of testcontainers may have set, is not for an id.
    described.image = start.image.id
    mounts = (
        []
        if copied
        else [
            Mount(str(scratch.folder), str(scratch.folder), type="bind"),
            *(Mount(str(each), str(each), type="bind", read_only=True) for each in start.mounts),
        ]
    )
    described.with_command(list(command))
    described.with_envs(**_environment(start, scratch))
    described.with_name(f"triton-claims-{name}")
    options = start.settings.arguments()
    described.tmpfs = options.pop("tmpfs", {})  # testcontainers passes it on itself
    # One call: each replaces what the one before it gave.
    described.with_kwargs(
        **{
            **options,
            "labels": labels_of(scratch.run),
            "mounts": mounts,
            "network": "host" if start.loopback else "bridge",
            "device_requests": [
                DeviceRequest(device_ids=list(start.gpus), capabilities=[["gpu"]]),
            ]
            if start.gpus
            else [],
        }
    )
    if not start.loopback:
        ports = [_INSIDE.http, _INSIDE.grpc, *([_INSIDE.metrics] * start.with_metrics)]
        published: dict[str, Any] = {f"{port}/tcp": (_published_on(host),) for port in ports}
        described.ports = published
    if copied:
        models = scratch.folder / name / "models"
        described.with_copy_into_container(models, str(models.parent))
        for each in start.mounts:
            described.with_copy_into_container(each, str(each.parent))
    return described


def _published_on(host: DockerHost) -> str:
    """The address that a host publishes ports on: an engine takes no names."""
    try:
        found = socket.getaddrinfo(host.address, None, proto=socket.IPPROTO_TCP)
    except OSError as problem:
        raise BrokenError(f"the Docker host {host} has no address here: {problem}") from None
    return str(found[0][4][0])


def _environment(start: ContainerStart, scratch: Scratch) -> dict[str, str]:
    # Where a cell is for the CPU, a GPU that happens to be there must not matter.
    without_gpu = {"CUDA_VISIBLE_DEVICES": "-1", "NVIDIA_VISIBLE_DEVICES": "void"}
    return {
        **({} if start.gpus else without_gpu),
        RUN_VARIABLE: scratch.run,
        **start.environment,
    }


def _addresses(
    container: Any, start: ContainerStart, listening: Listening, run: str
) -> tuple[tuple[str, str, str | None], SshTunnel | None]:
    """Where its services are reached, and the tunnel that leads there, if one must."""
    host = start.image.host
    inside = [listening.http, listening.grpc, *([listening.metrics] * start.with_metrics)]
    if start.loopback:
        return _three([f"{LOOPBACK}:{port}" for port in inside]), None
    with engine_in_words(host):
        container.reload()
    published = container.attrs["NetworkSettings"]["Ports"] or {}
    bindings = [published.get(f"{port}/tcp") for port in inside]
    if not all(bindings):
        # It has ended already and lost its ports, or will be found so: nobody listens there.
        return _three([f"{LOOPBACK}:9"] * len(inside)), None
    ports = [int(each[0]["HostPort"]) for each in bindings if each]
    if not host.is_by_ssh:
        return _three([f"{host.address}:{port}" for port in ports]), None
    tunnel = SshTunnel(host.url, ports, run)
    return _three([f"{LOOPBACK}:{tunnel.ports[port]}" for port in ports]), tunnel


def _three(addresses: Sequence[str]) -> tuple[str, str, str | None]:
    http, grpc, *metrics = addresses
    return http, grpc, metrics[0] if metrics else None


def _refused(start: ContainerStart, name: str, problem: APIError) -> BrokenError | Blocked:
    """What the engine says when it does not start a container."""
    host, words = start.image.host, said(problem)
    lower = words.lower()
    if any(each in lower for each in _NO_GPU_RUNTIME):
        return Blocked(
            f"the Docker engine at {host} has no runtime for GPUs: {words}",
            unblock="install the NVIDIA Container Toolkit there (nvidia-ctk runtime configure)",
        )
    if any(each in lower for each in _NO_INIT):
        return Blocked(
            f"the engine at {host} has no program to be the first process of containers: {words}",
            unblock="install it there (for podman, catatonit), or do without it: "
            "--docker-option init=false",
        )
    advice = ""
    if _DISK_FULL in lower:
        advice = "; make room on the Docker host"
    elif any(each in lower for each in _NOT_SHARED) and start.settings.models == "mount":
        advice = "; if it does not see this machine's files, use --docker-models copy"
    elif "rlimit" in lower or "ulimit" in lower:
        advice = "; the host does not allow this limit: give another by --docker-option ulimits=..."
    return ServerFailedToStartError(
        f"the Docker engine at {host} does not start the server {name}: {words}{advice}"
    )


def _remove(described: DockerContainer) -> None:
    with suppress(DockerException, requests.RequestException, OSError):
        described.stop()


def must_see_its_gpus(server: ServerContainer) -> None:
    """An engine may pass over a request for GPUs without a word: look that they are there.

    Raises:
        BrokenError: The container sees others than it was to see, or none.
    """
    wanted = set(server.start.gpus)
    if not wanted:
        return
    code, printed = server.run_inside(["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"])
    mig = any(each.startswith("MIG-") for each in wanted)
    if mig:
        code, printed = server.run_inside(["nvidia-smi", "-L"])
    seen = set(_UUID.findall(printed)) if code == 0 else set()
    if mig:
        seen = {each for each in seen if each.startswith("MIG-")}
    if seen != wanted:
        raise BrokenError(
            f"the container of the server {server.name} was to see {', '.join(sorted(wanted))} and "
            f"sees {', '.join(sorted(seen)) or 'no GPU'}: the engine at {server.host} does not "
            f"give it what it asked for; nvidia-smi printed: {printed.strip()[:300]}"
        )
