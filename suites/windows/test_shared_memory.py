"""System shared memory, which Windows servers have none of."""

from __future__ import annotations

from contextlib import closing

import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers.client import NO_ANSWER, PROTOCOLS

REGION = "triton_claims_region"
#: What the protocols have for "not supported".
UNSUPPORTED = {"UNIMPLEMENTED", "501"}


@pytest.mark.claim("windows-no-system-shared-memory")
@pytest.mark.needs(os="windows")
def test_no_region_can_be_registered(server, evidence):
    """On Windows the server refuses to register a region of system shared memory and says that it
    is not supported.
    """
    answers = []
    for protocol in PROTOCOLS:
        with closing(server.client(protocol)) as client:
            with evidence.step(f"control: it answers over {protocol}"):
                if client.ask("liveness", live).outputs != {"live": True}:
                    raise BrokenError(f"the check's control failed: no answer over {protocol}")
            with evidence.step(f"register a region over {protocol}"):
                answers.append(client.ask("register a region", register))
                if answers[-1].accepted:
                    client.ask("unregister it", unregister)
    words = "\n".join(f"{each.request}: {each}" for each in answers)
    evidence.show("what came of it", words)
    if any(each.status == NO_ANSWER for each in answers):
        raise BrokenError(f"not answered in time:\n{words}")

    assert all(is_unsupported(each) for each in answers), f"it is not called unsupported:\n{words}"


def live(connection, _library, deadline):
    """Whether the server is."""
    return {"live": connection.is_server_live(**deadline)}


def register(connection, _library, deadline):
    """Asks for a region of one page."""
    connection.register_system_shared_memory(REGION, f"/{REGION}", 4096, **deadline)


def unregister(connection, _library, deadline):
    """Leaves the server as it was."""
    connection.unregister_system_shared_memory(REGION, **deadline)


def is_unsupported(answer):
    """Whether it was refused for what the server is, and not for what was asked."""
    return answer.status in UNSUPPORTED and "not supported" in answer.message
