"""What HTTP requests are told, what they may, and what of them reaches models."""

from __future__ import annotations

import json

import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers.models import model

REPORT = model("request_report")
FORWARD = "--http-header-forward-pattern=x-colour.*"
RESTRICT = "--http-restricted-api=model-repository:admin-key=sesame"
BODY = json.dumps(
    {"inputs": [{"name": "IN", "datatype": "FP32", "shape": [1], "data": [1.0]}]}
).encode()


@pytest.mark.claim("http-status-of-unknown-model")
@pytest.mark.server(models=[REPORT])
def test_an_unknown_model_is_not_found(server, evidence):
    """Over HTTP an inference with a model that the server does not have is answered with 404."""
    must_report(server)
    status, content = post(server, "/v2/models/no_such_model/infer")
    evidence.show("answer", f"{status} {content[:300]!r}")
    if status == 200:
        raise BrokenError("the check's control failed: there is such a model")
    assert status == 404, f"it is answered with {status}"


@pytest.mark.claim("http-header-forwarding-any-case")
@pytest.mark.server(models=[REPORT], arguments=[FORWARD])
def test_headers_are_forwarded_whatever_their_case(server, evidence):
    """HTTP headers that match the pattern of headers to be forwarded reach the model whatever the
    case of their letters.
    """
    reports = {}
    for name in ("x-colour", "X-Colour"):
        parameters = must_report(server, {name: "green"})["parameters"]
        reports[name] = {key.lower(): value for key, value in parameters.items()}
    evidence.show("parameters that reached the model", json.dumps(reports, indent=1))
    if reports["x-colour"].get("x-colour") != "green":
        raise BrokenError("the check's control failed: no header is forwarded at all")
    assert reports["X-Colour"].get("x-colour") == "green", "X-Colour was not forwarded"


@pytest.mark.claim("http-restricted-api")
@pytest.mark.server(models=[REPORT])
def test_a_part_of_the_api_is_for_those_who_know_the_word(server, evidence):
    """With --http-restricted-api a part of the HTTP API answers only requests with a given
    header.
    """
    must_report(server)
    assert "http-restricted-api" in server.options, "the server has no such option"
    with server.fresh(arguments=[RESTRICT]) as fresh:
        must_report(fresh)
        index = "/v2/repository/index"
        statuses = [
            post(fresh, index, headers, b"{}")[0]
            for headers in ({}, {"admin-key": "open"}, {"admin-key": "sesame"})
        ]
    evidence.show("without header, with a wrong and with the right one", str(statuses))
    *others, right = statuses
    assert right == 200, f"with the right header it is answered with {right}"
    assert others == [403, 403], f"without it, it is answered with {others}"


def must_report(server, headers=None):
    """What the model reports of a request; it must."""
    status, content = post(server, f"/v2/models/{REPORT.name}/infer", headers)
    try:
        report = json.loads(json.loads(content)["outputs"][0]["data"][0])
    except (ValueError, KeyError, IndexError):
        report = None
    if status != 200 or report is None:
        raise BrokenError(
            f"the check's control failed: the model answers {status} {content[:300]!r}"
        )
    return report


def post(server, path, headers=None, body=BODY):
    """A POST with headers of one's own: no client library sends them as they are."""
    return server.process.post(path, body, 10.0, headers=headers)
