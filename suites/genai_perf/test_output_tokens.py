"""The texts that Perf Analyzer records, out of which GenAI-Perf counts the output tokens."""

from __future__ import annotations

import pytest

from triton_claims.endpoints.genai_perf_exports import (
    METRICS_JSON,
    REQUESTS,
    find_one,
    read_metrics,
    read_recorded_requests,
)
from triton_claims.endpoints.tokenizer_folders import count_tokens
from triton_claims.errors import BrokenError
from triton_claims.servers.models import model

TEXT = "Six words come out of this"
SERVED = model("vllm_interface", responses="6", text=TEXT.replace(" ", "_"), fails="never")
ASKED = 5


@pytest.mark.claim("perf-analyzer-output-bytes")
@pytest.mark.tool("perf-analyzer")
def test_recorded_texts_are_those_of_the_model(tool, tokenizer, triton_endpoint, evidence):
    """The response texts that Perf Analyzer records from Triton hold no length bytes, so that
    GenAI-Perf counts the model's own output tokens alone.
    """
    server = triton_endpoint([SERVED])
    vocabulary = tokenizer("byte-level")
    with evidence.step("profile a model of vLLM's interface, whose answers are known"):
        run = tool.genai_perf(
            *("profile", "-m", SERVED.name, "--service-kind", "triton", "--backend", "vllm"),
            *("-u", server.process.grpc, "--streaming"),
            *("--tokenizer", str(vocabulary), "--synthetic-input-tokens-mean", "20"),
            *("--num-prompts", "5", "--", "--request-count", f"{ASKED}"),
        )
    run.must_have_succeeded()
    recorded = read_recorded_requests(find_one(tool.folder, REQUESTS))
    metrics = read_metrics(find_one(tool.folder, METRICS_JSON))
    texts = ["".join(request.texts) for request in recorded]
    with evidence.step("control: every answer of the model was recorded"):
        heard = [len(request.texts) for request in recorded]
        if len(recorded) != ASKED or set(heard) != {int(SERVED["responses"])}:
            raise BrokenError(f"the check's control failed: {heard} answers were recorded")
    (expected,) = count_tokens(tool.python_path, vocabulary, [TEXT])
    counted = metrics["output_sequence_length"].average
    evidence.show("recorded texts of the first request", "\n".join(map(repr, recorded[0].texts)))
    evidence.measure("output tokens, as reported", counted, "tokens")
    evidence.measure("output tokens of the model's text", expected, "tokens")

    wrong = [text for text in texts if text != TEXT]
    assert not wrong, f"{wrong[0]!r} was recorded, the model said {TEXT!r}"
    assert counted == expected, f"{counted:g} output tokens are reported, the text has {expected}"
