"""Streams to decoupled models of a real server."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tritonclient.grpc
from tritonclient.utils import InferenceServerException

from triton_claims.servers import model_control
from triton_claims.servers.client import NO_ANSWER, Client
from triton_claims.servers.models import model
from triton_claims.servers.pool import ServerSpecification
from triton_claims.servers.running import ServerDiedError
from triton_claims.servers.streaming import REFUSED, stream

pytestmark = pytest.mark.xdist_group("servers-streaming")

ROOT = Path(__file__).resolve().parents[2]
FINISHED = model("decoupled_sender", finish="finished", sender="dropped")
UNFINISHED = model("decoupled_sender", finish="unfinished", sender="dropped")
IN = {"IN": np.array([1], dtype=np.int32)}


@pytest.fixture(scope="module")
def server(embedded_pool):
    arguments = ["--model-control-mode=explicit", "--disable-auto-complete-config"]
    arguments += [f"--load-model={each.name}" for each in (FINISHED, UNFINISHED)]
    return embedded_pool.shared(
        ServerSpecification("any", models=(FINISHED, UNFINISHED), arguments=tuple(arguments))
    )


@pytest.fixture
def told():
    return []


@pytest.fixture
def client(embedded_pool, server, told):
    client = embedded_pool.client("grpc", lambda: server, told.append)
    yield client
    client.close()


def ask(client, model, **how):
    return stream(client, model.name, IN, expected_outputs=["OUT"], **how)


def test_all_responses_to_the_last(client, told):
    streamed = ask(client, FINISHED)
    assert streamed.answer.accepted
    assert streamed.finished
    assert [each["OUT"].tolist() for each in streamed.responses] == [[0]]
    assert told == [f"grpc stream {FINISHED.name}: OK"]


def test_counts_as_the_servers_work(client):
    before = client.clock.seconds
    assert ask(client, FINISHED).answer.seconds <= client.clock.seconds - before


def test_some_responses_of_a_stream_that_goes_on(client):
    for _ in range(2):  # the second would be refused if the first were open still
        streamed = ask(client, UNFINISHED, responses=1)
        assert streamed.answer.accepted
        assert not streamed.finished
        assert len(streamed.responses) == 1


def test_silence_is_an_answer_and_keeps_what_came_before(embedded_pool, server):
    impatient = embedded_pool.client("grpc", lambda: server, timeout=0.3)
    streamed = ask(impatient, UNFINISHED)
    assert streamed.answer.status == NO_ANSWER
    assert not streamed.finished
    assert len(streamed.responses) == 1
    assert ask(impatient, FINISHED).answer.accepted  # it can be asked again


def test_refusal_is_an_answer(client):
    streamed = stream(client, "no_such_model", IN, expected_outputs=["OUT"])
    assert streamed.answer.status == REFUSED
    assert "no_such_model" in streamed.answer.message
    assert (streamed.responses, streamed.finished) == ((), False)


def test_does_not_hold_a_model_that_has_finished(client):
    assert ask(client, FINISHED).finished
    model_control.unload(client, FINISHED.name)
    unloaded = model_control.wait_for_state(
        client, FINISHED.name, model_control.UNAVAILABLE, timeout=30
    )
    assert unloaded is not None
    assert model_control.load(client, FINISHED.name).accepted


def test_death_of_the_server_is_told(embedded_pool):
    server = embedded_pool.start(ServerSpecification("any"))
    client = embedded_pool.client("grpc", lambda: server)
    server.kill()
    with pytest.raises(ServerDiedError, match=f"while it answered grpc stream {FINISHED.name}"):
        ask(client, FINISHED)
    embedded_pool.discard(server)


class NeverClosing:
    """A connection whose stream ends well, and then does not close in time."""

    def start_stream(self, callback, stream_timeout):
        assert stream_timeout > 0
        self.callback = callback

    def async_stream_infer(self, *_args, **_options):
        final = {"triton_final_response": SimpleNamespace(bool_param=True)}
        response = SimpleNamespace(parameters=final, outputs=())
        self.callback(SimpleNamespace(get_response=lambda: response), None)

    def stop_stream(self, *, cancel_requests=False):
        if not cancel_requests:
            late = InferenceServerException("late", "StatusCode.DEADLINE_EXCEEDED")
            self.callback(None, late)

    def close(self):
        pass


def test_stream_that_does_not_close_is_told(monkeypatch):
    client = Client("grpc", lambda: None)
    monkeypatch.setattr(client, "_connect", lambda _server: (NeverClosing(), tritonclient.grpc))
    streamed = ask(client, FINISHED)
    assert streamed.answer.status == NO_ANSWER
    assert streamed.finished
