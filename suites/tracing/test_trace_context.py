"""What models learn of the traces of their requests."""

from __future__ import annotations

import json
from contextlib import closing

import numpy as np
import pytest

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers.models import model

REPORT = model("request_report")
ARGUMENTS = ["--disable-auto-complete-config"]
#: Nobody listens where the spans are sent to; the server does without.
TRACING = [
    "--trace-config=mode=opentelemetry",
    "--trace-config=opentelemetry,url=127.0.0.1:9/v1/traces",
    "--trace-config=level=TIMESTAMPS",
    "--trace-config=rate=1",
]


@pytest.mark.claim("python-trace-context")
@pytest.mark.server(models=[REPORT], arguments=ARGUMENTS)
def test_a_python_model_gets_the_context_of_its_trace(server, evidence):
    """In the trace mode opentelemetry a Python model gets the context of its request's trace."""
    if "trace-config" not in server.options:
        raise Blocked("the server was built without tracing", unblock="a server with tracing")
    with evidence.step("control: the model answers, and has no context without traces"):
        if untraced := context_seen(server):
            raise BrokenError(f"the check's control failed: {untraced!r} without any trace")
    with server.fresh(arguments=[*ARGUMENTS, *TRACING]) as tracing:
        context = context_seen(tracing)
    evidence.show("the context that the model got", repr(context))

    assert context, "the model got no context"
    assert "traceparent" in context, "the model got a context without a traceparent"


@pytest.mark.claim("trace-settings-opentelemetry")
@pytest.mark.server(arguments=[])
def test_settings_can_be_read_in_the_mode_opentelemetry(server, protocol, evidence):
    """In the trace mode opentelemetry the server tells its trace settings, and that this is the
    mode.
    """
    if "trace-config" not in server.options:
        raise Blocked("the server was built without tracing", unblock="a server with tracing")
    with evidence.step("control: it tells its trace settings in the usual mode"):
        plain = settings_of(server, protocol)
        if not plain.accepted or "trace_rate" not in plain.outputs:
            raise BrokenError(f"the check's control failed: {plain}")
    with server.fresh(arguments=TRACING) as tracing:
        traced = settings_of(tracing, protocol)
    evidence.show("the settings", f"{traced}: {dict(traced.outputs)}")

    assert traced.accepted, f"it refuses: {traced.message}"
    assert "opentelemetry" in traced.outputs.get("trace_mode", ()), (
        "they tell another mode, or none"
    )


def context_seen(server):
    """The context that the model got."""
    ones = {"IN": np.ones(1, dtype=np.float32)}
    with closing(server.client("grpc")) as client:
        answer = client.infer(REPORT.name, ones, expected_outputs=["REPORT"])
    if not answer.accepted:
        raise BrokenError(f"the check's control failed: {answer}")
    return json.loads(answer.outputs["REPORT"][0])["trace_context"]


def settings_of(server, protocol):
    """The answer to a question for the trace settings; gRPC has a list for each."""

    def send(connection, _library, limit):
        if protocol == "grpc":
            told = connection.get_trace_settings(as_json=True, **limit)["settings"]
            return {name: each.get("value", []) for name, each in told.items()}
        return dict(connection.get_trace_settings())

    with closing(server.client(protocol)) as client:
        return client.ask("trace settings", send)
