"""Asks a model over a gRPC stream, which decoupled models need, and closes the stream again.

An open stream keeps a model from being unloaded, whatever the model does. So no stream outlives the
call that opened it.
"""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tritonclient.utils import InferenceServerException

from triton_claims.servers.client import Array, input_tensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from triton_claims.servers.client import Answer, Client

#: The status of a refusal that came as a response: it has words, but none of gRPC's codes.
REFUSED = "refused in the stream"


@dataclass(frozen=True, slots=True)
class Streamed:
    """What came back over one stream for one request.

    Attributes:
        answer: How it ended; ``OK`` where all came that was waited for.
        responses: The output tensors of each response by name, as far as any came.
        finished: Whether the server said that no more would come.
    """

    answer: Answer
    responses: tuple[Mapping[str, Array], ...]
    finished: bool


def stream(
    client: Client,
    model: str,
    inputs: Mapping[str, Array],
    *,
    expected_outputs: Sequence[str],
    responses: int | None = None,
) -> Streamed:
    """Sends one request over a stream of its own.

    Args:
        client: A gRPC client. Its timeout is for the whole of the stream.
        model: The model's name.
        inputs: The input tensors.
        expected_outputs: The names of the output tensors that are of interest.
        responses: How many responses to wait for, and to cancel what may follow; by default all
            until the server says that no more will come.

    Raises:
        ServerDiedError: The server ended meanwhile.
        BrokenError: No connection although it runs.
    """
    received: list[Mapping[str, Array]] = []
    finished = False

    def send(connection: Any, library: Any, limit: Mapping[str, float]) -> None:
        nonlocal finished
        seconds = limit["client_timeout"]
        arrivals = _Arrivals(time.monotonic() + seconds)
        connection.start_stream(arrivals.put, stream_timeout=seconds)
        try:
            connection.async_stream_infer(
                model,
                [input_tensor(library, name, array) for name, array in inputs.items()],
                enable_empty_final_response=True,
            )
            while not finished and (responses is None or len(received) < responses):
                result = arrivals.next()
                response = result.get_response()
                finished = response.parameters["triton_final_response"].bool_param
                if response.outputs:
                    received.append({name: result.as_numpy(name) for name in expected_outputs})
            if finished:
                # Cancelled so shortly after its last response, a stream now and then keeps the
                # model from being unloaded (seen on 2.46 to 2.51, some times in 200).
                connection.stop_stream()
                arrivals.must_be_over()
        finally:
            # What is unfinished would be waited for without cancelling it.
            connection.stop_stream(cancel_requests=True)

    answer = client.ask(f"stream {model}", send)
    return Streamed(answer, tuple(received), finished)


class _Arrivals:
    """What a stream brings: results and problems, put by the library's thread."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._queue: queue.Queue[tuple[Any, InferenceServerException | None]] = queue.Queue()

    def put(self, result: Any, error: InferenceServerException | None) -> None:
        self._queue.put((result, error))

    def next(self) -> Any:
        """The next result; a problem is raised, and silence as a TimeoutError."""
        try:
            result, error = self._queue.get(timeout=max(self._deadline - time.monotonic(), 0))
        except queue.Empty:
            raise TimeoutError from None
        if error is None:
            return result
        if error.status() is None:
            raise InferenceServerException(error.message(), REFUSED)
        raise error

    def must_be_over(self) -> None:
        """Raises what came after the end: that the stream did not close in time, say."""
        while not self._queue.empty():
            self.next()
