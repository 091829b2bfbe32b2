"""The requests that GenAI-Perf sends."""

from __future__ import annotations

from secrets import token_hex

import pytest

#: Two, so that it is not by chance; and fewer and more than there are prompts.
COUNTS = (7, 13)
REQUESTS = 10


@pytest.mark.claim("genai-perf-request-count")
@pytest.mark.tool("genai-perf")
def test_as_many_requests_are_sent_as_asked_for(run_genai_perf, evidence):
    """With --request-count GenAI-Perf sends exactly that many requests."""
    for count in COUNTS:
        with evidence.step(f"ask for {count} requests"):
            run = run_genai_perf("profile", "--request-count", f"{count}")
        assert not run.refusal, run.refusal
        run.finished.must_have_succeeded()
        evidence.measure(f"requests received of {count}", len(run.requests), "requests")

        assert len(run.requests) == count, f"{len(run.requests)} requests of {count} were received"


@pytest.mark.claim("genai-perf-header")
@pytest.mark.tool("genai-perf")
def test_headers_are_sent_with_every_request(profile, evidence):
    """With --header GenAI-Perf sends each of the given headers with every request."""
    headers = {f"x-claim-{number}": token_hex(8) for number in ("one", "two")}
    options = [part for name, value in headers.items() for part in ("--header", f"{name}:{value}")]
    with evidence.step("ask for two headers that nothing else would send"):
        run = profile(*options, requests=REQUESTS)
    assert not run.refusal, run.refusal
    evidence.show("headers of the first request", f"{run.requests[0].headers_shown}")

    for name, value in headers.items():
        having = sum(request.headers.get(name) == value for request in run.requests)
        evidence.measure(f"requests with {name}", having, "requests")
        assert having == REQUESTS, f"{name} came with {having} of {REQUESTS} requests"
