"""What auto-complete costs a server's start, and how the cost is saved."""

from __future__ import annotations

import numpy as np
import pytest

from triton_claims.errors import BrokenError
from triton_claims.measure.comparison import Outcome, must_be_decided
from triton_claims.servers.models import model
from triton_claims.servers.running import ServerFailedToStartError

COMPLETE = model("slow_import", seconds="0.15")
UNCONFIGURED = model("unconfigured")
DISABLED = "--disable-auto-complete-config"


@pytest.mark.claim("autocomplete-start-time")
@pytest.mark.server(models=[COMPLETE], arguments=[DISABLED])
def test_auto_complete_lengthens_the_start(server, starts, evidence):
    """Auto-complete lengthens the time from start to ready even where the model's configuration is
    complete.
    """
    with evidence.step("control: the model is configured in full, and answers without help"):
        must_answer(server, COMPLETE)

    must_be_decided(starts.comparison)
    assert starts.comparison.outcome is Outcome.VIOLATED, (
        f"with auto-complete the server is ready as soon as without: {starts.comparison}"
    )


@pytest.mark.claim("autocomplete-disabled-start")
@pytest.mark.server(models=[COMPLETE], arguments=[DISABLED])
def test_disabling_auto_complete_saves_the_second_import(server, starts, evidence):
    """With --disable-auto-complete-config a Python model that is configured in full is imported
    once and the server is ready sooner, while a model without a configuration does not load.
    """
    with evidence.step("control: auto-complete can configure the model without a configuration"):
        with server.fresh([UNCONFIGURED], arguments=()) as completing:
            must_answer(completing, UNCONFIGURED)
        must_answer(server, COMPLETE)
    with evidence.step("start the model without a configuration, and without auto-complete"):
        refusal = refusal_of(server, UNCONFIGURED)
        evidence.show("a model without a configuration", refusal or "it loaded")

    assert set(starts.imports_without) == {1}, (
        f"without auto-complete the model was imported {starts.imports_without} times, start by "
        "start"
    )
    assert refusal, "a model without a configuration loaded all the same"
    must_be_decided(starts.comparison)
    assert starts.comparison.outcome is Outcome.VIOLATED, (
        f"without auto-complete the server is ready no sooner: {starts.comparison}"
    )


def refusal_of(server, each):
    """The server's own words about a model it does not start with; None where it does start."""
    with server.fresh([each], arguments=[DISABLED]) as fresh:
        try:
            _ = fresh.process
        except ServerFailedToStartError as failure:
            lines = [line for line in failure.log.splitlines() if f"'{each.name}'" in line]
            if not lines:
                raise  # it ended for another reason
            return "\n".join(lines)
    return None


def must_answer(server, each):
    """What is true of every server; where it is not, the check can tell nothing."""
    client = server.client("grpc")
    try:
        answer = client.infer(
            each.name, {"IN": np.array([7], dtype=np.int32)}, expected_outputs=("OUT",)
        )
    finally:
        client.close()
    if not answer.accepted or answer.outputs["OUT"].tolist() != [7]:
        raise BrokenError(f"the check's control failed: {each.name} does not answer: {answer}")
