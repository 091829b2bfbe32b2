"""How servers with a TensorRT-LLM model shut down, and how they answer until then."""

from __future__ import annotations

import pytest

from fixtures.crashing import must_be_known, shut_down_often
from triton_claims.errors import BrokenError

#: How many servers are asked.
SERVERS = 20


@pytest.mark.claim("trtllm-shutdown-crash")
@pytest.mark.needs("gpu", image="trtllm-python-py3")
def test_some_shutdowns_end_in_a_core_dump(server, language_model_of_user, evidence):
    """Some shutdowns of a server with a TensorRT-LLM model end in a core dump."""
    crashes = shut_down_often(
        server, language_model_of_user.answer, arguments=language_model_of_user.arguments
    )
    evidence.show("shutdowns", "\n".join(crashes.ends))
    must_be_known(crashes)
    assert crashes.happened, f"fewer than one shutdown in twenty crashes: {crashes}"


@pytest.mark.claim("trtllm-inference-unharmed")
@pytest.mark.needs("gpu", image="trtllm-python-py3")
def test_answers_are_right_up_to_the_shutdown(server, language_model_of_user, evidence):
    """A TensorRT-LLM model answers every request rightly up to the shutdown, even where the
    shutdown itself crashes.
    """
    answers, ends = [], []
    for _ in range(SERVERS):
        with server.fresh(arguments=language_model_of_user.arguments) as fresh:
            answers += [language_model_of_user.answer(fresh) for _ in range(2)]
            ends.append(fresh.stop()[0])
    evidence.show("answers", "\n".join(sorted(set(answers))))
    evidence.show("exit statuses", ", ".join(map(str, ends)))
    if answers[0] != answers[1]:
        raise BrokenError("the check's control failed: one server gives two answers to one request")

    different = [each for each in answers if each != answers[0]]
    assert not different, f"{len(different)} of {len(answers)} answers differ: {different[0]!r}"
