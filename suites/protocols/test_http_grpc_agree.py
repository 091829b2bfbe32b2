"""The same requests over HTTP and over gRPC: of every datatype, and with mistakes of every kind."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass, field, replace

import ml_dtypes
import numpy as np
import pytest
from google.protobuf import json_format
from tritonclient.utils import np_to_triton_dtype

from triton_claims.errors import BrokenError
from triton_claims.servers.client import NO_ANSWER, OK
from triton_claims.servers.models import model
from triton_claims.servers.running import ServerDiedError

MODEL = model("every_datatype")
#: What HTTP calls a status of gRPC.
HTTP_STATUS = {
    "INVALID_ARGUMENT": "400",
    "ALREADY_EXISTS": "400",
    "CANCELLED": "400",
    "UNKNOWN": "400",
    "NOT_FOUND": "404",
    "INTERNAL": "500",
    "UNIMPLEMENTED": "501",
    "UNAVAILABLE": "503",
}
_SHOWN = 40  # bytes of a tensor


@pytest.mark.claim("http-grpc-agree")
@pytest.mark.server(models=[MODEL], arguments=["--disable-auto-complete-config"])
def test_http_and_grpc_give_the_same_result(server, evidence):
    """The same request gives the same result over HTTP and over gRPC."""
    requests = [*sound_requests(), *mistakes()]
    with evidence.step("BF16, which the Python models of older servers do not take"):
        outcome = outcome_of_bf16(server)
        evidence.show("a BF16 tensor", str(outcome))
        requests += bf16_requests() if outcome.status == OK else []
    with evidence.step("every request over gRPC, HTTP, HTTP and gRPC"):
        comparisons = compare(server, requests)
    evidence.measure("requests compared", len(comparisons), "requests")
    evidence.show("what came of each request", tell(comparisons))
    with evidence.step("an observation, which decides nothing: HTTP has no way to ask for it"):
        no_number = Request("a version that is no number", {}, version="first", is_mistake=True)
        evidence.show(no_number.words, tell(compare(server, [no_number])))

    with evidence.step("control: twice over one protocol, the result is the same"):
        if changing := [each for each in comparisons if not each.steady]:
            raise BrokenError(f"the check's control failed: results change:\n{tell(changing)}")
    different = [each for each in comparisons if not each.agree]
    assert not different, (
        f"{len(different)} of {len(comparisons)} requests do not give the same result over HTTP "
        f"and gRPC:\n{tell(different)}"
    )
    with evidence.step("control: the result is the right one"):
        if wrong := [each for each in comparisons if not each.right]:
            raise BrokenError(f"the check's control failed: wrong results:\n{tell(wrong)}")


@dataclass(frozen=True)
class Request:
    """A request for either protocol.

    Attributes:
        words: What is special about it.
        inputs: Its input tensors, by the last part of their names.
        wanted: The outputs that it names; an empty tuple leaves the choice to the server.
        as_json: Whether its tensors travel as JSON over HTTP; over gRPC there is but one way.
        is_mistake: Whether it is to be refused; else the inputs are to come back.
    """

    words: str
    inputs: dict[str, np.ndarray]
    wanted: tuple[str, ...] | None = None
    model: str = MODEL.name
    version: str = ""
    id: str = ""
    parameters: dict[str, object] = field(default_factory=dict)
    as_json: bool = False
    is_mistake: bool = False

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs that are to come back."""
        return self.wanted or ("REQUEST", *(f"OUT_{name}" for name in self.inputs))

    @property
    def report(self) -> dict[str, object]:
        """What the model is to say that it got beside its tensors."""
        return {"id": self.id, "parameters": self.parameters}


def sound_requests():
    """Requests that are to be answered."""
    for name, values in every_datatype():
        yield from with_and_without_values(name, values)
        if name != "FP16":  # the protocol has no JSON for it
            finite = values if values.dtype.kind != "f" else values[np.isfinite(values)][None]
            yield Request(name, {name: finite}, as_json=True)
    yield Request("bytes that are no UTF-8", {"STRING": np.array([[b"\xff\xfe"]], np.object_)})
    numbers = np.arange(24, dtype=np.int32)
    for as_json in (False, True):
        yield Request("one dimension", {"RANK1": numbers}, as_json=as_json)
        yield Request("four dimensions", {"RANK4": numbers.reshape(1, 4, 2, 3)}, as_json=as_json)
    yield Request("a megabyte", {"RANK1": np.arange(2**18, dtype=np.int32)})
    several = {"RANK1": numbers, **dict(every_datatype())}
    yield Request("several tensors", several)
    yield Request("two outputs named", several, wanted=("OUT_STRING", "OUT_RANK1"))
    yield Request("no output named", several, wanted=())
    yield Request("no tensor", {})
    yield Request("an id", {"RANK1": numbers}, id="7 \N{LATIN SMALL LETTER E WITH ACUTE}")
    yield Request("a version", {"RANK1": numbers}, version="1")
    parameters = {"flag": True, "number": -(2**40), "text": "\N{GRINNING FACE}"}
    yield Request("parameters", {"RANK1": numbers}, parameters=parameters)


def bf16_requests():
    """The same of a datatype that only newer servers have for Python models."""
    values = [[0.0, -0.0, 1.5, 2.0**-126], [-3.0, np.inf, -np.inf, 2.0**127]]
    return with_and_without_values("BF16", np.array(values, ml_dtypes.bfloat16))


def with_and_without_values(name, values):
    """Requests with a tensor of two rows, and with empty tensors."""
    return [
        Request(name, {name: values}),
        Request(f"{name}, no columns", {name: values[:, :0]}),
        Request(f"{name}, no rows", {name: values[:0]}),
    ]


def every_datatype():
    """Values that are easily lost, of each datatype that every Python model has; in two rows."""
    yield "BOOL", np.array([[True, False, True], [False, False, True]])
    for name in ("UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"):
        kind = np.iinfo(name.lower())
        yield name, np.array([[kind.min, kind.max, 0], [1, 7, kind.max - 1]], kind.dtype)
    for name in ("FP16", "FP32", "FP64"):
        kind = np.finfo(name.lower().replace("fp", "float"))
        finite = [0.0, -0.0, kind.max, kind.smallest_subnormal]
        yield name, np.array([finite, [1 / 3, np.inf, -np.inf, np.nan]], kind.dtype)
    text = "\N{LATIN SMALL LETTER E WITH ACUTE}\N{GRINNING FACE}".encode()
    yield "STRING", np.array([[b"", b"plain", text], [b"\0", b"a\0b", b"long" * 9999]], np.object_)


def mistakes():
    """Requests that are to be refused."""
    numbers = np.arange(3, dtype=np.int32)
    mistake = Request("", {"RANK1": numbers}, is_mistake=True)
    yield replace(mistake, words="no such model", model="no_such_model")
    yield replace(mistake, words="no such version", version="7")
    unknown = {"RANK1": numbers, "NONE": numbers}
    yield replace(mistake, words="no such input", inputs=unknown, wanted=("REQUEST",))
    yield replace(mistake, words="another datatype", inputs={"RANK1": numbers.astype(np.int64)})
    yield replace(mistake, words="another rank", inputs={"RANK1": numbers[None]})
    yield replace(mistake, words="no such output", wanted=("OUT_NONE",))
    yield replace(mistake, words="refused by the model", parameters={"refuse": True})


@dataclass(frozen=True)
class Result:
    """What came of a request, in the same words for both protocols.

    Attributes:
        status: OK, HTTP's status, or that there was no answer.
        message: The server's words where it refused.
        answered: The model, its version and the id, of an inference.
        tensors: The name, datatype, shape and bytes of each output, in their order.
    """

    status: str
    message: str
    answered: tuple[str, ...] = ()
    tensors: tuple[tuple[str, str, tuple[int, ...], bytes], ...] = ()

    def __str__(self) -> str:
        """The result in one line."""
        if self.status != OK:
            return f"{self.status} {self.message!r}"
        tensors = (
            f"{name} {datatype} {list(shape)} {data[:_SHOWN]!r}{'...' * (len(data) > _SHOWN)}"
            for name, datatype, shape, data in self.tensors
        )
        return "; ".join([f"{OK} {' '.join(self.answered)}".rstrip(), *tensors])


@dataclass(frozen=True)
class Comparison:
    """The results of one request, in the order in which they came."""

    request: Request
    grpc: Result
    http: Result
    http_again: Result
    grpc_again: Result

    @property
    def steady(self) -> bool:
        """Whether each protocol gives the same result twice."""
        return (self.grpc, self.http) == (self.grpc_again, self.http_again)

    @property
    def agree(self) -> bool:
        """Whether both protocols give the same result."""
        return self.grpc == self.http

    @property
    def right(self) -> bool:
        """Whether gRPC gives the result that is known beforehand."""
        request, result = self.request, self.grpc
        if request.is_mistake:
            return result.status not in {OK, NO_ANSWER}
        tensors = {name: rest for name, *rest in result.tensors}
        report = tensors.pop("REQUEST", None)
        told = report is None or json.loads(report[-1]) == request.report
        expected = {
            f"OUT_{name}": [np_to_triton_dtype(values.dtype), values.shape, bytes_of(values)]
            for name, values in request.inputs.items()
            if f"OUT_{name}" in request.outputs
        }
        return result.status == OK and tensors == expected and told

    def __str__(self) -> str:
        """The request, and what came of it, in as few words as will do."""
        words = self.request.words + ", as JSON over HTTP" * self.request.as_json
        if self.agree and self.steady and self.right:
            return f"{words}: {self.grpc.status} {self.grpc.message}".rstrip()
        results = {
            "gRPC": self.grpc,
            "HTTP": self.http,
            "HTTP again": self.http_again,
            "gRPC again": self.grpc_again,
        }
        return "\n  ".join([words, *(f"{way}: {result}" for way, result in results.items())])


def outcome_of_bf16(server):
    """What comes of a BF16 tensor, which takes some older servers down."""
    with server.fresh() as fresh, closing(fresh.client("grpc")) as client:
        try:
            return ask(client, bf16_requests()[0])
        except ServerDiedError as death:
            return Result(f"the server {death.how}", "")


def compare(server, requests):
    """Sends each request twice over each protocol; silence ends it, for it will not get better."""
    comparisons = []
    with closing(server.client("grpc")) as grpc, closing(server.client("http")) as http:
        for request in requests:
            once = [ask(grpc, request), ask(http, request)]
            silent = any(result.status == NO_ANSWER for result in once)
            again = once[::-1] if silent else [ask(http, request), ask(grpc, request)]
            comparisons.append(Comparison(request, *once, *again))
            if silent:
                server.renew()
                break
    return comparisons


def ask(client, request):
    """What comes of a request over one protocol."""
    is_http = client.protocol == "http"
    by_tensor = {"binary_data": not request.as_json} if is_http else {}

    def send(connection, library, deadline):
        inputs = []
        for name, values in request.inputs.items():
            tensor = library.InferInput(
                f"IN_{name}", values.shape, np_to_triton_dtype(values.dtype)
            )
            inputs.append(tensor.set_data_from_numpy(values, **by_tensor))
        wanted = [library.InferRequestedOutput(name, **by_tensor) for name in request.outputs]
        answer = connection.infer(
            request.model,
            inputs,
            model_version=request.version,
            outputs=None if request.wanted == () else wanted,
            request_id=request.id,
            parameters=request.parameters or None,
            **deadline,
        )
        response = answer.get_response()
        if not is_http:
            response = json_format.MessageToDict(response, preserving_proto_field_name=True)
        tensors = [
            (
                tensor["name"],
                tensor["datatype"],
                tuple(map(int, tensor["shape"])),
                bytes_of(answer.as_numpy(tensor["name"])),
            )
            for tensor in response["outputs"]
        ]
        heads = (response.get(key, "") for key in ("model_name", "model_version", "id"))
        return {"answered": tuple(heads), "tensors": tuple(tensors)}

    answer = client.ask(f"{MODEL.name}: {request.words}", send)
    status = answer.status if is_http else HTTP_STATUS.get(answer.status, answer.status)
    return Result(status, answer.message, **answer.outputs)


def bytes_of(values):
    """A tensor's values, such that equal bytes are equal values; strings are told apart."""
    if values is None:
        return b"none"
    if values.dtype != np.object_:
        return values.tobytes()
    each = [v.encode() if isinstance(v, str) else v for v in values.ravel()]  # str: out of JSON
    return b"".join(b"%d:%s" % (len(value), value) for value in each)


def tell(comparisons):
    """The comparisons, a few lines each."""
    return "\n".join(map(str, comparisons))
