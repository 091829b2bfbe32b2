"""What the server tells of how it traces requests."""

from __future__ import annotations

import json

import pytest

from triton_claims.errors import Blocked

PATH = "/v2/trace/setting"


@pytest.mark.claim("trace-mode-told")
@pytest.mark.server
def test_settings_tell_the_mode(server, evidence):
    """The trace settings that the server tells over HTTP name the trace mode."""
    status, content = server.process.get(PATH)
    if status != 200 or b"trace_level" not in content:
        raise Blocked(
            f"the server was built without tracing: {PATH} answers {status}",
            unblock="a server with tracing",
        )
    settings = json.loads(content)
    evidence.show("trace settings", json.dumps(settings))
    assert settings.get("trace_mode"), "they name no mode"
