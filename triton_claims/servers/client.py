"""Asks a server for inferences and says plainly what it answered."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import tritonclient.grpc
import tritonclient.http
from geventhttpclient.response import HTTPConnectionClosed
from tritonclient.grpc import InferenceServerClientPlugin
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from triton_claims.errors import BrokenError
from triton_claims.servers.running import RunningServer, ServerDiedError
from triton_claims.servers.work_clock import WorkClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PROTOCOLS = ("grpc", "http")
OK = "OK"
NO_ANSWER = "no answer"
#: Seconds until a request counts as unanswered. A correct answer takes milliseconds; this much
#: is for a machine under heavy load.
ANSWER_TIMEOUT = 10.0
#: Seconds for a process that broke its connections to be gone.
_DEATH_TAKES = 5.0

Array = np.ndarray[Any, np.dtype[Any]]


class _Credentials(InferenceServerClientPlugin):  # type: ignore[misc]  # it has no types
    """User and password with each request; the library's own plugin takes ASCII alone."""

    def __init__(self, user: str, password: str) -> None:
        told = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        self._header = f"Basic {told}"

    def __call__(self, request: Any) -> None:
        request.headers["authorization"] = self._header


def connect(server: RunningServer, protocol: str, timeout: float = ANSWER_TIMEOUT) -> Any:
    """The protocol's own client of a server, with TLS and password where that takes them.

    Args:
        server: The server.
        protocol: ``grpc`` or ``http``.
        timeout: Seconds until a request over HTTP counts as unanswered; over gRPC each says its
            own.
    """
    tls: dict[str, Any] = {"ssl": True} if server.tls(protocol) else {}
    if protocol == "grpc":
        connection = tritonclient.grpc.InferenceServerClient(server.grpc, **tls)
    else:
        limits = {"connection_timeout": timeout, "network_timeout": timeout}
        connection = tritonclient.http.InferenceServerClient(server.http, **limits, **tls)
    if server.user is not None:
        connection.register_plugin(_Credentials(*server.user))
    return connection


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request.

    Attributes:
        request: The request, in words.
        status: ``OK``, the protocol's status (``INVALID_ARGUMENT``, ``400``) or ``no answer``.
        message: The server's own words where it refused.
        outputs: The output tensors where it inferred; what else was asked for, by name.
        seconds: From sending to the answer.
    """

    request: str
    status: str
    message: str = ""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def accepted(self) -> bool:
        """Whether the server inferred."""
        return self.status == OK

    @property
    def refused_as_invalid(self) -> bool:
        """Whether it refused the request as the caller's mistake: INVALID_ARGUMENT or 400."""
        return self.status in {"INVALID_ARGUMENT", "400"}

    def must_come(self) -> Answer:
        """Itself: a server's silence decides nothing.

        Raises:
            BrokenError: None came.
        """
        if self.status == NO_ANSWER:
            raise BrokenError(f"the server does not answer: {self.request}: {self}")
        return self

    def __str__(self) -> str:
        """The answer in one line."""
        if self.status == NO_ANSWER:
            return f"no answer within {self.seconds:.0f} s"
        return f"{self.status} {self.message!r}" if self.message else self.status


class Client:
    """Speaks one protocol to whichever server it is pointed at.

    Args:
        protocol: ``grpc`` or ``http``.
        server: Gives the server of the moment; it may be replaced between two requests.
        on_exchange: Told every request with what came of it, in words.
        timeout: Seconds until a request counts as unanswered.
        clock: Counts the time spent waiting for answers.
    """

    def __init__(
        self,
        protocol: str,
        server: Callable[[], RunningServer],
        on_exchange: Callable[[str], None] = lambda _words: None,
        timeout: float = ANSWER_TIMEOUT,
        clock: WorkClock | None = None,
    ) -> None:
        self.protocol = protocol
        self.timeout = timeout
        self.clock = clock or WorkClock()
        self._server = server
        self._on_exchange = on_exchange
        self._connected: RunningServer | None = None
        self._connection: Any = None

    def infer(
        self,
        model: str,
        inputs: Mapping[str, Array],
        *,
        sequence_id: int | str = 0,
        sequence_start: bool = False,
        sequence_end: bool = False,
        expected_outputs: Sequence[str] = (),
    ) -> Answer:
        """Sends one request and waits for its answer.

        Returns:
            The answer; a refusal and silence are answers too.

        Raises:
            ServerDiedError: The server ended meanwhile.
            BrokenError: No connection although it runs, or an answer that is none.
        """
        words = model
        if sequence_id != 0:
            words += f" sequence {_shortened(sequence_id)}"
            words += " start" * sequence_start + " end" * sequence_end

        def send(connection: Any, library: Any, deadline: Mapping[str, float]) -> Mapping[str, Any]:
            tensors = [input_tensor(library, name, array) for name, array in inputs.items()]
            result = connection.infer(
                model,
                tensors,
                sequence_id=sequence_id,
                sequence_start=sequence_start,
                sequence_end=sequence_end,
                **deadline,
            )
            return {name: result.as_numpy(name) for name in expected_outputs}

        answer = self.ask(words, send)
        missing = [name for name, array in answer.outputs.items() if array is None]
        if missing:
            raise BrokenError(f"the answer to {words} has no output {', '.join(missing)}")
        return answer

    def ask(
        self,
        words: str,
        send: Callable[[Any, Any, Mapping[str, float]], Mapping[str, Any] | None],
        *,
        timeout: float | None = None,
        told: bool = True,
    ) -> Answer:
        """Sends anything the client library can send, and says plainly what came back.

        Args:
            words: The request, in words.
            send: Does it, with the library's client, the library and the keyword arguments that
                limit its time; what it returns becomes the answer's outputs.
            timeout: Seconds until the request counts as unanswered, where it may take longer than
                an inference. Over HTTP the connection's own limit holds.
            told: Whether the exchange is worth keeping; of a poll it is not.

        Returns:
            The answer; a refusal and silence are answers too.

        Raises:
            ServerDiedError: The server ended meanwhile.
            BrokenError: No connection although it runs.
        """
        words = f"{self.protocol} {words}"
        server = self._server()
        try:
            with self.clock.running():
                answer = self._ask(server, words, send, timeout or self.timeout)
        except BrokenError as problem:
            self._on_exchange(f"{words}: {str(problem).partition(chr(10))[0]}")
            raise
        if told:
            self._on_exchange(f"{words}: {answer}")
        return answer

    def _ask(
        self,
        server: RunningServer,
        words: str,
        send: Callable[[Any, Any, Mapping[str, float]], Mapping[str, Any] | None],
        timeout: float,
    ) -> Answer:
        began = time.perf_counter()
        try:
            connection, library = self._connect(server)
            deadline = {"client_timeout": timeout} if self.protocol == "grpc" else {}
            outputs = send(connection, library, deadline) or {}
        except (InferenceServerException, OSError, HTTPConnectionClosed) as problem:
            return self._judged(server, words, problem, time.perf_counter() - began)
        return Answer(words, OK, outputs=outputs, seconds=time.perf_counter() - began)

    def close(self) -> None:
        """Closes the connection; a server waits for open ones when it stops."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._connected = None

    def leave(self, server: RunningServer) -> None:
        """Closes the connection if it is to this server."""
        if self._connected is server:
            self.close()

    def _connect(self, server: RunningServer) -> tuple[Any, Any]:
        library = tritonclient.grpc if self.protocol == "grpc" else tritonclient.http
        if self._connected is not server:
            self.close()
            self._connection = connect(server, self.protocol, self.timeout)
            self._connected = server
        return self._connection, library

    def _judged(
        self, server: RunningServer, words: str, problem: Exception, seconds: float
    ) -> Answer:
        status = _status(problem)
        if status == NO_ANSWER:
            self.close()  # the connection still waits for that answer
            return Answer(words, NO_ANSWER, seconds=seconds)
        if status is None or status == "UNAVAILABLE":
            # The connection broke, or the server says it is not available: is it still there?
            if how := server.how_it_ended(_DEATH_TAKES if status is None else 1.0):
                self.close()
                raise ServerDiedError(server.name, how, server.log_tail(), words) from None
            if status is None:
                self.close()
                raise BrokenError(f"{words}: no connection, and the server runs: {problem}")
        message = problem.message() if isinstance(problem, InferenceServerException) else None
        return Answer(words, status, message=str(message or problem), seconds=seconds)


def input_tensor(library: Any, name: str, array: Array) -> Any:
    """An input as a client library wants it."""
    tensor = library.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    tensor.set_data_from_numpy(array)
    return tensor


def _status(problem: Exception) -> str | None:
    """The protocol's status without decoration; None where the connection broke."""
    if isinstance(problem, TimeoutError):
        return NO_ANSWER
    if not isinstance(problem, InferenceServerException):
        return None
    status = str(problem.status() or "").removeprefix("StatusCode.")
    if status == "DEADLINE_EXCEEDED":
        return NO_ANSWER
    return status or None


def _shortened(sequence_id: int | str) -> str:
    text = repr(sequence_id)
    if isinstance(sequence_id, str) and len(text) > 24:
        return f"{text[:12]}...' ({len(sequence_id.encode())} bytes)"
    return text
