"""Whether the flaw of an advisory can be reached through Triton."""

from __future__ import annotations

import pytest

from fixtures.vllm_serving import must_answer, tiny

pytestmark = pytest.mark.needs("gpu", image="vllm-python-py3")


@pytest.mark.claim("vllm-advisory-w2r7-not-invoked")
def test_an_empty_prompt_fells_no_engine(vllm, evidence):
    """A vLLM model goes on answering after a request with an empty prompt, which fells the vLLM
    servers that the advisory GHSA-w2r7-9579-27hf is about.
    """
    with evidence.step("ask as usual, with an empty prompt, and as usual again"):
        survived = vllm.survive(tiny(), "")
        must_answer(survived.before)
    evidence.show("what came of the empty prompt", str(survived.harmful))

    assert survived.after.accepted, f"it does not answer any more: {survived.after}"
