"""What Python models can ask of requests, and of other models: by release, since when."""

from __future__ import annotations

import json
import re
import time

import numpy as np
import pytest
import tritonclient.grpc

from triton_claims.errors import BrokenError
from triton_claims.servers import model_control
from triton_claims.servers.client import connect, input_tensor
from triton_claims.servers.models import model
from triton_claims.servers.streaming import stream

ONE = np.ones(1, dtype=np.float32)
REPORT = model("request_report")
WATCHER, ERROR = model("cancel_watcher"), model("coded_error")
COUNT, ASYNC = model("iterative_count"), model("async_answers")
PLAIN, PARAMETERS, CORRELATION = (
    model("bls_caller", asks=REPORT.name, brings=brings)
    for brings in ("nothing", "parameters", "correlation_id")
)
EXPLICIT = ["--model-control-mode=explicit", "--disable-auto-complete-config"]
#: Seconds for the model to tell what became of the request; it waits for four itself.
PATIENCE = 8.0
CAME = "cancel_watcher: a request came"
TOLD = re.compile(r"cancel_watcher: cancelled: (True|False)")


@pytest.mark.claim("python-cancellation")
@pytest.mark.server(models=[WATCHER])
def test_a_model_sees_that_its_client_has_given_up(server, evidence):
    """A Python model can see that its request was cancelled by a gRPC client."""
    with connect(server.process, "grpc") as client:
        call = client.async_infer(
            WATCHER.name, [input_tensor(tritonclient.grpc, "IN", ONE)], lambda **_: None
        )
        if not told(server, re.compile(CAME)):
            raise BrokenError("the check's control failed: no request reached the model")
        call.cancel()
        found = told(server, TOLD)
    if not found:
        raise BrokenError("the model does not tell what became of its request")
    evidence.show("the model", found[0])
    assert found[1] == "True", "the model saw nothing of it for four seconds"


@pytest.mark.claim("python-error-codes")
@pytest.mark.server(models=[ERROR])
def test_a_model_gives_its_error_a_code(server, evidence):
    """The code that a Python model gives its error is the status that a gRPC client gets."""
    answer = server.client("grpc").infer(ERROR.name, {"IN": ONE}, expected_outputs=["OUT"])
    evidence.show("answer", str(answer))
    if "the model finds nothing" not in answer.message:
        raise BrokenError(f"the check's control failed: the model's error does not come: {answer}")
    assert answer.status == "NOT_FOUND", f"the status is {answer.status}"


@pytest.mark.claim("python-rescheduling")
@pytest.mark.server(models=[COUNT], arguments=EXPLICIT)
def test_a_model_has_its_request_scheduled_again(server, evidence):
    """A Python model can have its request scheduled again instead of answering it."""
    client = loaded(server, evidence, COUNT)
    answer = client.infer(
        COUNT.name, {"IN": np.ones((1, 1), dtype=np.int32)}, expected_outputs=["OUT"]
    )
    evidence.show("answer", str(answer))
    assert answer.must_come().accepted, f"the request fails: {answer}"
    seen = int(answer.outputs["OUT"].ravel()[0])
    assert seen == 3, f"the model was given the request {seen} times, and asked for three"


@pytest.mark.claim("python-bls-parameters")
@pytest.mark.server(models=[REPORT, PLAIN, PARAMETERS])
def test_requests_to_other_models_have_parameters(client, evidence):
    """The parameters that a Python model gives a request to another model reach that model."""
    report = asked(client, evidence, PARAMETERS)
    brought = {name: report["parameters"].get(name) for name in ("colour", "number")}
    assert brought == {"colour": "green", "number": 7}, f"the other model got {brought}"


@pytest.mark.claim("python-bls-correlation-id-string")
@pytest.mark.server(models=[REPORT, PLAIN, CORRELATION])
def test_requests_to_other_models_have_strings_as_correlation_ids(client, evidence):
    """A string that a Python model gives a request to another model as its correlation ID reaches
    that model.
    """
    report = asked(client, evidence, CORRELATION)
    assert report["correlation_id"] == "a-string", f"it got {report['correlation_id']!r}"


@pytest.mark.claim("python-decoupled-asyncio")
@pytest.mark.server(models=[ASYNC], arguments=EXPLICIT)
def test_a_decoupled_model_answers_from_a_coroutine(server, evidence):
    """A decoupled Python model whose execute is a coroutine sends its responses."""
    client = loaded(server, evidence, ASYNC)
    streamed = stream(client, ASYNC.name, {"IN": ONE}, expected_outputs=["OUT"], responses=2)
    evidence.show("responses", f"{len(streamed.responses)}; {streamed.answer}")
    found = [float(each["OUT"][0]) for each in streamed.responses]
    assert found == [1.0, 2.0], f"of the responses 1 and 2 there came {found}: {streamed.answer}"


def loaded(server, evidence, wanted):
    """A client of a server that has loaded a model; one that refuses it lacks what it is for."""
    client = server.client("grpc", timeout=PATIENCE)
    answer = model_control.load(client, wanted.name).must_come()
    evidence.show(f"load {wanted.name}", str(answer))
    assert answer.accepted, f"the model is refused: {answer}"
    return client


def asked(client, evidence, caller):
    """What the other model reports of a request that a model sent to it."""
    plain = client.infer(PLAIN.name, {"IN": ONE}, expected_outputs=["REPORT"])
    if not plain.accepted:
        raise BrokenError(f"the check's control failed: models cannot ask one another: {plain}")
    answer = client.infer(caller.name, {"IN": ONE}, expected_outputs=["REPORT"])
    evidence.show("answer", str(answer))
    assert answer.must_come().accepted, f"the request to the other model fails: {answer}"
    return json.loads(answer.outputs["REPORT"][0])


def told(server, pattern):
    """Waits until the server's log has a line, and gives its match; None where it does not come."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := pattern.search(server.process.log()):
            return found
        time.sleep(0.05)
    return None
