"""What becomes of vLLM models that are spread over two GPUs."""

from __future__ import annotations

import pytest

from fixtures.vllm_serving import must_answer, tiny
from triton_claims.errors import BrokenError, Undecided
from triton_claims.measure.rate import rate

pytestmark = pytest.mark.needs("gpu", gpus=2, image="vllm-python-py3")

#: The claim is that loads can fail. Where surely fewer than one in five do, it does not hold: that
#: takes 14 loads of which none fails.
BOUND = 0.2
TRIES = 14
#: Seconds after the end of a server in which its processes may end by themselves.
PATIENCE = 60.0
#: What vLLM says where it chooses the executor itself.
CHOSEN = "Defaulting to use mp for distributed inference"


@pytest.mark.claim("vllm-tensor-parallel-explicit-load")
def test_the_load_in_explicit_mode_can_fail(vllm, evidence):
    """In explicit model control mode the load of a vLLM model with tensor parallelism 2 and the
    default executor can fail on a lock of the standard output.
    """
    with evidence.step("control: a model on one of the GPUs loads"):
        must_load(vllm.load(tiny()))
    failed, tries = 0, 0
    with evidence.step("load a model on both, each time on a server of its own"):
        while not failed and tries < TRIES:
            failed += vllm.load(tiny(parallel=2)).failed_on_the_lock
            tries += 1
    found = rate(failed, tries)
    evidence.show("loads that failed on the lock", str(found))

    if not failed:
        assert not found.is_below(BOUND), f"fewer than {BOUND:.0%} of the loads fail: {found}"
        raise Undecided(f"no load failed: {found}", needed=f"at least {TRIES} loads")


@pytest.mark.claim("vllm-tensor-parallel-orphans")
def test_processes_outlive_the_server(vllm, evidence):
    """In the default model control mode processes of a vLLM model with tensor parallelism 2 and the
    default executor outlive the server.
    """
    with evidence.step("control: of a model on one of the GPUs no process is left"):
        single = stopped(vllm, evidence, tiny(), explicit=False)
    if single.left:
        raise BrokenError(f"the check's control failed: these are left: {'; '.join(single.left)}")
    with evidence.step("start a server with a model on both, ask it, and stop the server"):
        parallel = stopped(vllm, evidence, tiny(parallel=2), explicit=False)
    if not parallel.workers or CHOSEN not in parallel.log:
        raise BrokenError("the check's control failed: the model has not the default executor")

    assert parallel.left, "all its processes end with the server"


@pytest.mark.claim("vllm-tensor-parallel-ray")
def test_with_ray_it_loads_and_leaves_nothing(vllm, evidence):
    """With distributed_executor_backend set to ray a vLLM model with tensor parallelism 2 loads in
    both control modes and leaves no process behind.
    """
    ray = tiny(parallel=2, executor="ray")
    with evidence.step("control: a model on one of the GPUs loads"):
        must_load(vllm.load(tiny()))
    with evidence.step("load the model in explicit mode, ask it, and stop the server"):
        explicit = vllm.stop(ray, explicit=True, patience=PATIENCE)
    assert explicit.loaded.accepted, f"it does not load in explicit mode: {explicit.loaded}"
    with evidence.step("start a server with it in the default mode, ask it, and stop the server"):
        default = vllm.stop(ray, explicit=False, patience=PATIENCE)

    for mode, each in (("explicit", explicit), ("default", default)):
        must_answer(each.answer)
        if not each.workers or CHOSEN in each.log:
            raise BrokenError(f"the check's control failed: in {mode} mode it does not use Ray")
        assert not each.left, f"in {mode} mode these are left: {'; '.join(each.left)}"


def must_load(loaded):
    """That a model on one GPU loads is true of every server."""
    if not loaded.answer.accepted:
        raise BrokenError(f"the check's control failed: it does not load: {loaded.answer}")


def stopped(vllm, evidence, model, *, explicit):
    """A model that answered, and what was left when its server had been stopped."""
    found = vllm.stop(model, explicit=explicit, patience=PATIENCE)
    evidence.show(
        f"processes of {model.name}",
        f"before: {'; '.join(found.workers) or 'none'}\nexit status {found.status}\n"
        f"left: {'; '.join(found.left) or 'none'}",
    )
    must_answer(found.answer)
    return found
