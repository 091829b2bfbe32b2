"""Loads of a real server that bring a configuration or files along, over both protocols."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from triton_claims.servers import model_control
from triton_claims.servers.models import model
from triton_claims.servers.pool import ServerSpecification

pytestmark = pytest.mark.xdist_group("servers-model-override")

ROOT = Path(__file__).resolve().parents[2]
MODEL = model("reconfigured")
CONFIG = {
    "name": MODEL.name,
    "backend": "python",
    "max_batch_size": 5,
    "input": [{"name": "IN", "data_type": "TYPE_INT32", "dims": [1]}],
    "output": [{"name": "REPORT", "data_type": "TYPE_INT32", "dims": [2]}],
}


@pytest.fixture(scope="module")
def server(embedded_pool):
    arguments = ("--model-control-mode=explicit", "--disable-auto-complete-config")
    server = embedded_pool.shared(ServerSpecification("any", models=(MODEL,), arguments=arguments))
    yield server
    embedded_pool.stop(server)  # killed, it would leave the files that were brought along in /tmp


@pytest.fixture
def told():
    return []


@pytest.fixture(params=["grpc", "http"])
def client(request, embedded_pool, server, told):
    client = embedded_pool.client(
        request.param, lambda: server, told.append, model_control.LOAD_TIMEOUT
    )
    yield client
    client.close()


@pytest.fixture(autouse=True)
def nothing_loaded(client):
    # Some servers keep what a load brought along until the model is unloaded.
    if model_control.state(client, MODEL.name)[0] == model_control.READY:
        model_control.unload(client, MODEL.name)
        model_control.wait_for_state(client, MODEL.name, model_control.UNAVAILABLE, 30)


def code(server, edition):
    source = (server.folder / "models" / MODEL.name / "1" / "model.py").read_bytes()
    return source.replace(b"EDITION = 1\n", b"EDITION = %d\n" % edition)


def edition(client):
    answer = client.infer(
        MODEL.name, {"IN": np.zeros((1, 1), np.int32)}, expected_outputs=["REPORT"]
    )
    return answer.outputs["REPORT"][0][0]


def test_plain_load(client, told):
    assert model_control.load(client, MODEL.name).accepted
    assert model_control.configuration(client, MODEL.name)["max_batch_size"] == 1
    assert edition(client) == 1
    assert f"{client.protocol} load {MODEL.name}: OK" in told


def test_configuration_is_brought_along(client, told):
    assert model_control.load(client, MODEL.name, config=CONFIG).accepted
    live = model_control.configuration(client, MODEL.name)
    assert live["max_batch_size"] == 5
    json.dumps(live)  # the same kind of thing over both protocols
    assert edition(client) == 1
    assert f"{client.protocol} load {MODEL.name} with the parameter config: OK" in told


def test_files_are_brought_along(client, server, told):
    files = {"1/model.py": code(server, 7)}
    assert model_control.load(client, MODEL.name, config=CONFIG, files=files).accepted
    assert model_control.configuration(client, MODEL.name)["max_batch_size"] == 5
    assert edition(client) == 7
    words = "with the parameter config, 1/model.py"
    assert f"{client.protocol} load {MODEL.name} {words}: OK" in told


def test_refused_load_is_an_answer(client, server):
    answer = model_control.load(client, MODEL.name, files={"1/model.py": code(server, 1)})
    assert answer.status == {"grpc": "INTERNAL", "http": "500"}[client.protocol]
    assert f"failed to load '{MODEL.name}'" in answer.message


def test_load_of_what_is_not_there_is_refused(client):
    answer = model_control.load(client, "no_such_model")
    assert not answer.accepted
    assert "no_such_model" in answer.message
