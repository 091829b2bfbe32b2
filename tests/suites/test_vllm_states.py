"""What the checks of real vLLM models decide, in five states each: no GPU is here to run them on.

Processes and sockets are staged as vLLM 0.6.3.post1 makes them (entrypoints/openai/api_server.py,
engine/multiprocessing), the log lines as config.py and, that of the lock, CPython prints them.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from fixtures.evidence import Evidence
from fixtures.vllm_serving import (
    ADDITIONAL,
    LOCK,
    Ended,
    Loaded,
    Paced,
    Served,
    Stopped,
    Survived,
)
from staged.five_states import STATES, staged, verdict_of
from triton_claims.errors import BrokenError
from triton_claims.servers.client import NO_ANSWER, OK, Answer
from triton_claims.servers.model_control import READY, UNAVAILABLE
from triton_claims.servers.running import ServerDiedError
from triton_claims.servers.vllm_engine import EngineSeen

STUB, CHILD = 70, 71
ANSWERED = Answer("stream", OK)
SILENCE = Answer("stream", NO_ANSWER, seconds=120.0)
REFUSED = Answer("load", "INTERNAL", "Stub process is not healthy")
DEATH = ServerDiedError("a-server", "was killed by SIGKILL (exit status -9)", "the end")
NOT_LOADED = BrokenError("the model is not loaded")
NO_PROCESS = BrokenError("no process below the server a-server runs the model")
NAMES = tuple(f"/tmp/0c5a_{each}_socket" for each in ("health", "input", "output"))  # noqa: S108
FATAL = f"Fatal Python error: _enter_buffered_busy: {LOCK} at interpreter shutdown, possibly due to"
COUNTED = {"vllm:generation_tokens_total": 16.0}


def engine(*, sockets=NAMES, spawned=(CHILD,), memory=None):
    return EngineSeen(STUB, spawned, {CHILD: sockets} if sockets else {}, memory or {})


OVER_ZMQ = engine(memory={CHILD: 9 << 30})
IN_STUB = engine(sockets=(), spawned=(), memory={STUB: 9 << 30})
SPAWNED_ALONE = engine(sockets=NAMES[:1])


def served(where, answer=ANSWERED, metrics=COUNTED):
    return Served(answer, where, metrics)


def stopped(
    *,
    workers=("72: worker",),
    left=(),
    log="Defaulting to use mp for distributed inference",
    **others,
):
    facts = {"loaded": ANSWERED, "answer": ANSWERED, "status": 0, **others}
    return Stopped(workers=workers, left=left, log=log, **facts)


SINGLE = stopped(workers=(), log="")
ALONE = Loaded(ANSWERED, "")
LOADED = Loaded(ANSWERED, "")
ON_LOCK = Loaded(REFUSED, FATAL)
RAY = stopped(log="Started a local Ray instance")


def ended(*, state, requests=(REFUSED, REFUSED), before=ANSWERED):
    return Ended(CHILD, before, requests, state)


STAYS = ended(state=READY)

OUTPUTS = {
    "finish_reason": b"length",
    "cumulative_logprob": np.float32(-92.3),
    "logprobs": b"[" + b", ".join([b"{}"] * 16) + b"]",
    "num_input_tokens": np.uint32(17),
    "num_output_tokens": np.uint32(16),
}
UNKNOWN = Answer(
    "stream", "INVALID_ARGUMENT", "unexpected inference input 'return_logprobs' to model"
)


def paces(inside, outside):
    """Paces as the check asks for them: both engines once, then pairs in turns."""
    return {"inside": Paced(inside, IN_STUB), "outside": Paced(outside, OVER_ZMQ)}


class Staged:
    """Stands in for the servers of vLLM models: what each call comes to, in turn."""

    def __init__(self, outcomes):
        self.outcomes = list(outcomes) if not isinstance(outcomes, dict) else outcomes

    def pace(self, wanted, _load=None, *, with_metrics=False):
        side = "inside" if wanted["metrics"] == "metrics" else "outside"
        outcome = self.outcomes["now" if with_metrics else side]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    version = "2.51.0"

    def _next(self, *_arguments, **_keywords):
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    survive = serve = outputs = load = stop = kill_engine = _next


CASES = {
    "vllm-zmq": {
        "holds": [served(OVER_ZMQ)],
        "does-not-hold": [served(IN_STUB)],
        "no-data": [NO_PROCESS],
        "dies": [DEATH],
        "timeout": [served(OVER_ZMQ, SILENCE)],
    },
    "vllm-metrics-without-zmq": {
        "holds": [served(IN_STUB)],
        "does-not-hold": [served(OVER_ZMQ)],
        "no-data": [served(IN_STUB, metrics={})],
        "dies": [DEATH],
        "timeout": [served(IN_STUB, SILENCE)],
    },
    "vllm-zmq-throughput": {
        "holds": paces(9.0, 7.0),
        "does-not-hold": paces(7.0, 9.0),
        "no-data": paces(0.0, 0.0),
        "dies": {"inside": DEATH, "outside": DEATH},
        "timeout": {**paces(9.0, 7.0), "outside": BrokenError("a request was not answered")},
    },
    "vllm-custom-metrics-throughput": {
        "holds": {"now": Paced(6.0, IN_STUB)},
        "does-not-hold": {"now": Paced(9.0, IN_STUB)},
        "no-data": {"now": Paced(0.0, IN_STUB)},
        "dies": {"now": DEATH},
        "timeout": {"now": BrokenError("a request was not answered")},
    },
    # Silence after the empty prompt is what the advisory is about; before it, it is no answer.
    "vllm-advisory-w2r7-not-invoked": {
        "holds": [Survived(ANSWERED, REFUSED, ANSWERED)],
        "does-not-hold": [Survived(ANSWERED, SILENCE, SILENCE)],
        "no-data": [NOT_LOADED],
        "dies": [DEATH],
        "timeout": [Survived(SILENCE, SILENCE, SILENCE)],
    },
    "vllm-health-check": {
        "holds": [STAYS, ended(state=UNAVAILABLE)],
        "does-not-hold": [STAYS, ended(state=READY)],
        "no-data": [STAYS, ended(state=READY, requests=())],
        "dies": [STAYS, DEATH],
        "timeout": [STAYS, ended(state=READY, before=SILENCE)],
    },
    "vllm-additional-outputs": {
        "holds": [(ANSWERED, {}), (ANSWERED, OUTPUTS)],
        "does-not-hold": [(ANSWERED, {}), (ANSWERED, {**OUTPUTS, "num_output_tokens": 15})],
        "no-data": [(REFUSED, {}), (REFUSED, {})],
        "dies": [DEATH],
        "timeout": [(ANSWERED, {}), (SILENCE, {})],
    },
    "vllm-tensor-parallel-explicit-load": {
        "holds": [ALONE, LOADED, LOADED, ON_LOCK],
        "does-not-hold": [ALONE, *[LOADED] * 14],
        "no-data": [ALONE, Loaded(REFUSED, "NCCL error")],
        "dies": [ALONE, DEATH],
        "timeout": [ALONE, Loaded(SILENCE, "")],
    },
    "vllm-tensor-parallel-orphans": {
        "holds": [SINGLE, stopped(left=("72: worker",))],
        "does-not-hold": [SINGLE, stopped()],
        "no-data": [SINGLE, stopped(workers=())],
        "dies": [SINGLE, DEATH],
        "timeout": [SINGLE, stopped(answer=SILENCE)],
    },
    "vllm-tensor-parallel-ray": {
        "holds": [ALONE, RAY, RAY],
        "does-not-hold": [ALONE, RAY, stopped(left=("72: raylet",), log="")],
        "no-data": [ALONE, RAY, stopped(workers=(), log="")],
        "dies": [ALONE, DEATH],
        "timeout": [ALONE, RAY, stopped(answer=SILENCE, log="")],
    },
}


def release(server):
    return SimpleNamespace(server=server)


RELEASES = {"24.08": release("2.49.0"), "24.09": release("2.50.0"), "24.10": release("2.51.0")}


def verdict(claim, case, before="2.50.0"):
    fixtures = {"vllm": Staged(case), "evidence": Evidence()}
    if claim == "vllm-custom-metrics-throughput":
        fixtures["vllm_before"] = Staged({"now": Paced(8.0, IN_STUB)})
        fixtures["vllm_before"].version = before
        fixtures["releases"] = RELEASES
    if claim == "vllm-zmq-throughput":
        fixtures["server"] = SimpleNamespace(specification=SimpleNamespace(target="ngc:25.01"))
    return verdict_of(claim, **fixtures)


@staged(CASES)
def test_each_state_comes_to_its_verdict(claim, state, case):
    found, words = verdict(claim, case)
    assert found is STATES[state], words


@pytest.mark.parametrize(
    ("claim", "case", "wanted"),
    [
        # a process of its own with a part of the sockets: not understood
        ("vllm-zmq", [served(SPAWNED_ALONE)], "error"),
        # the sockets are there, and the memory is the stub's
        ("vllm-zmq", [served(engine(memory={STUB: 9 << 30, CHILD: 1 << 20}))], "refuted"),
        # the driver tells of no process: the sockets alone decide
        ("vllm-zmq", [served(engine())], "confirmed"),
        ("vllm-metrics-without-zmq", [served(engine(sockets=(), memory={CHILD: 9}))], "error"),
        # ZMQ where it should be inside, and the other way round
        ("vllm-zmq-throughput", {**paces(9, 7), "inside": Paced(9, OVER_ZMQ)}, "error"),
        ("vllm-zmq-throughput", {**paces(9, 7), "outside": Paced(7, IN_STUB)}, "refuted"),
        # one that has no health check is unloaded, too; one answers although its engine is dead
        ("vllm-health-check", [ended(state=UNAVAILABLE), ended(state=UNAVAILABLE)], "error"),
        ("vllm-health-check", [STAYS, ended(state=READY, requests=(ANSWERED,))], "error"),
        ("vllm-additional-outputs", [(ANSWERED, {}), (UNKNOWN, {})], "refuted"),
        (
            "vllm-additional-outputs",
            [(ANSWERED, {"logprobs": b""}), (ANSWERED, OUTPUTS)],
            "refuted",
        ),
        *(
            (
                "vllm-additional-outputs",
                [(ANSWERED, {}), (ANSWERED, {k: v for k, v in OUTPUTS.items() if k != name})],
                "refuted",
            )
            for name in ADDITIONAL.values()
        ),
        # the model on one GPU does not load either
        ("vllm-tensor-parallel-explicit-load", [Loaded(REFUSED, FATAL)], "error"),
        # one of them is left of a model on one GPU, too; another executor than the default one
        ("vllm-tensor-parallel-orphans", [stopped(left=("72: x",), log="")], "error"),
        ("vllm-tensor-parallel-orphans", [SINGLE, stopped(left=("72: x",), log="")], "error"),
        # it does not load at all; it loads, and not with Ray
        ("vllm-tensor-parallel-ray", [ALONE, stopped(loaded=REFUSED)], "refuted"),
        ("vllm-tensor-parallel-ray", [ALONE, stopped(), stopped()], "error"),
    ],
)
def test_what_is_nearly_so_is_not_so(claim, case, wanted):
    found, words = verdict(claim, case)
    assert found.value == wanted, words


def test_only_the_release_before_is_what_it_was_before():
    for before in ("2.49.0", "2.51.0", "2.99.0"):
        found, words = verdict("vllm-custom-metrics-throughput", {}, before)
        assert found.value == "blocked"
        assert f"the baseline is {before}, and the release before 2.51.0 is 2.50.0" in words


def test_an_empty_prompt_that_is_answered_fells_nothing():
    case = [Survived(ANSWERED, ANSWERED, ANSWERED)]
    assert verdict("vllm-advisory-w2r7-not-invoked", case)[0].value == "confirmed"
