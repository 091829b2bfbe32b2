"""Whether a vLLM model produces more tokens a second over ZMQ."""

from __future__ import annotations

import pytest

from fixtures.vllm_serving import LOAD, tiny
from triton_claims.errors import BrokenError
from triton_claims.measure.comparison import Design, Outcome, compare, must_be_decided
from triton_claims.report.pictures import comparison_picture

pytestmark = pytest.mark.needs("gpu", image="vllm-python-py3")

DESIGN = Design(tolerated=0.0)


@pytest.mark.claim("vllm-zmq-throughput")
def test_more_tokens_come_over_zmq(vllm, server, evidence):
    """At a load of many requests a vLLM model produces more tokens a second over ZMQ than with its
    engine inside the backend's process.
    """
    # A model that asks for custom metrics has its engine in the backend's process, also on a server
    # that has none to give. So nothing differs but the engine's place: neither reports any metrics.
    with evidence.step("both engines are where they should be"):
        inside, outside = vllm.pace(tiny(metrics=True)).engine, vllm.pace(tiny()).engine
    evidence.show("the engines", f"{inside.describe()}\n\n{outside.describe()}")
    if not inside.in_stub:
        raise BrokenError("the check's control failed: no engine is in the backend's process")
    assert outside.over_zmq is not None, "no engine is talked to over ZMQ"

    with evidence.step("start servers in pairs, and put the same load on both"):
        comparison = compare(
            lambda: vllm.pace(tiny(metrics=True)).seconds,
            lambda: vllm.pace(tiny()).seconds,
            DESIGN,
        )
    evidence.show(f"seconds for {LOAD.all_tokens} tokens, over ZMQ against inside", str(comparison))
    evidence.picture(
        "seconds, start by start",
        comparison_picture(
            comparison,
            a="inside the backend's process",
            b="over ZMQ",
            unit=f"seconds for {LOAD.all_tokens} tokens",
            title=server.specification.target,
        ),
    )
    must_be_decided(comparison)

    assert comparison.outcome is Outcome.MET, f"it does not produce more: {comparison}"
