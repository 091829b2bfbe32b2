"""Inference by plain JSON: the generate endpoints."""

from __future__ import annotations

import json

import numpy as np
import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers.models import model

ECHO = model("echo")
#: One number: some servers take no more.
ASKED, RIGHT = b'{"IN": 1.5}', 1.5


@pytest.mark.claim("http-generate")
@pytest.mark.server(models=[ECHO])
def test_generate_answers_with_plain_json(server, evidence):
    """A POST of plain JSON to a model's generate endpoint is answered with its outputs as plain
    JSON.
    """
    must_answer(server)
    status, content = server.process.post(f"/v2/models/{ECHO.name}/generate", ASKED)
    evidence.show("answer", f"{status} {content[:500]!r}")
    assert status == 200, f"it is answered with {status}"
    assert json.loads(content).get("OUT") == RIGHT, f"the answer is {content[:200]!r}"


@pytest.mark.claim("http-generate-stream")
@pytest.mark.server(models=[ECHO])
def test_generate_stream_answers_with_events(server, evidence):
    """A POST of plain JSON to a model's generate_stream endpoint is answered with server-sent
    events.
    """
    must_answer(server)
    status, content = server.process.post(f"/v2/models/{ECHO.name}/generate_stream", ASKED)
    evidence.show("answer", f"{status} {content[:500]!r}")
    assert status == 200, f"it is answered with {status}"
    event = content.decode().partition("\n")[0]
    assert event.startswith("data: "), f"the answer is no event: {content[:200]!r}"
    assert json.loads(event.removeprefix("data: ")).get("OUT") == RIGHT, f"the event is {event!r}"


def must_answer(server):
    """The check's control: the model answers a usual request."""
    array = np.array([RIGHT], dtype=np.float32)
    answer = server.client("http").infer(ECHO.name, {"IN": array}, expected_outputs=["OUT"])
    if not answer.accepted or answer.outputs["OUT"].tolist() != [RIGHT]:
        raise BrokenError(f"the check's control failed: the model does not echo: {answer}")
