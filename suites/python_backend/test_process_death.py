"""What becomes of a Python model whose process dies."""

from __future__ import annotations

import time

import numpy as np
import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers import model_control
from triton_claims.servers.models import model
from triton_claims.servers.running import ServerDiedError
from triton_claims.servers.scratch import wait_until_ended

VICTIM = model("process_id", role="victim")
BYSTANDER = model("process_id", role="bystander")

#: Requests after the death. A server that starts the process again does so at the first one.
REQUESTS = 3
#: Seconds until a request counts as unanswered: a refusal takes one.
PATIENCE = 5.0
#: Seconds for a process to be started again; it takes a fraction of one.
RESTARTED_WITHIN = 3.0


@pytest.mark.claim("python-no-restart")
@pytest.mark.server(
    models=[VICTIM, BYSTANDER],
    arguments=[
        "--disable-auto-complete-config",
        "--model-control-mode=explicit",
        f"--load-model={VICTIM.name}",
        f"--load-model={BYSTANDER.name}",
    ],
)
def test_a_dead_process_is_not_started_again(expendable, evidence):
    """When the process of a Python model dies, the server does not start it again, and every later
    request to that model fails.
    """
    client = expendable.client("grpc", timeout=PATIENCE)
    with evidence.step("control: both models answer, and the process is known"):
        told = must_answer(client, VICTIM)
        must_answer(client, BYSTANDER)
        process = expendable.process.process_of(told)
        before = expendable.process.stubs(VICTIM.name)
        if process not in before:
            raise BrokenError(f"the check's control failed: {process} is no Python stub")
    with evidence.step("kill the process, which is idle"):
        kill(expendable, process)

    with evidence.step("ask again and again"):
        answers = [ask(client, VICTIM)]
        restarted = wait_for_another(expendable, before)
        while not restarted and not answers[-1].accepted and len(answers) < REQUESTS:
            answers.append(ask(client, VICTIM))
        restarted = restarted or others(expendable, before)
    evidence.show("later requests", "\n".join(map(str, answers)))
    if restarted:
        evidence.show("a request to the new process", tried(lambda: ask(client, VICTIM)))

    assert not restarted, f"the server has started process {restarted[0].pid} in its place"
    answered = [answer for answer in answers if answer.accepted]
    assert not answered, "a request to the model was answered after its process had died"
    with evidence.step("control: the server answers for the other model"):
        must_answer(client, BYSTANDER)
    with evidence.step("observations, which decide nothing"):
        evidence.show("what the server says of the model", tried(lambda: said_of_it(expendable)))
        evidence.show("unload and load", tried(lambda: brought_back(client)))


def kill(server, process):
    """Kills a process that has nothing to do: one that holds a lock can take the server along."""
    with server.working():
        time.sleep(0.2)  # it has answered, and tidies up after that: no event tells that it is idle
        process.kill()
        wait_until_ended([process], timeout=10)


def ask(client, model):
    """One request."""
    return client.infer(
        model.name, {"IN": np.array([1], dtype=np.int32)}, expected_outputs=("PROCESS",)
    )


def must_answer(client, model):
    """The id of the process that answered; that one does is true of every server."""
    answer = ask(client, model)
    if not answer.accepted:
        raise BrokenError(f"the check's control failed: {model.name}: {answer}")
    return int(answer.outputs["PROCESS"][0])


def others(server, before):
    """The model's processes that were not there before."""
    return [each for each in server.process.stubs(VICTIM.name) if each not in before]


def wait_for_another(server, before):
    """Watches closely: a process that is started again may be short-lived."""
    deadline = time.monotonic() + RESTARTED_WITHIN
    with server.working():
        while not (found := others(server, before)) and time.monotonic() < deadline:
            time.sleep(0.01)
    return found


def said_of_it(server):
    """What the server says of the model and of itself."""
    state, reason = model_control.state(server.client("grpc"), VICTIM.name)
    of_the_model, _ = server.process.get(f"/v2/models/{VICTIM.name}/ready")
    of_the_server, _ = server.process.get("/v2/health/ready")
    return (
        f"repository index: {state} {reason}".rstrip()
        + f"\nGET /v2/models/{VICTIM.name}/ready: {of_the_model}"
        + f"\nGET /v2/health/ready: {of_the_server}"
    )


def brought_back(client):
    """What unloading and loading the model does for it."""
    unloaded = model_control.unload(client, VICTIM.name)
    state, _ = model_control.state(client, VICTIM.name)
    loaded = model_control.load(client, VICTIM.name)
    return f"unload: {unloaded}, {state}\nload: {loaded}\nrequest: {ask(client, VICTIM)}"


def tried(observe):
    """What was observed, or what broke: a server that has lost a process may do anything."""
    try:
        return str(observe())
    except ServerDiedError as death:
        return f"the server {death.how}"
    except (BrokenError, OSError) as problem:
        return str(problem)
