"""What a server's processes hold in memory, watched while they work.

What counts is ``RssAnon``: pages of the process itself that are in memory. Files that it maps, and
the page cache that a container's figures include, do not belong to it. It is read from the host's
``/proc``, by process ids of the host.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from triton_claims.errors import BrokenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

#: Seconds between two looks while a server works.
INTERVAL = 0.05
_KIB_PER_MIB = 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """One look.

    Attributes:
        seconds: Since the watch began.
        server: MiB that the server itself holds.
        stubs: MiB that the processes below it hold, together.
    """

    seconds: float
    server: float
    stubs: float

    @property
    def total(self) -> float:
        """MiB of all of them."""
        return self.server + self.stubs


@dataclass(frozen=True, slots=True)
class Timeline:
    """Memory over time, with what happened meanwhile.

    Attributes:
        samples: The looks, in order.
        events: Seconds since the watch began, and what began then.
    """

    samples: tuple[Sample, ...]
    events: tuple[tuple[float, str], ...]


class Watch:
    """A watch that is under way; made by :func:`watch`."""

    def __init__(self, server: int, stubs: Callable[[], Sequence[int]]) -> None:
        self._server = server
        self._stubs = stubs
        self._began = time.perf_counter()
        self._samples: list[Sample] = []
        self._events: list[tuple[float, str]] = []
        self._ends = threading.Event()
        self._lock = threading.Lock()

    def mark(self, event: str) -> None:
        """Notes that something begins."""
        self._events.append((time.perf_counter() - self._began, event))

    def look(self) -> Sample:
        """Looks once, now.

        Raises:
            BrokenError: The server is not there.
        """
        server = resident(self._server)
        if server is None:
            raise BrokenError(f"the process {self._server}, whose memory is watched, is gone")
        stubs = sum(filter(None, map(resident, self._stubs())))
        with self._lock:
            sample = Sample(time.perf_counter() - self._began, server, stubs)
            self._samples.append(sample)
        return sample

    def timeline(self) -> Timeline:
        """What was seen so far.

        Raises:
            BrokenError: Nothing was.
        """
        with self._lock:
            if not self._samples:
                raise BrokenError("no memory was seen: there is nothing to judge")
            return Timeline(tuple(self._samples), tuple(self._events))

    def _run(self) -> None:
        while not self._ends.wait(INTERVAL):
            try:
                self.look()
            except BrokenError:
                return  # whoever uses the server will be told that it died


@contextmanager
def watch(server: int, stubs: Callable[[], Sequence[int]] = lambda: ()) -> Iterator[Watch]:
    """Watches a server's memory all the while.

    Args:
        server: The server's process id.
        stubs: Gives the process ids below it, which change as models come and go.
    """
    watching = Watch(server, stubs)
    thread = threading.Thread(target=watching._run, daemon=True)  # noqa: SLF001 - its own thread
    thread.start()
    try:
        yield watching
    finally:
        watching._ends.set()  # noqa: SLF001
        thread.join()


def resident(pid: int) -> float | None:
    """MiB of anonymous memory that a process holds; None where it is gone, or a zombie."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / _KIB_PER_MIB
    return None


def held(server: int, others: Iterable[int] = ()) -> float:
    """MiB that a server holds, together with other processes as far as they are there.

    Args:
        server: The server's process id.
        others: Those of its models, say.

    Raises:
        BrokenError: The server is gone.
    """
    found = resident(server)
    if found is None:
        raise BrokenError(f"the process {server}, whose memory is watched, is gone")
    return found + sum(filter(None, map(resident, others)))


def mapped_files(pid: int) -> frozenset[str]:
    """The files that a process has mapped into its memory: its libraries among them.

    Raises:
        BrokenError: The process is gone, or somebody else's.
    """
    try:
        lines = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace")
    except OSError as problem:
        raise BrokenError(f"cannot see what process {pid} has mapped: {problem}") from None
    fields = (line.split(maxsplit=5) for line in lines.splitlines())
    return frozenset(each[5] for each in fields if len(each) == 6 and each[5].startswith("/"))
