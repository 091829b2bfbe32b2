"""Where a vLLM model's engine runs, and what the backend makes of its end."""

from __future__ import annotations

import pytest

from fixtures.vllm_serving import GENERATED, must_answer, tiny
from triton_claims.errors import BrokenError
from triton_claims.servers.model_control import READY

#: Seconds between two requests to a model whose engine is dead: vLLM takes some 10 s to notice it.
PAUSE = 5.0

pytestmark = pytest.mark.needs("gpu", image="vllm-python-py3")


@pytest.mark.claim("vllm-zmq")
def test_the_engine_has_a_process_of_its_own(vllm, evidence):
    """A vLLM model without custom metrics runs its engine in a process of its own, and the backend
    talks to it over ZMQ.
    """
    with evidence.step("load a model without custom metrics, and ask it"):
        served = vllm.serve(tiny())
        must_answer(served.answer)
    engine = served.engine
    evidence.show("the engine", engine.describe())
    must_be_somewhere(engine)

    assert engine.over_zmq is not None, f"no process has the sockets:\n{engine.describe()}"
    assert engine.on_gpu in {None, engine.over_zmq}, f"another is on the GPU:\n{engine.describe()}"


@pytest.mark.claim("vllm-metrics-without-zmq")
def test_with_metrics_the_engine_is_in_the_backends_process(vllm, evidence):
    """A vLLM model with custom metrics switched on runs its engine inside the backend's own
    process, without ZMQ.
    """
    with evidence.step("load a model with custom metrics, and ask it"):
        served = vllm.serve(tiny(metrics=True))
        must_answer(served.answer)
    engine = served.engine
    evidence.show("the engine", engine.describe())
    evidence.show("metrics", "\n".join(f"{name} {sum_}" for name, sum_ in served.metrics.items()))
    must_be_somewhere(engine)
    if not served.metrics.get(GENERATED):
        raise BrokenError("the check's control failed: no tokens are counted, so metrics are off")

    assert engine.in_stub, f"the engine is not in it alone:\n{engine.describe()}"
    assert engine.on_gpu in {None, engine.stub}, f"another is on the GPU:\n{engine.describe()}"


@pytest.mark.claim("vllm-health-check")
def test_a_model_whose_engine_fails_is_unloaded(vllm, evidence):
    """A vLLM model with its health check switched on is unloaded when its engine fails that
    check.
    """
    with evidence.step("control: kill the engine of a model without the health check"):
        unchecked = vllm.kill_engine(tiny(), PAUSE)
        must_answer(unchecked.before)
    if unchecked.state != READY:
        raise BrokenError(
            f"the check's control failed: without a health check the model is {unchecked.state}"
        )
    with evidence.step("kill the engine of a model with it"):
        checked = vllm.kill_engine(tiny(checked=True), PAUSE)
        must_answer(checked.before)
    evidence.show("requests after it", "\n".join(map(str, checked.requests)))
    if not checked.requests or any(each.accepted for each in checked.requests):
        raise BrokenError("the check's control failed: the model answers without its engine")

    assert checked.state != READY, "the model is still READY"


def must_be_somewhere(engine):
    """What is neither in the stub alone nor in a process with the sockets is not understood."""
    if engine.over_zmq is None and not engine.in_stub:
        raise BrokenError(f"the check's control failed: where is it?\n{engine.describe()}")
