"""Unloading decoupled Python models: what their response senders have to do with it."""

from __future__ import annotations

import numpy as np
import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers import model_control
from triton_claims.servers.model_control import READY, UNAVAILABLE, UNLOADING
from triton_claims.servers.models import model
from triton_claims.servers.streaming import stream

CLEAN = model("decoupled_sender", finish="finished", sender="dropped")
HELD = model("decoupled_sender", finish="unfinished", sender="kept")
#: What is done to the sender by halves: they are observed, and decide nothing.
HALVES = [
    model("decoupled_sender", finish="finished", sender="kept"),
    model("decoupled_sender", finish="unfinished", sender="dropped"),
]
#: The models are configured in full: nothing is to be completed.
ARGUMENTS = ["--model-control-mode=explicit", "--disable-auto-complete-config"]

#: Seconds within which a model that nothing holds is unloaded: its process takes one to two.
UNLOADED_WITHIN = 5.0
#: Seconds for which one that is held is watched.
WATCHED = 7.5


@pytest.mark.claim("decoupled-unload-clean")
@pytest.mark.server(models=[CLEAN], arguments=ARGUMENTS)
def test_a_model_that_has_finished_its_senders_unloads(expendable, evidence):
    """A decoupled Python model that has finished and dropped its response senders unloads within
    seconds and runs its finalize.
    """
    client = expendable.client("grpc")
    with evidence.step("control: the model answers, finishes, and has not run its finalize"):
        load(client, CLEAN)
        for _ in range(3):
            must_answer(expendable, client, CLEAN)

    with evidence.step("unload it"):
        unload(client, CLEAN)
        seconds = model_control.wait_for_state(client, CLEAN.name, UNAVAILABLE, UNLOADED_WITHIN)
    evidence.show("the model afterwards", told(expendable, client, [CLEAN]))

    assert seconds is not None, f"still not unloaded after {UNLOADED_WITHIN:g} s"
    evidence.measure("unloaded after", seconds, "s")
    assert finalized(expendable, CLEAN) == 1, "it was unloaded and has not run its finalize once"


@pytest.mark.claim("decoupled-unload-blocked")
@pytest.mark.server(models=[HELD, *HALVES], arguments=ARGUMENTS)
def test_a_model_that_keeps_an_unfinished_sender_does_not_unload(expendable, evidence):
    """A decoupled Python model that keeps a response sender without finishing it stays in UNLOADING
    when it is unloaded.
    """
    client = expendable.client("grpc")
    with evidence.step("control: the models answer, and finish or do not as they should"):
        for each in (HELD, *HALVES):
            load(client, each)
            must_answer(expendable, client, each)

    with evidence.step(f"unload them, and watch for {WATCHED:g} s"):
        for each in (HELD, *HALVES):
            unload(client, each)
        seconds = model_control.wait_for_state(client, HELD.name, UNAVAILABLE, WATCHED)
    state, _ = model_control.state(client, HELD.name)
    evidence.show("the models afterwards", told(expendable, client, [HELD, *HALVES]))

    assert seconds is None, f"unloaded after {seconds:.1f} s, with a sender that is unfinished"
    assert state == UNLOADING, f"{state} {WATCHED:g} s after it was unloaded"
    with evidence.step("control: it is the sender, for finishing it lets the same model go"):
        expendable.process.place(f"models/{HELD.name}/finish")
        seconds = model_control.wait_for_state(client, HELD.name, UNAVAILABLE, UNLOADED_WITHIN)
        evidence.show("the model when it has finished", told(expendable, client, [HELD]))
        if seconds is None:
            raise BrokenError("the check's control failed: something else holds the model, too")
        evidence.measure("unloaded after the sender was finished", seconds, "s")


def load(client, model):
    """Loads a model, which every server does."""
    answer = model_control.load(client, model.name)
    if not answer.accepted:
        raise BrokenError(f"the check's control failed: {model.name} cannot be loaded: {answer}")


def unload(client, model):
    """Asks for a model to be unloaded, which every server promises."""
    answer = model_control.unload(client, model.name)
    if not answer.accepted:
        raise BrokenError(f"the check's control failed: {model.name}: unload: {answer}")


def must_answer(server, client, model):
    """Asks once, over a stream that is closed again; what must come is true of every server."""
    finishes = model["finish"] == "finished"
    came = stream(
        client,
        model.name,
        {"IN": np.array([1], dtype=np.int32)},
        expected_outputs=("OUT",),
        responses=None if finishes else 1,
    )
    state, _ = model_control.state(client, model.name)
    as_expected = came.answer.accepted and len(came.responses) == 1 and came.finished == finishes
    if not as_expected or state != READY or finalized(server, model):
        raise BrokenError(
            f"the check's control failed: {model.name} is {state}, and answered {came.answer}: "
            f"{len(came.responses)} responses, {'' if came.finished else 'not '}finished"
        )


def finalized(server, model):
    """How often the model has run its finalize, by its own words in the log."""
    return server.process.log().count(f"{model.name}: finalize\n")


def told(server, client, models):
    """What has become of the models, a line each."""
    lines = []
    for each in models:
        state, reason = model_control.state(client, each.name)
        lines.append(
            f"sender {each['finish']} and {each['sender']}: {state} {reason}".rstrip()
            + f", finalize ran {finalized(server, each)} times, "
            f"{len(server.process.stubs(each.name))} processes"
        )
    return "\n".join(lines)
