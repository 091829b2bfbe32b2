"""Whether a release answers as quickly as the one before: the baseline, side by side with it."""

from __future__ import annotations

import pytest

from triton_claims.measure.comparison import Outcome, must_be_decided
from triton_claims.measure.memory import held
from triton_claims.measure.regression import RegressionDesign
from triton_claims.servers.loads import LOADS

#: A start with auto-complete takes thrice as long, and tells no more of latency.
ARGUMENTS = ("--disable-auto-complete-config",)

#: What is tolerated beyond the baseline, as a share of it.
START_DESIGN = RegressionDesign(tolerated={"seconds": 0.1})
MEMORY_DESIGN = RegressionDesign(tolerated={"MiB": 0.05})


@pytest.mark.claim("no-slower-single")
@pytest.mark.server(models=LOADS["single"].models, arguments=ARGUMENTS)
def test_single_requests_are_no_slower(protocol, compare_latency):
    """For small requests one at a time, the server's median and 99th percentile latency are no more
    above the baseline's than is tolerated.
    """
    must_be_no_slower(compare_latency, "single", protocol)


@pytest.mark.claim("no-slower-concurrent")
@pytest.mark.server(models=LOADS["concurrent"].models, arguments=ARGUMENTS)
def test_concurrent_requests_are_no_slower(protocol, compare_latency):
    """For several requests under way at once, the server's median and 99th percentile latency are
    no more above the baseline's than is tolerated.
    """
    must_be_no_slower(compare_latency, "concurrent", protocol)


@pytest.mark.claim("no-slower-open-loop")
@pytest.mark.server(models=LOADS["open-loop"].models, arguments=ARGUMENTS)
def test_requests_at_a_set_rate_are_no_slower(protocol, compare_latency):
    """For requests that come at a set rate whether or not others are answered, the server's median
    and 99th percentile latency are no more above the baseline's than is tolerated.
    """
    must_be_no_slower(compare_latency, "open-loop", protocol)


@pytest.mark.claim("no-slower-large-input")
@pytest.mark.server(models=LOADS["large-input"].models, arguments=ARGUMENTS)
def test_large_inputs_are_no_slower(protocol, compare_latency):
    """For requests with a tensor of 1 MiB, the server's median and 99th percentile latency are no
    more above the baseline's than is tolerated.
    """
    must_be_no_slower(compare_latency, "large-input", protocol)


@pytest.mark.claim("no-slower-shared-memory")
@pytest.mark.server(models=LOADS["shared-memory"].models, arguments=ARGUMENTS)
def test_shared_memory_is_no_slower(protocol, compare_latency):
    """For tensors of 1 MiB in system shared memory, the server's median and 99th percentile latency
    are no more above the baseline's than is tolerated.
    """
    must_be_no_slower(compare_latency, "shared-memory", protocol)


@pytest.mark.claim("no-slower-sequences")
@pytest.mark.server(models=LOADS["sequences"].models, arguments=ARGUMENTS)
def test_sequences_are_no_slower(protocol, compare_latency):
    """For the requests of sequences, the server's median and 99th percentile latency are no more
    above the baseline's than is tolerated.
    """
    must_be_no_slower(compare_latency, "sequences", protocol)


@pytest.mark.claim("no-slower-streaming")
@pytest.mark.server(models=LOADS["streaming"].models, arguments=ARGUMENTS)
def test_streamed_answers_are_no_slower(compare_latency):
    """For requests that are answered several times over a gRPC stream, the server's median and 99th
    percentile time to the last answer are no more above the baseline's than is tolerated.
    """
    must_be_no_slower(compare_latency, "streaming", "grpc")


@pytest.mark.claim("no-slower-start")
@pytest.mark.server(models=LOADS["single"].models, arguments=ARGUMENTS)
def test_the_start_is_no_slower(compare_starts, evidence):
    """From its start until it is ready, the server takes no longer than the baseline with the same
    models by more than is tolerated.
    """
    regression = compare_starts(
        "start to ready", "s", lambda fresh: fresh.process.start_seconds, START_DESIGN
    )
    evidence.start(LOADS["single"].models[0].name, regression.figures["seconds"].comparison.b)
    must_be_decided(regression)
    assert regression.outcome is Outcome.MET, f"it starts more slowly: {regression}"


@pytest.mark.claim("no-more-memory")
@pytest.mark.server(models=LOADS["concurrent"].models, arguments=ARGUMENTS)
def test_no_more_memory_is_held(compare_starts, load_engine):
    """Ready and after a load, the server holds no more memory than the baseline with the same
    models by more than is tolerated.
    """

    def after_a_load(fresh):
        with fresh.working():
            load_engine.comparing.run(fresh.process, "grpc", LOADS["concurrent"])
        return memory_of(fresh, LOADS["concurrent"].request.model)

    regression = compare_starts("memory after a load", "MiB", after_a_load, MEMORY_DESIGN)
    must_be_decided(regression)
    assert regression.outcome is Outcome.MET, f"it holds more memory: {regression}"


def must_be_no_slower(compare_latency, load, protocol):
    """Compares, and speaks of the claim."""
    regression = compare_latency(load, protocol)
    must_be_decided(regression)
    assert regression.outcome is Outcome.MET, f"it is slower: {regression}"


def memory_of(server, model):
    """MiB that a server and the processes of its model hold."""
    process = server.process
    return held(process.pid, (stub.pid for stub in process.stubs(model)))
