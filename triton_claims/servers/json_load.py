"""A load of large requests in JSON by plain HTTP: quick to send, and work for a server to parse."""

from __future__ import annotations

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import numpy as np

from triton_claims.errors import BrokenError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TIMEOUT = 60.0  # seconds, for one answer
_PAUSE = 0.1  # seconds, in a trickle
_FEW = 4  # floats


class JsonLoad:
    """Asks a model with the input ``IN``, a vector of FP32 of any length.

    Args:
        model: The model's name.
        floats: The lengths of the requests in a burst, in turns.
        clients: How many clients a burst has at once.
        requests: How many requests each of them sends.
    """

    def __init__(self, model: str, floats: Sequence[int], clients: int, requests: int) -> None:
        self._path = f"/v2/models/{model}/infer"
        self._clients = clients
        self._requests = requests
        self._bodies = [_body(each) for each in floats]
        self._small = _body(_FEW)

    def warm_up(self, server: str) -> None:
        """One request of each size, one after the other.

        Args:
            server: Its ``HOST:PORT`` of HTTP.

        Raises:
            BrokenError: A request was refused.
        """
        with _connected(server) as connection:
            for body in (self._small, *self._bodies):
                self._post(connection, body)

    def burst(self, server: str) -> None:
        """All clients at once; see :meth:`warm_up`."""

        def client(number: int) -> None:
            with _connected(server) as connection:
                for request in range(self._requests):
                    self._post(connection, self._bodies[(number + request) % len(self._bodies)])

        with ThreadPoolExecutor(self._clients) as clients:
            list(clients.map(client, range(self._clients)))

    def trickle(self, servers: Sequence[str], seconds: float) -> None:
        """Keeps servers from being wholly idle, as probes and a few users do.

        There are as many connections to each as a burst has, so that the same of its threads come
        by; see :meth:`warm_up`.
        """
        ends = time.monotonic() + seconds
        with ExitStack() as stack:
            connections = [
                stack.enter_context(_connected(server))
                for server in servers
                for _ in range(self._clients)
            ]
            while time.monotonic() < ends:
                for connection in connections:
                    self._post(connection, self._small)
                time.sleep(_PAUSE)

    def _post(self, connection: http.client.HTTPConnection, body: bytes) -> None:
        connection.request("POST", self._path, body=body)
        response = connection.getresponse()
        answer = response.read()
        if response.status != http.client.OK:
            raise BrokenError(
                f"a request of the load was refused: {response.status} {answer[:200]!r}"
            )


def _body(floats: int) -> bytes:
    data = np.random.default_rng(floats).random(floats).round(6).tolist()
    tensor = {"name": "IN", "shape": [floats], "datatype": "FP32", "data": data}
    return json.dumps({"inputs": [tensor]}).encode()


@contextmanager
def _connected(server: str) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(server, timeout=_TIMEOUT)
    try:
        yield connection
    finally:
        connection.close()
