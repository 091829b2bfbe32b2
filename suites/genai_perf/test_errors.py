"""What the tools say of endpoints that fail, and of metrics that cannot be had."""

from __future__ import annotations

import json
import re
from secrets import token_hex

import pytest

from triton_claims.endpoints.openai_answers import Chunks, Refusal
from triton_claims.errors import BrokenError

STATUS = 503
#: Nothing can be told of the times between the tokens of such an answer.
ONE_TOKEN = Chunks(texts=("One",), delays=(0.0,))


@pytest.mark.claim("genai-perf-frontend-errors")
@pytest.mark.tool("perf-analyzer")
def test_an_error_of_the_endpoint_is_repeated(run_genai_perf, evidence):
    """When an OpenAI endpoint answers with an error, the tool's own error repeats the endpoint's
    message.
    """
    message = f"no room for {token_hex(8)}"  # nothing but the endpoint's answer has it
    with evidence.step("profile an endpoint that refuses every request"):
        refusal = Refusal(STATUS, json.dumps({"error": {"message": message}}))
        run = run_genai_perf("profile", "--", "--request-count", "1", answer=refusal)
    with evidence.step("control: the tool got the refusal, and tells its status"):
        told = re.findall(rf".*\bHTTP\b.*\b{STATUS}\b.*", run.finished.output)
        if not (run.requests and run.finished.returncode and told):
            raise BrokenError(
                f"the check's control failed: {len(run.requests)} requests were refused, and "
                f"GenAI-Perf ended with {run.finished.returncode}: {run.finished.output[-600:]}"
            )
    evidence.show(f"the endpoint said {message!r}; the tool", "\n".join(told))

    assert message in run.finished.output, f"of the endpoint's answer it tells {told[0].strip()!r}"


@pytest.mark.claim("genai-perf-metric-errors")
@pytest.mark.tool("genai-perf")
def test_an_error_names_the_metric_that_cannot_be_computed(profile, evidence):
    """When a metric cannot be computed, GenAI-Perf logs an error that names the metric."""
    with evidence.step("profile an endpoint that answers with a single token"):
        single = profile(answer=ONE_TOKEN, may_fail=True)
    with evidence.step("control: with several tokens there are more metrics, and no errors"):
        several = profile()
        if errors := errors_of(several):
            raise BrokenError(f"the check's control failed: {errors[0]}")
    errors = errors_of(single)
    assert not single.finished.returncode, f"it gives up: {errors[-1] if errors else 'no error'}"
    missing = sorted(set(several.metrics) - set(single.metrics))
    if not missing:
        raise BrokenError("the check's control failed: one token is enough for every metric")
    evidence.show("metrics that one token is not enough for", "\n".join(missing))
    evidence.show("errors that are logged", "\n".join(sorted(set(errors))) or "none")

    silent = [name for name in missing if not any(name in error for error in errors)]
    assert not silent, f"no error names {', '.join(silent)}"


def errors_of(run):
    """The errors that are logged, without their times."""
    return [
        line.partition("[ERROR]")[2].strip()
        for line in run.finished.output.splitlines()
        if "[ERROR]" in line
    ]
