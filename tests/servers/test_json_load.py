from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers.json_load import JsonLoad
from triton_claims.servers.models import model
from triton_claims.servers.pool import ServerSpecification

ROOT = Path(__file__).resolve().parents[2]
ECHO = model("echo")
SPECIFICATION = ServerSpecification(
    "any", models=(ECHO,), arguments=("--disable-auto-complete-config",)
)


@pytest.fixture(scope="module")
def server(embedded_pool):
    return embedded_pool.start(SPECIFICATION)


def answered(server, at_least):
    """How many requests the model has answered; the server counts one a moment after its answer."""
    for _ in range(200):
        _, body = server.get(f"/v2/models/{ECHO.name}/stats")
        count = json.loads(body)["model_stats"][0]["inference_count"]
        if count >= at_least:
            break
        time.sleep(0.02)
    return count


def test_each_request_of_a_load_is_answered(server):
    load = JsonLoad(ECHO.name, (10, 2000, 300), clients=4, requests=5)
    load.warm_up(server.http)
    assert answered(server, 4) == 1 + 3
    load.burst(server.http)
    assert answered(server, 24) == 1 + 3 + 4 * 5
    load.trickle([server.http], seconds=0.01)
    assert answered(server, 28) >= 28


@pytest.mark.parametrize("part", ["warm_up", "burst"])
def test_a_refusal_is_told(server, part):
    load = JsonLoad("no_such_model", (10,), clients=2, requests=1)
    with pytest.raises(
        BrokenError, match=r"a request of the load was refused: 404 .*no_such_model"
    ):
        getattr(load, part)(server.http)
