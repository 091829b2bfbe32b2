"""Where the server writes to must not be for clients to say."""

from __future__ import annotations

from contextlib import closing

import pytest

from triton_claims.errors import BrokenError


@pytest.mark.claim("log-file-fixed")
@pytest.mark.server(arguments=[])
def test_the_log_file_cannot_be_moved(server, protocol, evidence):
    """The place of the server's log file cannot be changed over the network."""
    moved = answer_to_a_move(server, protocol, evidence, "log", {"log_verbose_level": 0})
    assert not moved.accepted, "the log file was moved"


@pytest.mark.claim("trace-file-fixed")
@pytest.mark.server(arguments=[])
def test_the_trace_file_cannot_be_moved(server, protocol, evidence):
    """The place of the server's trace file cannot be changed over the network."""
    moved = answer_to_a_move(server, protocol, evidence, "trace", {"trace_rate": "7"})
    assert not moved.accepted, "the trace file was moved"


def answer_to_a_move(server, protocol, evidence, what, harmless):
    """What a server of its own answers to a new place of its log or its trace."""

    def set_to(client, settings):
        def send(connection, _library, limit):
            getattr(connection, f"update_{what}_settings")(settings=settings, **limit)

        return client.ask(f"{what} settings {', '.join(settings)}", send)

    with server.fresh() as own, closing(own.client(protocol)) as client:
        with evidence.step("control: another setting is changed"):
            answer = set_to(client, harmless)
            if not answer.accepted:
                raise BrokenError(f"the check's control failed: {answer}")
        moved = set_to(client, {f"{what}_file": str(own.process.folder / "elsewhere")})
    evidence.show("the answer to the new place", str(moved))
    return moved
