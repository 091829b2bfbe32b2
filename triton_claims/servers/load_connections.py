"""Connections that loads go over: as little as can be between the clock and the server.

Each has its own connection, for a client that shares one among its senders measures that it does.
Each answer's status is looked at: what is refused, unanswered or cut off is never an answer.
"""

from __future__ import annotations

import json
import queue
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import grpc
from geventhttpclient.response import (
    HTTPConnectionClosed,
    HTTPParseError,
    HTTPSocketResponse,
)

from triton_claims.errors import BrokenError
from triton_claims.servers.client import ANSWER_TIMEOUT
from triton_claims.servers.load_requests import (
    HttpAnswer,
    problem_in_stream,
    read_grpc,
    read_http,
    read_stream,
)
from triton_claims.servers.running import RunningServer, ServerDiedError

if TYPE_CHECKING:
    from triton_claims.servers.loads import LoadRequest, Tensors

#: Seconds for a process that broke its connections to be gone.
_DEATH_TAKES = 5.0
_BLOCK = 2**18
_OK = 200
_CHANNEL_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),  # else all channels to a server share a connection
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
)
_SERVICE = "/inference.GRPCInferenceService"


class Connection(Protocol):
    """A connection for one request at a time."""

    def ask(self, message: bytes) -> Any:
        """Sends a request and waits for its answer, which is kept as it came.

        Raises:
            ServerDiedError: The server ended meanwhile.
            BrokenError: It refused, did not answer in time, or cut the connection.
        """

    def read(self, answer: Any, request: LoadRequest) -> tuple[Tensors, ...]:
        """The outputs in an answer.

        Raises:
            BrokenError: They are not in it.
        """

    def close(self) -> None:
        """Closes it."""


class GrpcConnection:
    """Unary requests over gRPC.

    Args:
        server: The server.
        words: What is asked, for messages.
    """

    def __init__(self, server: RunningServer, words: str) -> None:
        self._server, self._words = server, words
        self._channel = grpc.insecure_channel(server.plain("grpc"), options=_CHANNEL_OPTIONS)
        self._infer = self._channel.unary_unary(f"{_SERVICE}/ModelInfer")

    def ask(self, message: bytes) -> bytes:
        """Sends a request and waits for its answer."""
        try:
            answer: bytes = self._infer(message, timeout=ANSWER_TIMEOUT)
        except grpc.RpcError as problem:
            raise _grpc_problem(self._server, self._words, problem) from None
        if not answer:
            raise BrokenError(f"found an empty answer to {self._words}")
        return answer

    def read(self, answer: bytes, request: LoadRequest) -> tuple[Tensors, ...]:
        """The outputs in an answer."""
        return (read_grpc(answer, request),)

    def close(self) -> None:
        """Closes it."""
        self._channel.close()


class GrpcStream:
    """Requests one after the other over one gRPC stream, each with as many answers as it gets.

    Args:
        server: The server.
        words: What is asked, for messages.
    """

    def __init__(self, server: RunningServer, words: str) -> None:
        self._server, self._words = server, words
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._channel = grpc.insecure_channel(server.plain("grpc"), options=_CHANNEL_OPTIONS)
        self._asked: float | None = None
        self._closed = threading.Event()
        infer = self._channel.stream_stream(f"{_SERVICE}/ModelStreamInfer")
        self._call: Any = infer(iter(self._requests.get, None))
        threading.Thread(target=self._end_silence, daemon=True).start()

    def ask(self, message: bytes) -> list[bytes]:
        """Sends a request and waits for the last of its answers."""
        self._asked = time.monotonic()
        self._requests.put(message)
        answers = []
        try:
            for part in self._call:
                refusal, last = problem_in_stream(part)
                if refusal:
                    raise BrokenError(f"the server refused {self._words}: {refusal}")
                answers.append(part)
                if last:
                    self._asked = None
                    return answers
        except grpc.RpcError as problem:
            raise _grpc_problem(self._server, self._words, problem) from None
        raise BrokenError(f"the server closed the stream before it had answered {self._words}")

    def read(self, answer: list[bytes], request: LoadRequest) -> tuple[Tensors, ...]:
        """The outputs in all answers to a request."""
        return read_stream(answer, request)

    def close(self) -> None:
        """Closes it: in order where nothing is unanswered, for a server waits for its streams."""
        self._requests.put(None)
        if self._asked is None:
            self._asked = time.monotonic()
            with suppress(grpc.RpcError):
                for _ in self._call:
                    continue
        self._closed.set()
        self._call.cancel()
        self._channel.close()

    def _end_silence(self) -> None:
        # A stream has a time limit for the whole of it, and none for an answer.
        while not self._closed.wait(1):
            asked = self._asked
            if asked is not None and time.monotonic() - asked > ANSWER_TIMEOUT:
                self._call.cancel()
                return


class HttpConnection:
    """Requests over one HTTP/1.1 connection that is kept open.

    Args:
        server: The server.
        words: What is asked, for messages.
    """

    def __init__(self, server: RunningServer, words: str) -> None:
        self._server, self._words = server, words
        host, _, port = server.plain("http").rpartition(":")
        try:
            self._socket = socket.create_connection((host, int(port)), ANSWER_TIMEOUT)
        except OSError as problem:
            raise _cut_off(server, words, problem) from None
        # Else the end of a large request waits for the server's acknowledgement of its beginning.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, message: bytes) -> HttpAnswer:
        """Sends a request and waits for its answer."""
        try:
            self._socket.sendall(message)
            response = HTTPSocketResponse(self._socket, _BLOCK, method="POST")
            body = bytes(response.read())
        except TimeoutError:
            raise _unanswered(self._words) from None
        except (OSError, HTTPConnectionClosed, HTTPParseError) as problem:
            raise _cut_off(self._server, self._words, problem) from None
        if response.status_code != _OK:
            raise BrokenError(
                f"the server refused {self._words}: {response.status_code} {_said(body)}"
            )
        if not body:
            raise BrokenError(f"found an empty answer to {self._words}")
        return HttpAnswer(body, response.get("inference-header-content-length"))

    def read(self, answer: HttpAnswer, request: LoadRequest) -> tuple[Tensors, ...]:
        """The outputs in an answer."""
        return (read_http(answer, request),)

    def close(self) -> None:
        """Closes it."""
        self._socket.close()


def _said(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode("utf-8", "replace")


def _unanswered(words: str) -> BrokenError:
    return BrokenError(f"no answer to {words} within {ANSWER_TIMEOUT:g} s")


def _grpc_problem(server: RunningServer, words: str, problem: Any) -> BrokenError:
    status = problem.code()
    if status in {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}:
        return _unanswered(words)
    if status is grpc.StatusCode.UNAVAILABLE:
        return _cut_off(server, words, problem.details())
    return BrokenError(f"the server refused {words}: {status.name} {problem.details()}")


def _cut_off(server: RunningServer, words: str, problem: object) -> BrokenError:
    if how := server.how_it_ended(_DEATH_TAKES):
        return ServerDiedError(server.name, how, server.log_tail(), words)
    return BrokenError(f"{words}: no connection, and the server runs: {problem}")
