"""Where a vLLM model's engine runs, as the operating system and the driver tell it.

vLLM either runs its engine inside the process that asks for it, which is the stub of the Python
backend, or spawns a process for it. That one listens on Unix sockets of ZMQ whose names end as
below (vLLM 0.6.3.post1, engine/multiprocessing/__init__.py).
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pynvml

from triton_claims.errors import Blocked, BrokenError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from triton_claims.servers.running import RunningServer

#: How the names of the sockets end that an engine listens on as long as it lives.
SOCKETS = ("_input_socket", "_output_socket", "_health_socket")
_STUB = "triton_python_backend_stub"
#: How Python's multiprocessing starts a process of its own.
_SPAWNED = "multiprocessing.spawn"
_SAMPLE = re.compile(r"^(vllm:[A-Za-z0-9_:]+)(?:\{.*\})? ([0-9.eE+-]+)$", re.MULTILINE)
_INODE, _PATH = 6, 7  # the columns of /proc/net/unix


@dataclass(frozen=True, slots=True)
class EngineSeen:
    """What was seen of the processes of a vLLM model.

    Attributes:
        stub: The process of the Python backend.
        spawned: Those below it that Python's multiprocessing started.
        sockets: The engine's sockets, by the process that has them open.
        gpu_memory: Bytes of GPU memory by process, of those that the driver tells of; it tells of
            none where they are in a container and this is not the machine that it runs on.
    """

    stub: int
    spawned: tuple[int, ...]
    sockets: Mapping[int, tuple[str, ...]]
    gpu_memory: Mapping[int, int]

    @property
    def over_zmq(self) -> int | None:
        """The process of its own that the engine has, and that listens to the stub's requests."""
        for process in self.spawned:
            names = self.sockets.get(process, ())
            if all(any(name.endswith(each) for name in names) for each in SOCKETS):
                return process
        return None

    @property
    def in_stub(self) -> bool:
        """Whether nothing but the stub can be what runs the engine."""
        return not self.spawned and not self.sockets

    @property
    def on_gpu(self) -> int | None:
        """The process with the most GPU memory; None where the driver tells of none."""
        return max(self.gpu_memory, key=self.gpu_memory.__getitem__, default=None)

    def describe(self) -> str:
        """All of it, for people."""
        memory = [f"{pid}: {size / 2**20:.0f} MiB" for pid, size in self.gpu_memory.items()]
        sockets = [f"{pid}: {' '.join(paths)}" for pid, paths in self.sockets.items()]
        return (
            f"stub of the Python backend: {self.stub}\n"
            f"processes that it spawned: {', '.join(map(str, self.spawned)) or 'none'}\n"
            f"sockets of an engine: {'; '.join(sockets) or 'none'}\n"
            f"GPU memory: {'; '.join(memory) or 'the driver tells of no such process'}"
        )


def look_at_engine(server: RunningServer, model: str, library: Any = pynvml) -> EngineSeen:
    """Looks at the processes of a loaded vLLM model.

    Args:
        server: The server.
        model: The model's name.
        library: NVML's.

    Raises:
        Blocked: Its processes cannot be seen from here.
        BrokenError: No process runs the model.
    """
    stub = stub_of(server, model)
    family = [stub, *stub.children(recursive=True)]
    spawned, sockets = [], {}
    for process in family:
        with suppress(psutil.NoSuchProcess):
            if process != stub and _SPAWNED in " ".join(process.cmdline()):
                spawned.append(process.pid)
            if found := _engine_sockets(process.pid):
                sockets[process.pid] = found
    memory = gpu_memory(library)
    known = {each.pid: memory[each.pid] for each in family if each.pid in memory}
    return EngineSeen(stub.pid, tuple(spawned), sockets, known)


def stub_of(server: RunningServer, model: str) -> psutil.Process:
    """The process of the Python backend that runs a model of the vLLM backend.

    Its command line names the backend's file where a Python model's names its own folder; the
    model's name is a part of the instance's.

    Raises:
        Blocked: The server's processes cannot be seen from here.
        BrokenError: There is none.
    """
    for process in family_of(server):
        with suppress(psutil.Error):
            line = process.cmdline()
            # What the stub forks has its command line: the stub is what has started it.
            if line and Path(line[0]).name == _STUB and any(model in each for each in line[1:]):
                return process
    raise BrokenError(f"no process below the server {server.name} runs the model {model}")


def family_of(server: RunningServer) -> list[psutil.Process]:
    """The processes below a server, those nearer to it first."""
    try:
        return psutil.Process(server.pid).children(recursive=True)
    except psutil.NoSuchProcess as gone:
        raise BrokenError(f"the server {server.name} is gone: {gone}") from None


def has_own_processes(server: RunningServer) -> bool:
    """Whether the end of the server is the end of all its processes, as of a container's first."""
    try:
        own, here = (Path(f"/proc/{pid}/ns/pid").readlink() for pid in (server.pid, "self"))
    except OSError as problem:
        raise Blocked(
            f"the server's processes cannot be looked at: {problem}",
            unblock="run the suite as root",
        ) from None
    return own != here


def shared_memory_size(server: RunningServer) -> int:
    """Bytes of shared memory that the server's processes can have: NCCL and Ray need some."""
    try:
        found = os.statvfs(f"/proc/{server.pid}/root/dev/shm")
    except OSError as problem:
        raise Blocked(
            f"the server's shared memory cannot be looked at: {problem}",
            unblock="run the suite as root",
        ) from None
    return found.f_frsize * found.f_blocks


def sample_sums(page: str) -> dict[str, float]:
    """The samples of vLLM's metrics on a page of metrics, summed up by name."""
    sums: dict[str, float] = {}
    for name, value in _SAMPLE.findall(page):
        sums[name] = sums.get(name, 0.0) + float(value)
    return sums


def gpu_memory(library: Any = pynvml) -> dict[int, int]:
    """Bytes of GPU memory by process, as the driver tells; nothing where there is no driver."""
    memory: dict[int, int] = {}
    try:
        library.nvmlInit()
    except library.NVMLError:
        return memory
    try:
        for index in range(library.nvmlDeviceGetCount()):
            with suppress(library.NVMLError):  # one GPU that does not tell hides no other
                handle = library.nvmlDeviceGetHandleByIndex(index)
                for process in library.nvmlDeviceGetComputeRunningProcesses(handle):
                    used = process.usedGpuMemory or 0
                    memory[process.pid] = memory.get(process.pid, 0) + used
    except library.NVMLError:
        return memory
    finally:
        library.nvmlShutdown()
    return memory


def socket_paths(table: str, inodes: Iterable[str]) -> tuple[str, ...]:
    """The names of Unix sockets, sorted.

    Args:
        table: What ``/proc/net/unix`` says.
        inodes: Of which sockets.
    """
    wanted = set(inodes)
    lines = [line.split(None, _PATH) for line in table.splitlines()]
    return tuple(
        sorted({line[_PATH] for line in lines if len(line) > _PATH and line[_INODE] in wanted})
    )


def _engine_sockets(pid: int) -> tuple[str, ...]:
    inodes = []
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                link = str(descriptor.readlink())
                if link.startswith("socket:["):
                    inodes.append(link.removeprefix("socket:[").removesuffix("]"))
        # Of the process's own network namespace, which is a container's.
        table = Path(f"/proc/{pid}/net/unix").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ()
    except PermissionError as problem:
        raise Blocked(
            f"the sockets of the server's processes cannot be seen: {problem}",
            unblock="run the suite as root",
        ) from None
    return tuple(each for each in socket_paths(table, inodes) if each.endswith(SOCKETS))
