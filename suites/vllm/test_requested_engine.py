"""Which engine the vLLM backend asks vLLM for.

The backend's own model.py decides it, and runs in a real Python backend; a recorder stands in for
vLLM. What becomes of the engine is for the checks beside this one, which need a GPU.
"""

from __future__ import annotations

import pytest

from fixtures.vllm_backend import case
from triton_claims.errors import BrokenError

#: What the notes say that the attribute __version__ of vLLM is, which is not its version.
STATED = "0.6.3"


@pytest.mark.claim("vllm-zmq-requested")
def test_an_engine_in_a_process_of_its_own_is_asked_for(vllm_backend, evidence):
    """For a model without custom metrics the vLLM backend asks vLLM for an engine that may run in a
    process of its own.
    """
    with evidence.step("load a model without custom metrics"):
        engine = vllm_backend.load(case()).engine

    assert not engine.in_process, f"it asks for one inside its own process: {engine.words}"


@pytest.mark.claim("vllm-metrics-in-process-requested")
def test_with_metrics_an_engine_in_the_own_process_is_asked_for(vllm_backend, evidence):
    """For a model with custom metrics the vLLM backend asks vLLM for an engine inside its own
    process.
    """
    with evidence.step("load a model with custom metrics"):
        engine = vllm_backend.load(case(metrics=True)).engine

    assert engine.in_process, f"it asks for one that may run in another process: {engine.words}"


@pytest.mark.claim("vllm-zmq-requested-without-log-stats")
def test_without_statistics_metrics_keep_no_engine_in_the_own_process(vllm_backend, evidence):
    """For a model with custom metrics and disable_log_stats the vLLM backend asks vLLM for an
    engine that may run in a process of its own, and reports no metrics of vLLM's.
    """
    with evidence.step("load a model with custom metrics and disable_log_stats"):
        outcome = vllm_backend.load(case(metrics=True, log_stats=False))
        engine = outcome.engine

    assert not engine.in_process, f"it asks for one inside its own process: {engine.words}"
    assert not outcome.metrics, f"it reports {', '.join(sorted(outcome.metrics))}"


@pytest.mark.claim("vllm-executor-handed-on")
def test_the_executor_is_handed_on(vllm_backend, evidence):
    """The vLLM backend hands a model's tensor_parallel_size and distributed_executor_backend on to
    vLLM unchanged.
    """
    with evidence.step("load a model on two GPUs, and name its executor"):
        given = dict(vllm_backend.load(case(parallel=2, executor="ray")).engine.arguments)
    with evidence.step("load another, and name none"):
        default = dict(vllm_backend.load(case(parallel=2)).engine.arguments)
    if "model" not in given or "model" not in default:  # what every engine must be told
        raise BrokenError("the check's control failed: the engine is not told of its model")

    assert given.get("distributed_executor_backend") == "ray", f"it hands on {given}"
    assert "distributed_executor_backend" not in default, f"it hands on {default}, unasked"
    assert given.get("tensor_parallel_size") == default.get("tensor_parallel_size") == 2, (
        f"it hands on {given} and {default}"
    )


@pytest.mark.claim("vllm-tensor-parallel-kind-model")
def test_several_gpus_want_an_instance_of_kind_model(vllm_backend, evidence):
    """The vLLM backend refuses a model with tensor parallelism 2 on an instance of KIND_GPU, and
    loads it on one of KIND_MODEL.
    """
    with evidence.step("control: a model for one GPU loads on an instance of KIND_GPU"):
        _ = vllm_backend.load(case(kind="GPU")).engine
    with evidence.step("control: one for two GPUs loads on an instance of KIND_MODEL"):
        _ = vllm_backend.load(case(parallel=2)).engine
    with evidence.step("load one for two GPUs on an instance of KIND_GPU"):
        outcome = vllm_backend.load(case(parallel=2, kind="GPU"))
    if not outcome.loaded.accepted and not outcome.loaded.message:
        raise BrokenError(f"the server did not say why it does not load it: {outcome.loaded}")

    assert not outcome.loaded.accepted, "it loads it on an instance of KIND_GPU"
    assert "KIND_MODEL" in outcome.loaded.message, f"it fails otherwise: {outcome.loaded}"


@pytest.mark.claim("vllm-image-input-always")
def test_the_input_image_is_there_whatever_the_version(vllm_backend, evidence):
    """A vLLM model has the optional input image also where vLLM states the version 0.6.3."""
    with evidence.step(f"load a model with a vLLM that states the version {STATED}"):
        outcome = vllm_backend.load(case(), version=STATED)
        _ = outcome.engine
    if "text_input" not in outcome.inputs:  # of every vLLM model
        raise BrokenError(f"the check's control failed: the inputs are {sorted(outcome.inputs)}")

    assert "image" in outcome.inputs, f"its inputs are {', '.join(sorted(outcome.inputs))}"
    assert outcome.inputs["image"], "the input image is not optional"
