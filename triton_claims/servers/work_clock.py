"""Counts the time in which servers work: what a run costs beyond that is the suite's own."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class WorkClock:
    """Counts wall time: what goes on at the same time counts once, in whichever threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._since = 0.0
        self._seconds = 0.0

    @property
    def seconds(self) -> float:
        """Seconds counted so far, of spans that have ended."""
        return self._seconds

    @contextmanager
    def running(self) -> Iterator[None]:
        """Counts the time inside."""
        with self._lock:
            if self._running == 0:
                self._since = time.perf_counter()
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                if self._running == 0:
                    self._seconds += time.perf_counter() - self._since
