"""What the server tells of its work: metrics, and statistics of models."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers.models import model
from triton_claims.servers.streaming import stream

ONE = np.ones(1, dtype=np.float32)
HISTOGRAM, SEVERAL = model("histogram"), model("several_answers", responses="3")
METRICS = ["--allow-metrics=true"]
PINNED = ("nv_pinned_memory_pool_total_bytes", "nv_pinned_memory_pool_used_bytes")


@pytest.mark.claim("pinned-memory-metrics")
@pytest.mark.server(models=[HISTOGRAM])
def test_metrics_tell_of_pinned_memory(server, evidence):
    """The server's metrics tell how large its pool of pinned memory is, and how much of it is in
    use.
    """
    with with_metrics(server) as fresh:
        text = metrics_of(fresh)
    told = [line for line in text.splitlines() if line.startswith(PINNED)]
    evidence.show("metrics of pinned memory", "\n".join(told) or "none")
    missing = [name for name in PINNED if not any(line.startswith(name) for line in told)]
    assert not missing, f"there is no {', '.join(missing)}"


@pytest.mark.claim("python-histograms")
@pytest.mark.server(models=[HISTOGRAM])
def test_a_python_model_has_a_histogram(server, evidence):
    """A Python model can have a histogram as a metric of its own, and what it observes is counted
    in its buckets.
    """
    with with_metrics(server) as fresh:
        client = fresh.client("grpc")
        for value in (0.5, 5.0, 50.0):
            answer = client.infer(HISTOGRAM.name, {"IN": ONE * value}, expected_outputs=["OUT"])
            if not answer.accepted:
                raise BrokenError(f"the check's control failed: the model fails: {answer}")
        text = metrics_of(fresh)
    has = bool(answer.outputs["OUT"][0])
    assert has, "the server's Python backend knows no histograms"
    buckets = re.findall(r'^observed_inputs_bucket\{.*?le="([^"]+)".*?\} (\d+)', text, re.MULTILINE)
    evidence.show("buckets", "\n".join(f"at most {le}: {count}" for le, count in buckets) or "none")
    assert [count for _, count in buckets] == ["1", "2", "3"], f"the buckets hold {buckets}"


@pytest.mark.claim("response-statistics")
@pytest.mark.server(models=[SEVERAL])
def test_statistics_have_a_part_for_responses(server, evidence):
    """The statistics that the server tells of a model have a part for its responses,
    response_stats.
    """
    streamed = stream(server.client("grpc"), SEVERAL.name, {"IN": ONE}, expected_outputs=["OUT"])
    if len(streamed.responses) != 3:
        raise BrokenError(f"the check's control failed: {len(streamed.responses)} responses came")
    _, content = server.process.get(f"/v2/models/{SEVERAL.name}/stats")
    statistics = json.loads(content)["model_stats"][0]
    if "inference_stats" not in statistics:
        raise BrokenError("the check's control failed: the server tells no statistics")
    evidence.show("statistics", json.dumps(statistics))
    assert "response_stats" in statistics, f"they tell {', '.join(statistics)} alone"


def with_metrics(server):
    """A server of its own that tells metrics."""
    if "allow-metrics" not in server.options:
        raise Blocked("the server was built without metrics", unblock="a server with metrics")
    return server.fresh(arguments=[*server.specification.arguments, *METRICS])


def metrics_of(server):
    """What the server tells; of its models it always does."""
    text = server.process.get("/metrics", of=server.process.metrics)[1].decode()
    if "nv_inference_request_success" not in text:
        raise BrokenError("the check's control failed: the server tells no metrics of its models")
    return text
