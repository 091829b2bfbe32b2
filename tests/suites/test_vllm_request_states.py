"""What the checks of the vLLM backend's requests decide, in five states each.

What the recorder writes is as it writes it: model_repository/vllm_backend_run/1/recording_vllm.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from fixtures.evidence import Evidence
from fixtures.vllm_backend import Outcome, case
from staged.five_states import STATES, staged, verdict_of
from triton_claims.servers.client import NO_ANSWER, OK, Answer
from triton_claims.servers.running import ServerDiedError

IN_PROCESS, BY_CLIENT = (
    "AsyncLLMEngine.from_engine_args",
    "build_async_engine_client_from_engine_args",
)
LOADED = Answer("load", OK)
UNANSWERED = Answer("load", NO_ANSWER, seconds=60.0)
REFUSED = Answer("load", "INTERNAL", "ValueError: KIND_GPU is for one GPU, specify KIND_MODEL")
INPUTS = {"text_input": False, "image": True, "stream": True}


def asked(how, disabled=None, **arguments):
    """A request for an engine, as the recorder writes it."""
    flag = {} if disabled is None else {"disable_frontend_multiprocessing": disabled}
    return {
        "asked": how,
        "process": 7,
        "model": "m",
        "arguments": {"model": "m", **arguments},
        **flag,
    }


OF_ITS_OWN = asked(BY_CLIENT, disabled=False)
HERE = asked(BY_CLIENT, disabled=True)
BEFORE = asked(IN_PROCESS)


@dataclass
class Staged:
    """What stands in for the backend: what each load of a case comes to, in turn."""

    outcomes: list = field(default_factory=list)

    def load(self, _case, version="0.6.3.post1"):  # noqa: ARG002 - as the fixture has it
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def outcome(*requests, loaded=LOADED, inputs=INPUTS, metrics=()):
    return Outcome(loaded, requests, inputs, frozenset(metrics))


NOTHING = outcome()
SILENCE = outcome(loaded=UNANSWERED)
DEATH = ServerDiedError("a-server", "was killed by SIGKILL (exit status -9)", "the end")
TWO = asked(BY_CLIENT, disabled=False, tensor_parallel_size=2)
RAY = asked(BY_CLIENT, disabled=False, tensor_parallel_size=2, distributed_executor_backend="ray")
ENDS = {"no-data": [NOTHING], "dies": [DEATH], "timeout": [SILENCE]}

CASES = {
    "vllm-zmq-requested": {
        "holds": [outcome(OF_ITS_OWN)],
        "does-not-hold": [outcome(BEFORE)],
        **ENDS,
    },
    "vllm-metrics-in-process-requested": {
        "holds": [outcome(HERE)],
        "does-not-hold": [outcome(OF_ITS_OWN)],
        **ENDS,
    },
    "vllm-zmq-requested-without-log-stats": {
        "holds": [outcome(OF_ITS_OWN)],
        "does-not-hold": [outcome(HERE)],
        **ENDS,
    },
    "vllm-executor-handed-on": {
        "holds": [outcome(RAY), outcome(TWO)],
        "does-not-hold": [outcome(TWO), outcome(TWO)],
        **ENDS,
    },
    "vllm-tensor-parallel-kind-model": {
        "holds": [outcome(OF_ITS_OWN), outcome(TWO), outcome(loaded=REFUSED)],
        "does-not-hold": [outcome(OF_ITS_OWN), outcome(TWO), outcome(TWO)],
        "no-data": [outcome(OF_ITS_OWN), NOTHING],
        "dies": [outcome(OF_ITS_OWN), outcome(TWO), DEATH],
        "timeout": [outcome(OF_ITS_OWN), outcome(TWO), SILENCE],
    },
    "vllm-image-input-always": {
        "holds": [outcome(OF_ITS_OWN)],
        "does-not-hold": [outcome(BEFORE, inputs={"text_input": False})],
        "no-data": [outcome(BEFORE, inputs={})],
        "dies": [DEATH],
        "timeout": [SILENCE],
    },
}


@staged(CASES)
def test_each_state_comes_to_its_verdict(claim, state, case):
    verdict, words = verdict_of(claim, vllm_backend=Staged(list(case)), evidence=Evidence())
    assert verdict is STATES[state], words


@pytest.mark.parametrize(
    ("claim", "outcomes", "verdict"),
    [
        # the flag was handed on, and is no flag
        ("vllm-zmq-requested", [outcome(asked(BY_CLIENT, disabled="no"))], "error"),
        # two engines for one model
        ("vllm-zmq-requested", [outcome(OF_ITS_OWN, OF_ITS_OWN)], "error"),
        # metrics without the engine that they come from
        (
            "vllm-zmq-requested-without-log-stats",
            [outcome(OF_ITS_OWN, metrics=["vllm:x"])],
            "refuted",
        ),
        # another executor, the default one named although nobody asked, one GPU instead of two
        ("vllm-executor-handed-on", [outcome(asked(BY_CLIENT)), outcome(TWO)], "refuted"),
        ("vllm-executor-handed-on", [outcome(RAY), outcome(RAY)], "refuted"),
        ("vllm-executor-handed-on", [outcome(RAY), outcome(OF_ITS_OWN)], "refuted"),
        # refused for another reason, which says nothing of the kind
        (
            "vllm-tensor-parallel-kind-model",
            [outcome(OF_ITS_OWN), outcome(TWO), outcome(loaded=Answer("load", "INTERNAL", "no"))],
            "refuted",
        ),
        # there, and asked of every request
        (
            "vllm-image-input-always",
            [outcome(OF_ITS_OWN, inputs={**INPUTS, "image": False})],
            "refuted",
        ),
    ],
)
def test_what_is_nearly_so_is_not_so(claim, outcomes, verdict):
    found, words = verdict_of(claim, vllm_backend=Staged(outcomes), evidence=Evidence())
    assert found.value == verdict, words


def test_cases_differ_in_their_names():
    every = [
        case(),
        case(metrics=True),
        case(metrics=True, log_stats=False),
        case(parallel=2),
        case(parallel=2, kind="GPU"),
        case(parallel=2, executor="ray"),
    ]
    assert len({each.name for each in every}) == len(every)
