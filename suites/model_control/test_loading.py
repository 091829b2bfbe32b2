"""How models are loaded: again where it fails, with another configuration where one is named."""

from __future__ import annotations

import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers import model_control
from triton_claims.servers.models import model

FAILS_ONCE, CONFIGURED = model("fails_once"), model("reconfigured")
EXPLICIT = ["--model-control-mode=explicit", "--disable-auto-complete-config"]
#: What max_batch_size is in the model's usual configuration, and in the one called custom.
USUAL, CUSTOM = 1, 3


@pytest.mark.claim("model-load-retry")
@pytest.mark.server(models=[FAILS_ONCE], arguments=EXPLICIT)
def test_a_load_that_fails_is_tried_again(server, evidence):
    """With --model-load-retry-count=1 a model that fails to load once is loaded at the second
    try.
    """
    once = model_control.load(server.client("grpc"), FAILS_ONCE.name)
    if once.accepted or "fails the first time" not in once.message:
        raise BrokenError(f"the check's control failed: the model does not fail at first: {once}")
    assert "model-load-retry-count" in server.options, "the server has no such option"
    with server.fresh(arguments=[*EXPLICIT, "--model-load-retry-count=1"]) as fresh:
        answer = model_control.load(fresh.client("grpc"), FAILS_ONCE.name).must_come()
    evidence.show("load", str(answer))
    assert answer.accepted, f"it is not tried again: {answer}"


@pytest.mark.claim("model-config-name")
@pytest.mark.server(models=[CONFIGURED])
def test_another_configuration_is_named(server, evidence):
    """With --model-config-name the server takes a model's configuration of that name."""
    usual = live_batch_size(server)
    if usual != USUAL:
        raise BrokenError(f"the check's control failed: max_batch_size is {usual}")
    assert "model-config-name" in server.options, "the server has no such option"
    with server.fresh(arguments=["--model-config-name=custom"]) as fresh:
        found = live_batch_size(fresh)
    evidence.show("max_batch_size", f"{found}; {USUAL} by the usual configuration")
    assert found == CUSTOM, f"max_batch_size is {found}, and {CUSTOM} in the one that is named"


def live_batch_size(server):
    """The max_batch_size that the model is live with."""
    return model_control.configuration(server.client("grpc"), CONFIGURED.name)["max_batch_size"]
