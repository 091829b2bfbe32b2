"""An endpoint with OpenAI's interface, on loopback, that keeps what it receives and sends.

A tool's figures are held against what is kept here, and never against what was meant to happen.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from triton_claims.endpoints.openai_answers import (
    DONE,
    Answer,
    Chunks,
    Refusal,
    Relay,
    body_of,
    event_of,
    text_in,
)
from triton_claims.endpoints.received_requests import ReceivedRequest, SentChunk
from triton_claims.errors import BrokenError
from triton_claims.servers.running import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterator

_UPSTREAM_TIMEOUT = 60.0  # seconds without a byte from it
_STREAM = "text/event-stream"
_JSON = "application/json"
_EVENT = b"data: "
# What belongs to one connection and is not passed on.
_OF_THE_CONNECTION = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "transfer-encoding"}
)


class OpenAIEndpoint:
    """An endpoint that runs; made by :func:`serve`.

    Args:
        answer: What it answers.

    Attributes:
        answer: What it answers; what is put here counts for the requests to come.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self._server = _Server(self)
        self._lock = threading.RLock()
        self._requests: list[ReceivedRequest] = []
        self._problem: str | None = None

    @property
    def address(self) -> str:
        """Where it listens: ``HOST:PORT``."""
        return f"{LOOPBACK}:{self._server.server_port}"

    @property
    def url(self) -> str:
        """Where it listens: ``http://HOST:PORT``."""
        return f"http://{self.address}"

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """The requests (POST) so far, in the order in which they came.

        Raises:
            BrokenError: One of them could not be answered as was meant: what is kept is worthless.
        """
        with self._lock:
            if self._problem is not None:
                raise BrokenError(self._problem)
            return tuple(self._requests)

    def received(self, request: ReceivedRequest) -> int:
        """Keeps a request; gives its number."""
        with self._lock:
            self._requests.append(request)
            return len(self._requests) - 1

    def sending(self) -> threading.RLock:
        """What is held while something is sent and that is kept.

        Else a client that has it could look here before it is kept.
        """
        return self._lock

    def change(self, number: int, **changes: Any) -> None:
        """Keeps what becomes of a request."""
        with self._lock:
            self._requests[number] = replace(self._requests[number], **changes)

    def sent(self, number: int, chunk: SentChunk) -> None:
        """Keeps what was sent in answer to a request."""
        with self._lock:
            request = self._requests[number]
            self._requests[number] = replace(request, sent=(*request.sent, chunk))

    def broke(self, problem: str) -> None:
        """Keeps the first thing that went wrong here."""
        with self._lock:
            self._problem = self._problem or problem

    def run(self) -> None:
        """Answers until it is stopped."""
        self._server.serve_forever(poll_interval=0.02)

    def stop(self) -> None:
        """Ends it: no answer goes on, every thread has ended."""
        self._server.stopping.set()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()


@contextmanager
def serve(answer: Answer) -> Iterator[OpenAIEndpoint]:
    """Runs an endpoint for as long as the context lasts.

    Args:
        answer: What it answers.
    """
    endpoint = OpenAIEndpoint(answer)
    thread = threading.Thread(target=endpoint.run, name="openai-endpoint")
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.stop()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close() waits for them
    request_queue_size = 128

    def __init__(self, endpoint: OpenAIEndpoint) -> None:
        self.endpoint = endpoint
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__((LOOPBACK, 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Ends connections that a client keeps open."""
        with self._lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: what matters is kept by the handler."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it has there
        """Prints nothing."""

    def do_GET(self) -> None:
        """Passes it on, or says which models there are: a client may ask whether we are ready."""
        answer = self.server.endpoint.answer
        if isinstance(answer, Relay):
            self._guarded(answer, None)
        else:
            self._whole(200, _JSON, b'{"object": "list", "data": []}', None)

    def do_POST(self) -> None:
        """Keeps it, and answers."""
        endpoint = self.server.endpoint
        body = self._body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = ReceivedRequest(self.command, self.path, headers, body, time.perf_counter())
        self._guarded(endpoint.answer, endpoint.received(request), request)

    def _guarded(
        self, answer: Answer, number: int | None, request: ReceivedRequest | None = None
    ) -> None:
        try:
            self._answer(answer, number, request)
        except OSError:  # the client has gone: the answer stays incomplete
            self.close_connection = True
        except Exception as problem:
            self.close_connection = True
            self.server.endpoint.broke(
                f"the endpoint could not answer {self.command} {self.path}: {problem!r}"
            )
            raise

    def _answer(self, answer: Answer, number: int | None, request: ReceivedRequest | None) -> None:
        if isinstance(answer, Relay):
            self._relay(answer, number, request.body if request else b"")
        elif isinstance(answer, Refusal):
            self._whole(answer.status, answer.content_type, answer.body.encode(), number)
        elif request:
            self._chunks(answer, number, request)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length")
        if length is not None:
            return self.rfile.read(int(length))
        body = b""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        return body

    def _chunks(self, chunks: Chunks, number: int | None, request: ReceivedRequest) -> None:
        asked = request.json
        model = str(asked.get("model", ""))
        before = request.at
        if not asked.get("stream"):
            self._wait_until(before + sum(chunks.delays))
            whole = body_of("".join(chunks.texts), self.path, model)
            self._whole(200, _JSON, whole.encode(), number)
            return
        self._begin(200, _STREAM, number)
        for position, (text, delay) in enumerate(zip(chunks.texts, chunks.delays, strict=True), 1):
            self._wait_until(before + delay)
            last = position == len(chunks.texts)
            before = self._event(event_of(text, self.path, model, last=last), number)
        self._event(DONE, number)
        self._end(number)

    def _wait_until(self, moment: float) -> None:
        if self.server.stopping.wait(max(0.0, moment - time.perf_counter())):
            raise ConnectionAbortedError

    def _relay(self, relay: Relay, number: int | None, body: bytes) -> None:
        upstream = http.client.HTTPConnection(
            urlsplit(relay.upstream).netloc, timeout=_UPSTREAM_TIMEOUT
        )
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in _OF_THE_CONNECTION
        }
        try:
            try:
                upstream.request(self.command, self.path, body or None, headers)
                answer = upstream.getresponse()
            except (OSError, http.client.HTTPException) as problem:
                raise BrokenError(f"{relay.upstream} does not answer: {problem!r}") from problem
            content_type = answer.getheader("Content-Type", _JSON)
            if not content_type.startswith(_STREAM):
                self._whole(answer.status, content_type, answer.read(), number)
                return
            self._begin(answer.status, content_type, number)
            for line in _lines(answer, relay):
                if line.startswith(_EVENT):
                    self._event(line[len(_EVENT) :].decode(errors="replace"), number)
            self._end(number)
        finally:
            upstream.close()

    def _whole(self, status: int, content_type: str, body: bytes, number: int | None) -> None:
        endpoint = self.server.endpoint
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        with endpoint.sending():
            self.end_headers()
            self.wfile.write(body)
            if number is not None:
                chunk = SentChunk(text_in(body.decode(errors="replace")), time.perf_counter())
                endpoint.sent(number, chunk)
                endpoint.change(number, status=status, complete=True)

    def _begin(self, status: int, content_type: str, number: int | None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Transfer-Encoding", "chunked")
        with self.server.endpoint.sending():
            self.end_headers()
            if number is not None:
                self.server.endpoint.change(number, status=status)

    def _event(self, data: str, number: int | None) -> float:
        """Sends one; gives when it had been sent."""
        event = _EVENT + data.encode() + b"\n\n"
        with self.server.endpoint.sending():
            self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
            at = time.perf_counter()
            if number is not None and data != DONE:
                self.server.endpoint.sent(number, SentChunk(text_in(data), at))
        return at

    def _end(self, number: int | None) -> None:
        with self.server.endpoint.sending():
            self.wfile.write(b"0\r\n\r\n")
            if number is not None:
                self.server.endpoint.change(number, complete=True)


def _lines(answer: http.client.HTTPResponse, relay: Relay) -> Iterator[bytes]:
    try:
        for line in answer:
            yield line.strip()
    except (OSError, http.client.HTTPException) as problem:
        raise BrokenError(f"{relay.upstream} broke off: {problem!r}") from problem
