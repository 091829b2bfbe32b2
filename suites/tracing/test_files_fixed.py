"""Where the server writes to must not be for clients to say."""

from __future__ import annotations

from contextlib import closing

import pytest

from triton_claims.errors import Blocked, BrokenError

#: Of both refusals (src/http_server.cc and src/grpc/grpc_server.cc of server at r25.01).
FIXED = "can not be updated through network"


@pytest.mark.claim("log-file-fixed")
@pytest.mark.server(arguments=[])
def test_the_log_file_cannot_be_moved(server, protocol, evidence):
    """The place of the server's log file cannot be changed over the network."""
    assert was_refused(server, protocol, evidence, "log", {"log_verbose_level": 0})


@pytest.mark.claim("trace-file-fixed")
@pytest.mark.server(arguments=[])
def test_the_trace_file_cannot_be_moved(server, protocol, evidence):
    """The place of the server's trace file cannot be changed over the network."""
    if "trace-config" not in server.options:
        raise Blocked("the server was built without tracing", unblock="a server with tracing")
    assert was_refused(server, protocol, evidence, "trace", {"trace_rate": "7"})


def was_refused(server, protocol, evidence, what, harmless):
    """Whether a server of its own refuses a new place of its log or its trace, for what it is."""

    def set_to(client, settings):
        def send(connection, _library, limit):
            getattr(connection, f"update_{what}_settings")(settings=settings, **limit)

        return client.ask(f"{what} settings {', '.join(settings)}", send)

    with server.fresh() as own, closing(own.client(protocol)) as client:
        with evidence.step("control: another setting is changed"):
            answer = set_to(client, harmless)
            if not answer.accepted:
                raise BrokenError(f"the check's control failed: {answer}")
        # Where any server could write, also in a container.
        elsewhere = f"/tmp/{own.process.name}-elsewhere"  # noqa: S108 - it is refused
        moved = set_to(client, {f"{what}_file": elsewhere})
    evidence.show("the answer to the new place", str(moved))
    if moved.must_come().accepted:
        return False
    if FIXED not in moved.message:
        raise BrokenError(f"the new place was refused for another reason: {moved}")
    return True
