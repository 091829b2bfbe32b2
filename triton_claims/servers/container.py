"""One running tritonserver that is a container: watched, looked into, stopped."""

from __future__ import annotations

import shlex
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import requests
from docker.errors import APIError, DockerException, NotFound
from testcontainers.core.transferable import build_transfer_tar

from triton_claims.errors import Blocked
from triton_claims.secrets import redact, secret_values
from triton_claims.servers.container_image import ContainerImage, file_of
from triton_claims.servers.docker_host import HostLostError, answers, engine_in_words
from triton_claims.servers.running import (
    METRICS,
    STOP_TIMEOUT,
    RunningServer,
    describe_exit,
    status_by_shell,
)
from triton_claims.servers.scratch import (
    Scratch,
    remove_shared_memory,
    shared_memory_prefix,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from testcontainers.core.container import DockerContainer

    from triton_claims.servers.container_settings import ContainerSettings
    from triton_claims.servers.ssh_tunnel import SshTunnel

_SERVER = "tritonserver"
#: Seconds for the last lines of a log, and the word that it has ended, to come from the engine.
_LAST_WORDS = 10.0
#: Seconds until an engine that is asked whether it is there counts as lost.
_SOON = 3.0


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
    """A server in a container; see ``container_start``.

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
            remove_container(self._described)

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


def remove_container(described: DockerContainer) -> None:
    """Removes a container; one that is gone already, or whose host is, is no matter."""
    with suppress(DockerException, requests.RequestException, OSError):
        described.stop()
