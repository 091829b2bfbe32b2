"""Parameters of requests that are numbers with a fraction."""

from __future__ import annotations

import json

import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers.models import model

REPORT = model("request_report")
WHOLE, FRACTION = {"number": 7}, {"number": 1.5}
TENSOR = {"name": "IN", "shape": [1], "datatype": "FP32", "data": [1.0]}


@pytest.mark.claim("double-parameters")
@pytest.mark.server(models=[REPORT], arguments=["--disable-auto-complete-config"])
def test_numbers_with_a_fraction_are_parameters(server, evidence):
    """A parameter of a request over HTTP that is a number with a fraction reaches a Python
    model.
    """
    with evidence.step("control: a whole number reaches it"):
        status, got = parameters_seen(server, WHOLE)
        if got != WHOLE:
            raise BrokenError(f"the check's control failed: {status}: {got}")
    status, got = parameters_seen(server, FRACTION)
    evidence.show("the status, and what the model got or the server says", f"{status}: {got}")

    assert got == FRACTION, f"the model did not get it: {status}: {got}"


def parameters_seen(server, parameters):
    """The status of the answer, and the parameters that the model got or the server's words."""
    path = f"/v2/models/{REPORT.name}/infer"
    with server.working():
        status, body = server.process.post(
            path, json.dumps({"inputs": [TENSOR], "parameters": parameters}).encode()
        )
    if status != 200:
        return status, body.decode()
    (output,) = json.loads(body)["outputs"]
    return status, json.loads(output["data"][0])["parameters"]
