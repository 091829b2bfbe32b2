"""The bytes of a load's requests, made before it begins, and what stands in its answers.

Making a request takes a client library longer than sending it. So it is made once, and what goes
over the connection while latencies are measured is bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import tritonclient.grpc
import tritonclient.http
from tritonclient.grpc import service_pb2
from tritonclient.utils import np_to_triton_dtype

from triton_claims.errors import BrokenError
from triton_claims.servers.client import input_tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from triton_claims.servers.load_memory import Regions
    from triton_claims.servers.loads import LoadRequest, Tensors

#: Ids of sequences all have as many digits: a request of which only the id is exchanged keeps its
#: length.
FIRST_SEQUENCE, LAST_SEQUENCE = 10**17, 10**18 - 1
_FINAL = "triton_final_response"


class Messages(Protocol):
    """The requests of a load as bytes."""

    def message(self, sequence: int, position: int) -> bytes:
        """One request.

        Args:
            sequence: The id of its sequence, from ``FIRST_SEQUENCE`` to ``LAST_SEQUENCE``.
            position: Its place in the sequence, from 0; ignored where there are no sequences.
        """


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came over HTTP.

    Attributes:
        body: The body.
        json_length: How much of it is JSON, where the server said so.
    """

    body: bytes
    json_length: str | None


class GrpcMessages:
    """The requests as messages of KServe's protocol.

    Args:
        request: What is asked.
        regions: The shared memory its tensors are handed over in, if any.
    """

    def __init__(self, request: LoadRequest, regions: Regions | None = None) -> None:
        message = service_pb2.ModelInferRequest(model_name=request.model)
        for name, array in request.inputs.items():
            tensor = message.inputs.add(
                name=name, datatype=np_to_triton_dtype(array.dtype), shape=array.shape
            )
            if regions:
                _hand_over(tensor, regions.inputs[name])
            else:
                message.raw_input_contents.append(array.tobytes())
        for name in request.outputs:
            tensor = message.outputs.add(name=name)
            if regions:
                _hand_over(tensor, regions.outputs[name])
        if request.mode == "streaming":
            message.parameters["triton_enable_empty_final_response"].bool_param = True
        self._bytes: bytes = message.SerializeToString()
        self._length = request.sequence_length
        self._in_sequence = request.mode == "sequence"

    def message(self, sequence: int, position: int) -> bytes:
        """One request."""
        if not self._in_sequence:
            return self._bytes
        message = service_pb2.ModelInferRequest()
        message.parameters["sequence_id"].int64_param = sequence
        message.parameters["sequence_start"].bool_param = position == 0
        message.parameters["sequence_end"].bool_param = position == self._length - 1
        # Messages of this format are merged by putting them one after the other.
        end: bytes = message.SerializeToString()
        return self._bytes + end


class HttpMessages:
    """The requests as HTTP/1.1 has them, with their heads.

    Args:
        request: What is asked.
        host: ``HOST:PORT`` of the server.
        regions: The shared memory its tensors are handed over in, if any.
    """

    def __init__(self, request: LoadRequest, host: str, regions: Regions | None = None) -> None:
        inputs = [_http_input(name, array, regions) for name, array in request.inputs.items()]
        outputs = [_http_output(name, regions) for name in request.outputs]
        length = request.sequence_length
        places = range(length if request.mode == "sequence" else 0)
        ends = [{"sequence_start": at == 0, "sequence_end": at == length - 1} for at in places]
        self._whole = b"" if ends else _http_message(request.model, host, inputs, outputs)
        mark = str(FIRST_SEQUENCE)
        self._around_id: list[tuple[bytes, bytes]] = []
        for end in ends:
            whole = _http_message(
                request.model, host, inputs, outputs, sequence_id=FIRST_SEQUENCE, **end
            )
            before, _, after = whole.partition(mark.encode())
            self._around_id.append((before, after))

    def message(self, sequence: int, position: int) -> bytes:
        """One request."""
        if not self._around_id:
            return self._whole
        before, after = self._around_id[position]
        return before + str(sequence).encode() + after


def read_grpc(answer: bytes, request: LoadRequest) -> Tensors:
    """The outputs of a unary answer, by name.

    Raises:
        BrokenError: One is missing.
    """
    return _outputs(
        tritonclient.grpc.InferResult(service_pb2.ModelInferResponse.FromString(answer)),
        request.outputs,
    )


def read_http(answer: HttpAnswer, request: LoadRequest) -> Tensors:
    """The outputs of an answer over HTTP, by name.

    Raises:
        BrokenError: One is missing.
    """
    length = None if answer.json_length is None else int(answer.json_length)
    found = tritonclient.http.InferenceServerClient.parse_response_body(
        answer.body, header_length=length
    )
    return _outputs(found, request.outputs)


def read_stream(answer: Sequence[bytes], request: LoadRequest) -> tuple[Tensors, ...]:
    """The outputs of the answers in a stream, by name.

    Raises:
        BrokenError: One is missing.
    """
    parts = [
        service_pb2.ModelStreamInferResponse.FromString(part).infer_response for part in answer
    ]
    return tuple(
        _outputs(tritonclient.grpc.InferResult(part), request.outputs)
        for part in parts
        if part.outputs  # the last one may say nothing but that it is the last
    )


def problem_in_stream(part: bytes) -> tuple[str, bool]:
    """What a part of a stream says beside its outputs.

    Returns:
        The server's words where it refused, and whether this is the last part for its request.
    """
    response = service_pb2.ModelStreamInferResponse.FromString(part)
    parameters = response.infer_response.parameters
    return str(response.error_message), bool(_FINAL in parameters and parameters[_FINAL].bool_param)


def _outputs(result: Any, names: Sequence[str]) -> Tensors:
    found = {name: result.as_numpy(name) for name in names}
    missing = [name for name, array in found.items() if array is None]
    if missing:
        raise BrokenError(f"found an answer without {', '.join(missing)}: it is none")
    return found


def _hand_over(tensor: Any, region: tuple[str, int]) -> None:
    name, size = region
    tensor.parameters["shared_memory_region"].string_param = name
    tensor.parameters["shared_memory_byte_size"].int64_param = size


def _http_input(name: str, array: np.ndarray[Any, Any], regions: Regions | None) -> Any:
    if regions is None:
        return input_tensor(tritonclient.http, name, array)
    tensor = tritonclient.http.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    tensor.set_shared_memory(*regions.inputs[name])
    return tensor


def _http_output(name: str, regions: Regions | None) -> Any:
    tensor = tritonclient.http.InferRequestedOutput(name, binary_data=True)
    if regions is not None:
        tensor.set_shared_memory(*regions.outputs[name])
    return tensor


def _http_message(
    model: str, host: str, inputs: Sequence[Any], outputs: Sequence[Any], **sequence: Any
) -> bytes:
    body, json_length = tritonclient.http.InferenceServerClient.generate_request_body(
        inputs, outputs=outputs, **sequence
    )
    head = [f"POST /v2/models/{model}/infer HTTP/1.1", f"Host: {host}"]
    if json_length is not None:
        head.append(f"Inference-Header-Content-Length: {json_length}")
    head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "\r\n"]).encode() + bytes(body)
