"""What the tests of load engines share: short loads, and a server that has the models for them."""

from __future__ import annotations

import json
from dataclasses import replace

from triton_claims.servers.loads import LOADS, NamedLoad, echoed
from triton_claims.servers.models import model
from triton_claims.servers.pool import ServerSpecification

SLOW = model("paced", seconds="0.02", instances="2", slow_share="0", slow_seconds="0")
SPECIFICATION = ServerSpecification(
    "any",
    models=(*dict.fromkeys(each for load in LOADS.values() for each in load.models), SLOW),
    arguments=("--disable-auto-complete-config",),
)
#: As many as tell whether a load works: the sequences' are no whole ones.
SHORT = {
    name: replace(load, load=replace(load.load, requests=45, warm_up=2))
    for name, load in LOADS.items()
}
CASES = [(name, protocol) for name, load in SHORT.items() for protocol in load.protocols]
#: Lasts until somebody ends it.
ENDLESS = NamedLoad(
    "endless",
    ("grpc", "http"),
    echoed(SLOW, 4),
    replace(LOADS["single"].load, requests=5000, warm_up=0),
    (SLOW,),
)


def inferences(server, name):
    """How many requests to a model the server has answered."""
    status, body = server.get(f"/v2/models/{name}/stats")
    assert status == 200
    return json.loads(body)["model_stats"][0]["inference_stats"]["success"]["count"]


def with_answers(load, *answers):
    """The load, with other answers taken for right."""
    return replace(load, request=replace(load.request, answers=answers))
