"""Whether vLLM models produce more tokens a second over ZMQ, and with metrics than they did."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fixtures.vllm_serving import LOAD, tiny
from triton_claims.errors import Blocked, BrokenError
from triton_claims.measure.comparison import Design, Outcome, compare, must_be_decided
from triton_claims.report.pictures import comparison_picture

pytestmark = pytest.mark.needs("gpu", image="vllm-python-py3")

DESIGN = Design(tolerated=0.0)
#: For models that cannot tell how many tokens they have generated.
UNTOLD = replace(LOAD, told=False)


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


@pytest.mark.claim("vllm-custom-metrics-throughput")
def test_more_tokens_come_with_metrics_than_before(vllm, vllm_before, releases, evidence):
    """With custom metrics switched on a vLLM model produces more tokens a second than on the
    release before.
    """
    versions = [str(each.server) for each in releases.values()]
    before = dict(zip(versions[1:], versions, strict=False)).get(vllm.version)
    if vllm_before.version != before:
        raise Blocked(
            f"the baseline is {vllm_before.version}, and the release before {vllm.version} is "
            f"{before or 'not known'}",
            unblock="--baseline with the image of the release before",
        )
    measured = tiny(metrics=True)
    with evidence.step("start both in pairs, and put the same load on them"):
        comparison = compare(
            lambda: vllm_before.pace(measured, UNTOLD, with_metrics=True).seconds,
            lambda: vllm.pace(measured, UNTOLD, with_metrics=True).seconds,
            DESIGN,
        )
    evidence.show(
        f"seconds for {UNTOLD.all_tokens} tokens, against the release before", str(comparison)
    )
    must_be_decided(comparison)

    assert comparison.outcome is Outcome.MET, f"it does not produce more: {comparison}"
