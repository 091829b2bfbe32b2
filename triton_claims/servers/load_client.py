"""Puts a load on a server with a client of our own, which is as thin as Python allows.

A client's own time counts as the server's, and hides by so much what a server takes longer than
another one. So requests are bytes made beforehand, each sender has a connection and a thread of its
own, and answers are read when the load is over: the first and the last of each sender must be
right, and all must be answers.
"""

from __future__ import annotations

import itertools
import secrets
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from triton_claims.errors import BrokenError
from triton_claims.measure.load import Latencies, run_load
from triton_claims.servers.load_connections import (
    Connection,
    GrpcConnection,
    GrpcStream,
    HttpConnection,
)
from triton_claims.servers.load_memory import Regions, regions_for
from triton_claims.servers.load_requests import (
    FIRST_SEQUENCE,
    LAST_SEQUENCE,
    GrpcMessages,
    HttpMessages,
    Messages,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from triton_claims.servers.loads import LoadRequest, NamedLoad, Tensors
    from triton_claims.servers.running import RunningServer


#: Requests of each sender between two parts of a load, while another server had its turn.
_WAKE_UP = 1


class ClientEngine:
    """Our own client; works with every server and for every load."""

    name = "client"
    #: Each part of a usual load takes some 20 ms then.
    parts = 20

    @property
    def comparing(self) -> ClientEngine:
        """Itself."""
        return self

    def name_for(self, load: NamedLoad) -> str:  # noqa: ARG002 - other engines choose by it
        """What puts the load on a server, with the versions of what it sends with."""
        libraries = (f"{each} {version(each)}" for each in ("grpcio", "geventhttpclient"))
        return f"client ({', '.join(libraries)})"

    def run(self, server: RunningServer, protocol: str, load: NamedLoad) -> Latencies:
        """Puts a load on a server, and sees to it that the answers are right.

        Args:
            server: The server; it has the load's models.
            protocol: ``grpc`` or ``http``.
            load: The load.

        Returns:
            The times of all measured requests.

        Raises:
            ServerDiedError: The server ended meanwhile.
            Blocked: The load needs shared memory, which the server does not share.
            BrokenError: A request was refused, not answered in time, or answered wrongly.
            ValueError: The load is not for that protocol.
        """
        with self.opened(server, protocol, load) as put:
            return put(load.load.requests)

    @contextmanager
    def opened(
        self, server: RunningServer, protocol: str, load: NamedLoad
    ) -> Iterator[Callable[[int], Latencies]]:
        """Keeps the load's connections open, so that it can be put on the server part by part.

        Yields:
            Puts so many requests of the load on the server; only the first part has its warm-up.

        Raises:
            Exception: As :meth:`run`.
        """
        with _senders(server, protocol, load, load.load.concurrency) as senders:
            for sender in senders:
                sender.check_all()
            how = load.load

            def put(requests: int) -> Latencies:
                nonlocal how
                latencies = run_load(
                    [sender.send for sender in senders], replace(how, requests=requests)
                )
                # The next part has random times of its own.
                how = replace(how, warm_up=_WAKE_UP, seed=how.seed + 1)
                return latencies

            yield put
            for sender in senders:
                sender.check_last()
                sender.end_sequence()


def check_answers(server: RunningServer, protocol: str, load: NamedLoad) -> None:
    """Sends as few requests of a load as get all kinds of its answers, and looks at these.

    Raises:
        ServerDiedError: The server ended meanwhile.
        Blocked: The load needs shared memory, which the server does not share.
        BrokenError: A request was refused, not answered in time, or answered wrongly.
        ValueError: The load is not for that protocol.
    """
    with _senders(server, protocol, load, 1) as (sender,):
        sender.check_all()


@contextmanager
def _senders(
    server: RunningServer, protocol: str, load: NamedLoad, number: int
) -> Iterator[list[_Sender]]:
    if protocol not in load.protocols:
        raise ValueError(f"found {protocol}, expected one of {load.protocols} for {load.name}")
    request = load.request
    sequences = itertools.count(secrets.choice(range(FIRST_SEQUENCE, LAST_SEQUENCE // 2, 10**9)))
    with ExitStack() as stack:
        senders = []
        for _ in range(number):
            regions = None
            if request.shared_memory:
                regions = stack.enter_context(regions_for(server, request))
            sender = _Sender(server, protocol, request, sequences, regions)
            stack.callback(sender.close)
            senders.append(sender)
        yield senders


class _Sender:
    """Sends one request after the other, and knows what was answered last."""

    def __init__(
        self,
        server: RunningServer,
        protocol: str,
        request: LoadRequest,
        sequences: Iterator[int],
        regions: Regions | None,
    ) -> None:
        self._words = f"{protocol} {request.model}"
        self._request = request
        self._sequences = sequences
        self._regions = regions
        self._sequence = next(sequences)
        self._position = 0  # of the next request in its sequence
        self._last: Any = None
        self._messages: Messages
        if protocol == "http":
            self._messages = HttpMessages(request, server.http, regions)
        else:
            self._messages = GrpcMessages(request, regions)
        self._connection: Connection = _kind(protocol, request)(server, self._words)
        self._single = self._messages.message(0, 0) if request.mode != "sequence" else None

    def send(self) -> None:
        """Sends the next request and waits for its answer."""
        if self._single is not None:
            self._last = self._connection.ask(self._single)
            return
        position = self._position
        self._last = self._connection.ask(self._messages.message(self._sequence, position))
        self._position = position + 1
        if self._position == self._request.sequence_length:
            self._position, self._sequence = 0, next(self._sequences)

    def check_all(self) -> None:
        """Sends as much as has answers of its own, and looks at all of them."""
        for _ in range(self._request.sequence_length):
            self.send()
            self.check_last()

    def check_last(self) -> None:
        """Looks at the last answer.

        Raises:
            BrokenError: The answer is wrong.
        """
        position = (self._position - 1) % self._request.sequence_length
        found = (
            (self._regions.read(),)
            if self._regions
            else self._connection.read(self._last, self._request)
        )
        expected = self._request.answers
        if self._request.mode == "sequence":
            expected = (expected[position],)
        _must_be(self._words, found, expected)

    def end_sequence(self) -> None:
        """Ends a sequence that is under way: a server keeps room for it."""
        while self._position:
            self.send()

    def close(self) -> None:
        """Closes its connection."""
        self._connection.close()


def _kind(protocol: str, request: LoadRequest) -> Callable[[RunningServer, str], Connection]:
    if protocol == "http":
        return HttpConnection
    return GrpcStream if request.mode == "streaming" else GrpcConnection


def _must_be(words: str, found: tuple[Tensors, ...], expected: tuple[Tensors, ...]) -> None:
    if len(found) != len(expected):
        raise BrokenError(f"found {len(found)} answers to {words}, expected {len(expected)}")
    for number, (outputs, right) in enumerate(zip(found, expected, strict=True), start=1):
        for name, array in right.items():
            if outputs[name].dtype != array.dtype or not np.array_equal(outputs[name], array):
                raise BrokenError(
                    f"found {_shortened(outputs[name])} as {name} in answer {number} to {words}, "
                    f"expected {_shortened(array)}: wrong answers are not measured"
                )


def _shortened(array: np.ndarray[Any, Any]) -> str:
    return f"{array.dtype}{list(array.shape)} {np.array2string(array.ravel()[:4])}"
