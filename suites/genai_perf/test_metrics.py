"""The metrics that GenAI-Perf reports."""

from __future__ import annotations

import statistics

import pytest

from triton_claims.endpoints.openai_answers import Chunks
from triton_claims.errors import BrokenError

#: The time to the second token is unlike all others: whatever else was reported would be noticed.
PACED = Chunks(texts=("One", " two", " three", " four"), delays=(0.05, 0.12, 0.01, 0.01))
#: How far the tool's figure may be from the endpoint's, in ms: what a busy machine adds.
TOLERANCE = 15.0
#: No other number has to do with it.
REQUESTS = 13


@pytest.mark.claim("genai-perf-time-to-second-token")
@pytest.mark.tool("genai-perf")
def test_time_to_second_token_is_reported(profile, evidence):
    """GenAI-Perf reports the time from the first to the second token of its streamed responses, and
    its figure is right.
    """
    with evidence.step("profile an endpoint that notes when it sends each token"):
        run = profile(answer=PACED)
    real = 1000 * statistics.mean(request.gaps[0] for request in run.requests)
    others = [1000 * statistics.mean(r.gaps[place] for r in run.requests) for place in (1, 2)]
    evidence.measure("from the first to the second token, by the endpoint", real, "ms")
    with evidence.step("control: the times between other tokens are different ones"):
        if any(abs(real - other) < 3 * TOLERANCE for other in others):
            raise BrokenError(f"the check's control failed: tokens came after {real}, {others} ms")

    assert "time_to_second_token" in run.metrics, f"it reports {', '.join(run.metrics)} alone"
    reported = run.metrics["time_to_second_token"].average
    evidence.measure("time to second token, as reported", reported, "ms")
    assert abs(reported - real) <= TOLERANCE, f"it reports {reported:.1f} ms, it was {real:.1f} ms"


@pytest.mark.claim("genai-perf-request-count-metric")
@pytest.mark.tool("genai-perf")
def test_number_of_requests_is_reported(profile, evidence):
    """GenAI-Perf reports the number of requests among its metrics, and it is the number that the
    endpoint received.
    """
    with evidence.step(f"profile an endpoint with {REQUESTS} requests"):
        run = profile(requests=REQUESTS)
    evidence.show("metrics that are reported", "\n".join(run.metrics))

    assert "request_count" in run.metrics, "no metric is called request_count"
    reported = run.metrics["request_count"].average
    evidence.measure("requests, as reported", reported, "requests")
    assert reported == len(run.requests), f"{reported} reported, {len(run.requests)} received"
