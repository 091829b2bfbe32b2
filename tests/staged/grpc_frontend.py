"""The gRPC face of a staged server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from staged.correlation import Refusal, Sent
from staged.protocol import grpc, service
from staged.serving import EXTENSIONS, Request, Serving, die
from staged.tensors import Contents, pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    500: grpc.StatusCode.INTERNAL,
    501: grpc.StatusCode.UNIMPLEMENTED,
}
_THREADS = 64  # a request that is never answered keeps its thread


def start_grpc(address: str, serving: Serving) -> Any:
    """Listens on ``HOST:PORT``.

    Returns:
        The server; it stops when it is collected.

    Raises:
        OSError: The port is in use.
    """
    # Or a second server could listen on the same port, and the two would share the requests.
    server = grpc.server(
        ThreadPoolExecutor(_THREADS, thread_name_prefix="grpc"),
        options=[("grpc.so_reuseport", 0)],
    )
    server.add_generic_rpc_handlers((_Frontend(serving).handler(),))
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(str(error)) from error
    if not bound:
        raise OSError(f"cannot listen on {address}")
    server.start()
    return server


class _Frontend:
    """Answers inference.GRPCInferenceService; what is missing here is unimplemented."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving

    def handler(self) -> Any:
        unary = {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ServerMetadata": self._server_metadata,
            "ModelReady": self._model_ready,
            "ModelMetadata": self._model_metadata,
            "ModelConfig": self._model_config,
            "ModelInfer": self._infer,
            "RepositoryIndex": self._index,
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                self._refusing(answer),
                request_deserializer=getattr(service, f"{name}Request").FromString,
                response_serializer=getattr(service, f"{name}Response").SerializeToString,
            )
            for name, answer in unary.items()
        }
        handlers["ModelStreamInfer"] = grpc.stream_stream_rpc_method_handler(
            self._stream,
            request_deserializer=service.ModelInferRequest.FromString,
            response_serializer=service.ModelStreamInferResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler("inference.GRPCInferenceService", handlers)

    def _refusing(self, answer: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        """Turns refusals into the errors of gRPC."""

        def answered(request: Any, context: Any) -> Any:
            try:
                return answer(request, context)
            except Refusal as refusal:
                context.abort(_CODES[refusal.status], refusal.message)

        return answered

    def _live(self, _request: Any, _context: Any) -> Any:
        return service.ServerLiveResponse(live=True)

    def _ready(self, _request: Any, context: Any) -> Any:
        knobs = self.serving.knobs
        ready = self.serving.is_ready()
        if ready and knobs.dies_on == "after-ready":
            context.add_callback(lambda: die(knobs.signal, knobs.exit_code))
        return service.ServerReadyResponse(ready=ready)

    def _server_metadata(self, _request: Any, _context: Any) -> Any:
        return service.ServerMetadataResponse(
            name=self.serving.name,
            version=self.serving.version(self.serving.knobs.grpc_version),
            extensions=EXTENSIONS,
        )

    def _model_ready(self, request: Any, _context: Any) -> Any:
        return service.ModelReadyResponse(ready=request.name in self.serving.models)

    def _model_metadata(self, request: Any, _context: Any) -> Any:
        told = self.serving.metadata(self.serving.model(request.name))
        return service.ModelMetadataResponse(**told)

    def _model_config(self, request: Any, _context: Any) -> Any:
        return service.ModelConfigResponse(config=self.serving.model(request.name).config)

    def _index(self, _request: Any, _context: Any) -> Any:
        return service.RepositoryIndexResponse(models=self.serving.index())

    def _infer(self, request: Any, _context: Any) -> Any:
        outputs = self.serving.infer(_request(request))
        return service.ModelInferResponse(
            id=request.id,
            model_name=request.model_name,
            model_version=self.serving.model(request.model_name).versions[-1],
            outputs=[
                service.ModelInferResponse.InferOutputTensor(
                    name=t.name, datatype=t.datatype, shape=t.shape
                )
                for t in outputs
            ],
            raw_output_contents=[t.raw for t in outputs],
        )

    def _stream(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        for request in requests:
            try:
                response = self._infer(request, context)
                response.parameters["triton_final_response"].bool_param = True
                yield service.ModelStreamInferResponse(infer_response=response)
            except Refusal as refusal:
                # A stream's errors are answers: the stream goes on.
                yield service.ModelStreamInferResponse(
                    error_message=refusal.message,
                    infer_response=service.ModelInferResponse(id=request.id),
                )


def _parameter(request: Any, name: str) -> Any:
    """A parameter's value, whichever of the types it was sent as; None where it was not sent."""
    if name not in request.parameters:
        return None
    value = request.parameters[name]
    return getattr(value, value.WhichOneof("parameter_choice"))


_FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def _request(request: Any) -> Request:
    inputs = []
    for number, tensor in enumerate(request.inputs):
        try:
            raw = (
                request.raw_input_contents[number]
                if request.raw_input_contents
                else pack(tensor.datatype, list(getattr(tensor.contents, _FIELDS[tensor.datatype])))
            )
        except (IndexError, KeyError, ValueError) as error:
            raise Refusal(400, f"unable to read input '{tensor.name}': {error}") from error
        inputs.append(Contents(tensor.name, tensor.datatype, tuple(tensor.shape), raw))
    sent = Sent(
        model=request.model_name,
        protocol="grpc",
        # An empty id is none, and none is 0.
        correlation=_parameter(request, "sequence_id") or 0,
        start=bool(_parameter(request, "sequence_start")),
        end=bool(_parameter(request, "sequence_end")),
        request_id=request.id,
    )
    return Request(sent, inputs, [output.name for output in request.outputs])
