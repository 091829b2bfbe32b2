"""Puts a load on something that answers, and keeps when every single answer came.

A closed loop keeps so many requests under way: the next one is sent when an answer came. An open
loop sends at times that were fixed beforehand, as users do who do not wait for one another. Where
all senders are busy at such a time, the request is sent late and its latency counts from the time
it was meant for: otherwise a server that stalls would be asked less while it does, and look better
than it is (coordinated omission).

Every answer is kept with its times. So percentiles are exact, whatever they are, and two loads can
be put together.
"""

from __future__ import annotations

import gc
import itertools
import math
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from triton_claims.errors import BrokenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Nanoseconds = npt.NDArray[np.int64]

_NANO = 1_000_000_000
#: A thread wakes up so much later than it asked for; it looks at the clock from then on.
_WAKES_LATE = 200_000


@dataclass(frozen=True, slots=True)
class Load:
    """How requests come.

    Attributes:
        requests: How many are measured.
        concurrency: How many are under way: always in a closed loop, at most in an open one.
        rate: Requests a second of an open loop; None for a closed one.
        distribution: How the times between the requests of an open loop are distributed.
        warm_up: How many each sender sends before that, one after the other, unmeasured.
        seed: Of the random times; the same seed gives the same times.

    Raises:
        ValueError: It is no load.
    """

    requests: int
    concurrency: int = 1
    rate: float | None = None
    distribution: Literal["constant", "poisson"] = "poisson"
    warm_up: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses what is no load."""
        if self.requests < 1 or self.concurrency < 1 or self.warm_up < 0:
            raise ValueError(
                f"found {self.requests} requests, {self.concurrency} at once after "
                f"{self.warm_up}, expected at least 1, 1 and 0"
            )
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise ValueError(f"found {self.rate} requests a second, expected more than none")

    def __str__(self) -> str:
        """In a few words."""
        if self.rate is None:
            return f"closed loop, {self.concurrency} at once"
        return (
            f"open loop, {self.rate:g} requests/s ({self.distribution}), at most "
            f"{self.concurrency} at once"
        )

    def offsets(self) -> Nanoseconds:
        """When the requests of an open loop are to be sent: ns after the first one, rising.

        Raises:
            ValueError: It is a closed loop.
        """
        if self.rate is None:
            raise ValueError("a closed loop has no times of its own")
        if self.distribution == "constant":
            gaps = np.full(self.requests - 1, 1 / self.rate)
        else:
            gaps = np.random.default_rng(self.seed).exponential(1 / self.rate, self.requests - 1)
        return np.concatenate([[0], np.cumsum(gaps) * _NANO]).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Latencies:
    """When requests were sent and answered, one by one, in the order they were meant to be sent.

    Attributes:
        intended: ns, shape ``(n,)``: when each was meant to be sent; any clock, one for all.
        sent: ns, shape ``(n,)``: when it was; equal to ``intended`` in a closed loop.
        ended: ns, shape ``(n,)``: when its answer, or the last part of it, had come.

    Raises:
        BrokenError: There is none, or one ended before it began.
    """

    intended: Nanoseconds
    sent: Nanoseconds
    ended: Nanoseconds
    _sorted: npt.NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuses what is no measurement."""
        if not len(self.intended) == len(self.sent) == len(self.ended) or not len(self.intended):
            raise BrokenError(
                f"found {len(self.sent)} requests and {len(self.ended)} answers, expected equally "
                "many, and some: nothing was measured"
            )
        if (self.ended <= self.sent).any() or (self.sent < self.intended).any():
            raise BrokenError("found a request that was answered before it was sent")
        object.__setattr__(self, "_sorted", np.sort(self.seconds))

    def __len__(self) -> int:
        """How many requests."""
        return len(self.intended)

    @property
    def seconds(self) -> npt.NDArray[np.float64]:
        """The latencies, s, shape ``(n,)``, in order: from when each was meant to be sent."""
        return (self.ended - self.intended) / _NANO

    @property
    def lateness(self) -> npt.NDArray[np.float64]:
        """How late each was sent, s, shape ``(n,)``: senders were busy, or this machine was."""
        return (self.sent - self.intended) / _NANO

    @property
    def throughput(self) -> float:
        """Answers a second, from the first request to the last answer."""
        return len(self) * _NANO / float(self.ended.max() - self.intended.min())

    def percentile(self, share: float) -> float:
        """The latency in seconds that this share of the requests kept to: one that occurred.

        Args:
            share: Such as 0.99; above 0, at most 1.

        Raises:
            ValueError: The share is none.
        """
        return percentile(self._sorted, share)

    def joined(self, *others: Latencies) -> Latencies:
        """All together; each one's come right after those before, whatever clock they are of.

        The time between two loads was nobody's: it must not count as time without answers.
        """
        parts, shifts, end = (self, *others), [0], int(self.ended.max())
        for other in others:
            shifts.append(end - int(other.intended.min()))
            end = int(other.ended.max()) + shifts[-1]
        return Latencies(
            np.concatenate([each.intended + by for each, by in zip(parts, shifts, strict=True)]),
            np.concatenate([each.sent + by for each, by in zip(parts, shifts, strict=True)]),
            np.concatenate([each.ended + by for each, by in zip(parts, shifts, strict=True)]),
        )


def percentile(ordered: npt.NDArray[np.float64], share: float) -> float:
    """The value that this share of all kept to: one of them, as it is.

    Args:
        ordered: Shape ``(n,)``, rising, not empty.
        share: Such as 0.99; above 0, at most 1.

    Raises:
        ValueError: The share is none.
    """
    if not 0 < share <= 1:
        raise ValueError(f"found a share of {share}, expected one above 0 and at most 1")
    # 0.07 * 100 is a little more than 7.
    place = math.ceil(share * len(ordered) - 1e-9) - 1
    return float(ordered[max(place, 0)])


def run_load(senders: Sequence[Callable[[], None]], load: Load) -> Latencies:
    """Puts a load on whatever the senders send to.

    Args:
        senders: Each sends one request and returns when its answer has come; one for each request
            that may be under way. Each is used by one thread alone.
        load: How requests come.

    Returns:
        The times of all measured requests.

    Raises:
        Exception: What a sender raised: an answer that is none must not count as a quick one.
        ValueError: There are not as many senders as requests under way.
    """
    if len(senders) != load.concurrency:
        raise ValueError(f"found {len(senders)} senders, expected {load.concurrency}")
    offsets = None if load.rate is None else load.offsets().tolist()
    crew = _Crew(load.requests, offsets, len(senders))
    threads = [
        threading.Thread(target=crew.work, args=(sender, load.warm_up), daemon=True)
        for sender in senders
    ]
    with _no_collection():
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            crew.over.set()  # also where somebody interrupts this
    if crew.problems:
        raise crew.problems[0]
    times = np.array(sorted(crew.times), dtype=np.int64).reshape(-1, 3)
    return Latencies(times[:, 0], times[:, 1], times[:, 2])


class _Crew:
    """The threads of one load."""

    def __init__(self, requests: int, offsets: list[int] | None, size: int) -> None:
        self.times: list[tuple[int, int, int]] = []
        self.problems: list[BaseException] = []
        self.over = threading.Event()
        self._requests = requests
        self._offsets = offsets
        self._next = itertools.count()
        self._began = 0
        self._ready = threading.Barrier(size, self._begin)

    def work(self, send: Callable[[], None], warm_up: int) -> None:
        mine: list[tuple[int, int, int]] = []
        try:
            for _ in range(warm_up):
                if self.over.is_set():
                    return
                send()
            self._ready.wait()
            self._measure(send, mine)
        except threading.BrokenBarrierError:
            return  # another one's problem
        except BaseException as problem:  # noqa: BLE001 - raised again where the load was started
            self.problems.append(problem)
            self.over.set()
            self._ready.abort()
        self.times.extend(mine)

    def _begin(self) -> None:
        # The first request of an open loop has its time before it as all others have.
        self._began = time.perf_counter_ns() + 2 * _WAKES_LATE

    def _measure(self, send: Callable[[], None], times: list[tuple[int, int, int]]) -> None:
        now = time.perf_counter_ns
        while not self.over.is_set() and (number := next(self._next)) < self._requests:
            if self._offsets is None:
                sent = intended = now()
            else:
                intended = self._began + self._offsets[number]
                sent = self._wait_until(intended)
                if self.over.is_set():
                    return
            send()
            times.append((intended, sent, now()))

    def _wait_until(self, moment: int) -> int:
        """Waits until a moment of ``time.perf_counter_ns``, or for the end, and gives the time."""
        while (left := moment - (at := time.perf_counter_ns())) > 0:
            # Nothing wakes up to the microsecond: the end of the wait is spent looking at the
            # clock, and letting other threads by.
            if left < _WAKES_LATE:
                time.sleep(0)
            elif self.over.wait((left - _WAKES_LATE) / _NANO):
                break
        return at


@contextmanager
def _no_collection() -> Iterator[None]:
    """Python's collector stops all threads for milliseconds, which would count as latency."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
