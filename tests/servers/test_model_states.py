"""States of a real server's models, as its repository index tells them, over both protocols."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers import model_control
from triton_claims.servers.models import model
from triton_claims.servers.pool import ServerSpecification
from triton_claims.servers.streaming import stream

pytestmark = pytest.mark.xdist_group("servers-model-states")

ROOT = Path(__file__).resolve().parents[2]
LOADED = model("process_id", role="loaded")
NEVER_LOADED = model("process_id", role="never-loaded")
HELD = model("decoupled_sender", finish="unfinished", sender="kept")
ARGUMENTS = ("--model-control-mode=explicit", "--disable-auto-complete-config")


@pytest.fixture(scope="module")
def server(embedded_pool):
    """A server with a model that is loaded, one that never was, and one that is unloading."""
    loads = tuple(f"--load-model={each.name}" for each in (LOADED, HELD))
    server = embedded_pool.shared(
        ServerSpecification("any", models=(LOADED, NEVER_LOADED, HELD), arguments=ARGUMENTS + loads)
    )
    client = embedded_pool.client("grpc", lambda: server)
    inputs = {"IN": np.array([1], dtype=np.int32)}
    stream(client, HELD.name, inputs, expected_outputs=["OUT"], responses=1)
    assert model_control.unload(client, HELD.name).accepted
    return server


@pytest.fixture
def told():
    return []


@pytest.fixture(params=["grpc", "http"])
def client(request, embedded_pool, server, told):
    client = embedded_pool.client(request.param, lambda: server, told.append)
    yield client
    client.close()


@pytest.mark.parametrize(
    ("model", "state"),
    [
        (LOADED, model_control.READY),
        (NEVER_LOADED, ""),
        (HELD, model_control.UNLOADING),
    ],
    ids=["loaded", "never loaded", "unloading"],
)
def test_state(client, told, model, state):
    assert model_control.state(client, model.name) == (state, "")
    assert told == []  # a look is no exchange worth keeping


def test_state_of_a_model_that_is_not_there(client):
    with pytest.raises(BrokenError, match="repository index lacks the model no_such_model"):
        model_control.state(client, "no_such_model")


def test_state_that_is_reached(client):
    seconds = model_control.wait_for_state(client, LOADED.name, model_control.READY, timeout=30)
    assert seconds is not None


def test_state_that_is_not_reached_in_time(client):
    before = client.clock.seconds
    assert (
        model_control.wait_for_state(client, HELD.name, model_control.UNAVAILABLE, timeout=0.2)
        is None
    )
    assert client.clock.seconds - before > 0.2  # the server is at work meanwhile


def test_unload_and_load(client, told):
    assert model_control.unload(client, LOADED.name).accepted
    gone = model_control.wait_for_state(client, LOADED.name, model_control.UNAVAILABLE, timeout=30)
    assert gone is not None
    assert model_control.state(client, LOADED.name) == (model_control.UNAVAILABLE, "unloaded")
    assert model_control.load(client, LOADED.name).accepted
    assert model_control.state(client, LOADED.name)[0] == model_control.READY
    protocol = client.protocol
    assert told == [f"{protocol} unload {LOADED.name}: OK", f"{protocol} load {LOADED.name}: OK"]
