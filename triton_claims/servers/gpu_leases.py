"""GPUs are leased: one holder at a time, across the workers, the runs and the users of a machine.

A lease is a file lock on each device. The kernel gives it back when the last process that holds
it ends, however that ends: nothing is ever stale. Who waits takes a number: no request is
overtaken by a younger one that wants one of the same devices, so a request for two is not passed
by again and again by requests for one. And whoever holds a lease asks for no other, so no two can
wait for each other.

All files lie in one folder that every user of the machine may write to. No file is followed
through a link, none is ever written through before it is locked, and none of the locks' files is
removed: a lock on a file that has lost its name would keep nobody out.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import stat
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triton_claims.errors import Blocked, BrokenError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

#: The folder to use instead, for containers that share a machine's GPUs and not its /tmp.
VARIABLE = "TRITON_CLAIMS_GPU_LEASES"
#: Not where TMPDIR points: that may be another folder for every user.
_FOLDER = Path("/tmp/triton-claims-gpus")  # noqa: S108 - handled without following links
#: Seconds to wait for GPUs. A holder may load a large model and measure with it.
LEASE_TIMEOUT = 3600.0
_POLL_INTERVAL = 0.05
_GATE_INTERVAL = 0.005
_GATE = "gate.lock"
_TICKET = re.compile(r"ticket-([0-9]{12})-[0-9a-f]{8}")
_SAFELY = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # never waits at somebody's FIFO
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFELY
#: The mode of a lock's file. One of another mode is none of ours, whatever its name: what everybody
#: may write to already, nobody can be tricked into overwriting.
_EVERYBODY = 0o666
_LONGEST_RECORD = 16_384


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a device; written into its file for those who wait.

    Attributes:
        device: The device's UUID.
        run: What the holder calls itself.
        pid: Its process.
        since: When it got the lease, UTC.
    """

    device: str
    run: str
    pid: int
    since: str

    def __str__(self) -> str:
        """The holder in a few words."""
        return f"{self.device} is held by process {self.pid} ({self.run}) since {self.since}"


class Lease:
    """GPUs that are ours until they are released; also a context manager.

    Attributes:
        uuids: The devices, for ``CUDA_VISIBLE_DEVICES`` or a container's request.
        descriptors: The locks, for ``pass_fds`` of a process that uses the devices: one that
            outlives its starter, killed say, keeps them until it ends too.
    """

    def __init__(self, uuids: tuple[str, ...], descriptors: tuple[int, ...]) -> None:
        self.uuids = uuids
        self.descriptors = descriptors
        self._released = False

    def release(self) -> None:
        """Gives the devices back; a second time does nothing."""
        if self._released:
            return
        self._released = True
        for descriptor in self.descriptors:
            # Also where a child still has a copy: closing alone would leave it locked.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)
        with _HELD_LOCK:
            _HELD.discard(self)

    def __enter__(self) -> Lease:  # noqa: PYI034 - Python 3.10 has no typing.Self
        """The lease itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Releases it."""
        self.release()


_HELD: set[Lease] = set()
_HELD_LOCK = threading.Lock()


def lease_gpus(
    candidates: Sequence[str],
    count: int,
    holder: str,
    *,
    host: str = "",
    timeout: float = LEASE_TIMEOUT,
    folder: Path | None = None,
) -> Lease:
    """Waits for GPUs and leases them, all or none.

    Args:
        candidates: The UUIDs that will do, the preferred one first.
        count: How many of them.
        holder: What the run calls itself, for others who wait.
        host: The identity of the machine that the devices are in, where it is another one.
        timeout: Seconds to wait.
        folder: Where the locks are; by default the same for all users of this machine.

    Raises:
        Blocked: There are too few, or they did not come free in time: says who holds them.
        BrokenError: This process holds a lease already, or the folder cannot be used.
    """
    devices = list(dict.fromkeys(candidates))
    if count < 1:
        raise BrokenError(f"a lease of {count} GPUs was asked for: expected 1 or more")
    if len(devices) < count:
        raise Blocked(
            f"GPUs are needed: {count}; there are {len(devices)} that will do",
            unblock="run where there are as many",
        )
    with _HELD_LOCK:
        if _HELD:
            held = ", ".join(uuid for lease in _HELD for uuid in lease.uuids)
            raise BrokenError(
                f"this process holds {held} and asks for more: two that do so may wait for each "
                "other for ever; release the lease first, or ask for all at once"
            )
    try:
        with _desk(folder or lease_folder(), host) as desk:
            lease = _wait(desk, devices, count, holder, timeout)
    except OSError as problem:
        raise BrokenError(
            f"GPUs cannot be leased in {folder or lease_folder()}: {problem}; it must be a folder "
            f"that everybody may write to, as /tmp is: mend it, or name another by {VARIABLE}"
        ) from problem
    with _HELD_LOCK:
        _HELD.add(lease)
    return lease


def lease_folder() -> Path:
    """Where the locks are: ``$TRITON_CLAIMS_GPU_LEASES``, or the same folder for all users."""
    named = os.environ.get(VARIABLE, "").strip()
    return Path(named).absolute() if named else _FOLDER


def _wait(desk: _Desk, devices: list[str], count: int, holder: str, timeout: float) -> Lease:
    deadline = time.monotonic() + timeout
    ticket: _Ticket | None = None
    try:
        while True:
            with desk.gate(deadline) as entered:
                if entered:
                    ticket = ticket or desk.draw(devices)
                    if lease := desk.serve(ticket, devices, count, holder):
                        return lease
            if time.monotonic() >= deadline:
                raise Blocked(
                    f"no {'GPU' if count == 1 else f'{count} GPUs'} came free in {timeout:g} s: "
                    + (desk.holders(devices) or "others were waiting before"),
                    unblock="wait until they are free, or end the runs that hold them",
                )
            time.sleep(_POLL_INTERVAL)
    finally:
        if ticket is not None:
            desk.tear(ticket)


@dataclass(frozen=True, slots=True)
class _Ticket:
    """A place in the queue, held by a lock on its file for as long as its owner lives."""

    number: int
    name: str
    descriptor: int


class _Desk:
    """The folder of the locks. What changes there, changes behind the gate: a lock of a moment."""

    def __init__(self, directory: int, host: str) -> None:
        self._directory = directory
        self._host = host

    @contextmanager
    def gate(self, deadline: float) -> Iterator[bool]:
        """The gate, alone; False where it stayed shut until the deadline."""
        descriptor = self._lock_file(_GATE)
        try:
            while not (entered := _lock(descriptor)) and time.monotonic() < deadline:
                time.sleep(_GATE_INTERVAL)
            yield entered
        finally:
            os.close(descriptor)

    def draw(self, devices: list[str]) -> _Ticket:
        """Takes the next number."""
        number = max((each for each, _ in self._tickets()), default=0) + 1
        name = f"ticket-{number:012}-{secrets.token_hex(4)}"
        descriptor = os.open(name, _CREATE, 0o644, dir_fd=self._directory)
        os.fchmod(descriptor, 0o644)  # whatever the umask: others read what is wanted
        _lock(descriptor)
        _write(descriptor, {"devices": [self._lock_name(device) for device in devices]})
        return _Ticket(number, name, descriptor)

    def tear(self, ticket: _Ticket) -> None:
        """Leaves the queue."""
        with suppress(OSError):
            os.unlink(ticket.name, dir_fd=self._directory)
        os.close(ticket.descriptor)

    def serve(self, ticket: _Ticket, devices: list[str], count: int, holder: str) -> Lease | None:
        """Leases what is free and wanted by nobody who came before."""
        wanted_before = self._wanted_before(ticket)
        taken: dict[str, int] = {}
        try:
            for device in devices:
                name = self._lock_name(device)
                if len(taken) == count:
                    break
                if name in wanted_before:
                    continue
                descriptor = self._lock_file(name)
                if _lock(descriptor):
                    taken[device] = descriptor
                else:
                    os.close(descriptor)
            if len(taken) == count:
                since = datetime.now(timezone.utc).isoformat(timespec="seconds")
                for device, descriptor in taken.items():
                    _write(descriptor, asdict(Holder(device, holder, os.getpid(), since)))
                lease = Lease(tuple(taken), tuple(taken.values()))
                taken = {}
                return lease
        finally:
            for descriptor in taken.values():
                os.close(descriptor)
        return None

    def holders(self, devices: list[str]) -> str:
        """Who holds devices at the moment, in words."""
        words = []
        for device in devices:
            descriptor = self._lock_file(self._lock_name(device))
            try:
                if not _lock(descriptor):
                    words.append(_holder(descriptor, device))
            finally:
                os.close(descriptor)
        return "; ".join(words)

    def _wanted_before(self, ticket: _Ticket) -> set[str]:
        """What those want who came before and still wait."""
        wanted: set[str] = set()
        for number, name in self._tickets():
            if number >= ticket.number:
                continue
            try:
                descriptor = os.open(name, os.O_RDONLY | _SAFELY, dir_fd=self._directory)
            except OSError:  # torn meanwhile, or none of ours
                continue
            try:
                if _lock(descriptor):  # its owner is gone
                    with suppress(OSError):  # somebody else's file stays, and is passed over
                        os.unlink(name, dir_fd=self._directory)
                    continue
                devices = _read(descriptor).get("devices", [])
                wanted.update(each for each in devices if isinstance(each, str))
            finally:
                os.close(descriptor)
        return wanted

    def _tickets(self) -> list[tuple[int, str]]:
        matches = map(_TICKET.fullmatch, os.listdir(self._directory))  # noqa: PTH208 - a descriptor
        return sorted((int(match[1]), match[0]) for match in matches if match)

    def _lock_name(self, device: str) -> str:
        readable = re.sub(r"[^A-Za-z0-9-]+", "_", device)[:80]
        return f"{readable}.{sha256(f'{self._host} {device}'.encode()).hexdigest()[:12]}.lock"

    def _lock_file(self, name: str) -> int:
        """Opens a lock's file; made where it is missing, for all users, whatever the umask."""
        with suppress(FileNotFoundError):
            return self._open_lock(name)
        # It gets its name with its mode: nobody sees one that he may not open.
        own = f".{name}-{secrets.token_hex(4)}"
        descriptor = os.open(own, _CREATE, 0o600, dir_fd=self._directory)
        try:
            os.fchmod(descriptor, _EVERYBODY)
            with suppress(FileExistsError):
                os.link(own, name, src_dir_fd=self._directory, dst_dir_fd=self._directory)
        finally:
            os.close(descriptor)
            os.unlink(own, dir_fd=self._directory)
        return self._open_lock(name)

    def _open_lock(self, name: str) -> int:
        # Without O_CREAT: the kernel refuses it for another user's file in such a folder.
        descriptor = os.open(name, os.O_RDWR | _SAFELY, dir_fd=self._directory)
        if os.fstat(descriptor).st_mode != stat.S_IFREG | _EVERYBODY:
            os.close(descriptor)
            raise OSError(f"{name} is no lock: it has another mode, or is no file")
        return descriptor


@contextmanager
def _desk(folder: Path, host: str) -> Iterator[_Desk]:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        # A folder that somebody has named keeps its mode.
        made = folder == _FOLDER and folder.lstat().st_uid == os.getuid()
    else:
        made = True
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if made:
            os.fchmod(directory, 0o1777)  # everybody may add files, and remove his own alone
        yield _Desk(directory, host)
    finally:
        os.close(directory)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(descriptor: int, record: dict[str, Any]) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(record).encode(), 0)


def _read(descriptor: int) -> dict[str, Any]:
    """What a file says; nothing where it says nothing that makes sense."""
    try:
        record = json.loads(os.pread(descriptor, _LONGEST_RECORD, 0))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _holder(descriptor: int, device: str) -> str:
    try:
        return str(Holder(**_read(descriptor)))
    except TypeError:
        return f"{device} is held by somebody who does not say who it is"
