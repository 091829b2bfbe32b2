"""What a vLLM model returns beside its text."""

from __future__ import annotations

import json
import math

import pytest

from fixtures.vllm_serving import ADDITIONAL, TOKENS, must_answer, tiny
from triton_claims.errors import BrokenError

pytestmark = pytest.mark.needs("gpu", image="vllm-python-py3")


@pytest.mark.claim("vllm-additional-outputs")
def test_what_is_asked_for_comes_and_nothing_else(vllm, evidence):
    """A vLLM model returns beside its text the finish reason, the log probabilities and the numbers
    of tokens where a request asks for them, and none of them where it does not.
    """
    with evidence.step("ask for the text alone"):
        answer, unasked = vllm.outputs(tiny(), additional=False)
        must_answer(answer)
    with evidence.step("ask for all there is"):
        answer, asked = vllm.outputs(tiny(), additional=True)
    evidence.show("asked for", f"{answer}\n{asked}")
    evidence.show("not asked for", str(unasked))
    if not answer.accepted and "unexpected inference input" not in answer.message:
        raise BrokenError(f"the check's control failed: the model does not answer: {answer}")

    assert answer.accepted, f"it does not know what it is asked for: {answer}"
    assert not unasked, f"without being asked for come {', '.join(unasked)}"
    missing = set(ADDITIONAL.values()) - set(asked)
    assert not missing, f"although asked for {', '.join(sorted(missing))} does not come"
    assert asked["finish_reason"] == b"length", f"the finish reason is {asked['finish_reason']}"
    assert asked["num_output_tokens"] == TOKENS, f"{asked['num_output_tokens']} tokens are told of"
    assert asked["num_input_tokens"] > 0, f"{asked['num_input_tokens']} tokens are told of"
    assert -math.inf < asked["cumulative_logprob"] <= 0, f"it is {asked['cumulative_logprob']}"
    assert len(json.loads(asked["logprobs"])) == TOKENS, f"they are {asked['logprobs']}"
