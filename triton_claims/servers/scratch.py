"""The run's own place on this machine, and how what a killed run left there is found again.

Every process that is started on behalf of a run carries the run's id in its environment, every
shared-memory file in its name, every temporary folder lies below one folder a run. So a later
run, or the guard, can clear up after a run that was killed without having been told what it did.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import select
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

RUN_VARIABLE = "TRITON_CLAIMS_RUN"
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux keeps POSIX shared memory
_OWNER = "owner.json"
#: The Docker hosts that a run has containers on.
DOCKER_HOSTS = "docker-hosts.json"
_MAKING_TAKES_AT_MOST = 60.0  # seconds
#: Where the Python backend makes a folder for environments, whatever TMPDIR says; a server that is
#: killed leaves it.
_ENVIRONMENTS = Path("/tmp")  # noqa: S108 - theirs, not ours
_ENVIRONMENT = "python_env_*"
_SERVER = "tritonserver"


@dataclass(frozen=True, slots=True)
class Owner:
    """The process a scratch folder belongs to; a pid alone may have been given out again."""

    pid: int
    created: float

    @classmethod
    def this_process(cls) -> Owner:
        """The running process."""
        return cls(os.getpid(), psutil.Process().create_time())

    def is_alive(self) -> bool:
        """Whether that very process still runs."""
        try:
            process = psutil.Process(self.pid)
            alive = process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False
        return alive and abs(process.create_time() - self.created) < 1


@dataclass(frozen=True, slots=True)
class Scratch:
    """A run's folder for everything temporary."""

    run: str
    folder: Path

    def new_folder(self, prefix: str) -> Path:
        """Makes a folder in it, for something that is no server.

        Args:
            prefix: How its name begins.
        """
        return Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=self.folder))

    def remove(self) -> None:
        """Removes all the run has left: processes, shared memory, folder."""
        _clear(self.run, self.folder)


def base_folder() -> Path:
    """The folder of all runs of this user."""
    return Path(tempfile.gettempdir()) / f"triton-claims-{os.getuid()}"


def new_scratch() -> Scratch:
    """Makes the folder of a new run, owned by this process."""
    run = secrets.token_hex(4)
    base = base_folder()
    staging = base / f".{run}"
    while True:
        try:
            base.mkdir(mode=0o700, exist_ok=True)
            # Nobody else gets through the folder above; in a container a server that is no root
            # must get into this one.
            staging.mkdir(mode=0o755)
            break
        except FileNotFoundError:  # another run removed the empty base in between
            continue
    # The owner is written before the folder gets its name: a sweep never sees one without.
    (staging / _OWNER).write_text(json.dumps(asdict(Owner.this_process())), encoding="utf-8")
    folder = staging.rename(base / run)
    return Scratch(run, folder)


def sweep() -> list[str]:
    """Clears up after runs whose process is gone.

    Returns:
        The ids of the runs cleared up.
    """
    swept = []
    try:
        folders = sorted(base_folder().iterdir())
    except OSError:
        return []
    for folder in folders:
        if not _is_abandoned(folder):
            continue
        began = _began(folder)
        _clear(folder.name.lstrip("."), folder)
        remove_orphaned_environments(since=began)
        swept.append(folder.name)
    return swept


def _is_abandoned(folder: Path) -> bool:
    try:
        owner = Owner(**json.loads((folder / _OWNER).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        # A run is just making or removing it, which takes it milliseconds; or it was killed then.
        try:
            return time.time() - folder.stat().st_mtime > _MAKING_TAKES_AT_MOST
        except OSError:
            return False
    return not owner.is_alive()


def processes_of(run: str) -> list[psutil.Process]:
    """Every process that was started for a run, however deep below it."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_VARIABLE) == run and process.pid != os.getpid():
                found.append(process)
        except (psutil.Error, OSError):  # somebody else's, or gone meanwhile
            continue
    return found


def wait_until_ended(processes: Iterable[psutil.Process], timeout: float) -> None:
    """Waits until processes run no more.

    A killed process that is not our child stays a zombie until whoever adopted it looks, which
    may take a second; a zombie does no harm, and is not waited for.

    Args:
        processes: The processes; other people's and vanished ones are no matter.
        timeout: Seconds to wait for all of them.
    """
    deadline = time.monotonic() + timeout
    for process in processes:
        try:
            handle = os.pidfd_open(process.pid)
        except OSError:  # it is gone
            continue
        try:
            select.select([handle], [], [], max(0.0, deadline - time.monotonic()))
        finally:
            os.close(handle)


def _began(folder: Path) -> float:
    """When a run began: its owner was noted then. Never, of one that had not come to that."""
    try:
        return (folder / _OWNER).stat().st_mtime
    except OSError:
        return math.inf


def _clear(run: str, folder: Path) -> None:
    if (folder / DOCKER_HOSTS).exists():
        # Docker's library is slow to import, and most runs need none of it.
        from triton_claims.servers.container_traces import remove_noted_containers  # noqa: PLC0415

        remove_noted_containers(run, folder)
    for _ in range(3):  # a process may start another one while it is being killed
        processes = processes_of(run)
        if not processes:
            break
        for process in processes:
            try:
                process.kill()
            except psutil.Error:
                continue
        wait_until_ended(processes, timeout=5)
    remove_shared_memory(shared_memory_prefix(run))
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.parent.rmdir()
    except OSError:  # other runs are there
        return


def shared_memory_prefix(run: str, server: str | None = None) -> str:
    """How the names of the shared-memory files of a run, or of one of its servers, begin."""
    return f"triton_claims_{run}_" + (f"{server}_" if server else "")


def remove_orphaned_environments(since: float, folder: Path = _ENVIRONMENTS) -> None:
    """Removes the folders that Python backends made since then and have left empty.

    Nothing in such a folder's name tells whose it is. But whoever made it had started before: where
    no server that runs now had, its maker is gone.

    Args:
        since: Seconds since the epoch; older folders are of nobody's concern here.
        folder: Where to look.
    """
    started = [
        process.info["create_time"]
        for process in psutil.process_iter(["name", "create_time"])
        if process.info["name"] == _SERVER and process.info["create_time"]
    ]
    oldest = min(started, default=math.inf)
    for path in folder.glob(_ENVIRONMENT):
        with suppress(OSError):  # somebody else's, in use, or gone meanwhile
            status = path.stat()
            if status.st_uid == os.getuid() and since <= status.st_mtime < oldest:
                path.rmdir()


def remove_shared_memory(prefix: str) -> None:
    """Removes the shared-memory files whose names begin so."""
    for path in _SHARED_MEMORY.glob(f"{prefix}*"):
        path.unlink(missing_ok=True)
