"""What Python models have on Linux and lack on Windows."""

from __future__ import annotations

import json
from contextlib import closing

import numpy as np
import pytest

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers import model_control

EXPLICIT = "--model-control-mode=explicit"
METRICS = "--allow-metrics=true"
PROBE, OTHER = "triton_claims_probe", "triton_claims_other"
#: A model that can do nothing but answer.
PLAIN = "def report(pb_utils):\n    return {}\n"
#: What is handed over says that it lies on a GPU; whoever goes on to ask for it takes such tensors.
GPU_TENSOR = """
class OnGpu:
    def __dlpack_device__(self):
        return (2, 0)

    def __dlpack__(self, **_):
        raise RuntimeError("asked for its data")


def report(pb_utils):
    try:
        pb_utils.Tensor.from_dlpack("X", OnGpu())
    except Exception as problem:
        return {"words": str(problem)}
    return {"words": "taken"}
"""
#: What Python says of a call that is not made as it must be: no refusal of the backend's.
WRONG_CALL = "incompatible function arguments"
#: What a backend says that was built without GPUs; and what one says that was built with them.
WITHOUT_GPU = "GPU is not available"
WITH_GPU = ("asked for its data", "Failed to get current CUDA device id", "CUDA stream", "taken")


@pytest.mark.claim("windows-python-no-gpu-tensors")
@pytest.mark.needs(os="windows")
@pytest.mark.server(arguments=[EXPLICIT])
def test_no_tensor_on_a_gpu_is_taken(prober, evidence):
    """On Windows a Python model can use no GPU tensors."""
    with evidence.step("a model hands over what says that it lies on a GPU"):
        words = prober.report(PROBE, GPU_TENSOR).get("words", "")
    evidence.show("what the backend says of a tensor on a GPU", words)
    taken = any(each in words for each in WITH_GPU)
    if WITHOUT_GPU not in words and not taken:
        raise BrokenError(f"the backend says something else of a tensor on a GPU: {words!r}")

    assert WITHOUT_GPU in words, f"the backend was built for tensors on GPUs: {words}"


@pytest.mark.claim("windows-python-no-metrics")
@pytest.mark.needs(os="windows")
@pytest.mark.server(arguments=[EXPLICIT, METRICS])
def test_metrics_tell_of_no_cpu_and_no_gpu(server, prober, evidence):
    """On Windows the Python backend offers no metrics of CPU and GPU."""
    with (
        evidence.step("a Python model answers, and the metrics are read"),
        prober.loaded(PROBE, PLAIN) as (answer, client),
    ):
        must_have_answered(answer, client)
        try:
            status, body = server.process.get("/metrics", of=server.process.metrics)
        except OSError as problem:
            raise BrokenError(f"the metrics are not answered: {problem}") from None
    lines = [each for each in body.decode().splitlines() if each and not each.startswith("#")]
    with evidence.step("control: they tell of the model"):
        if status != 200 or not any(PROBE in each for each in lines):
            raise BrokenError("the check's control failed: the metrics do not tell of the model")
    found = [each for each in lines if each.startswith(("nv_cpu_", "nv_gpu_"))]
    evidence.show("metrics of CPU and GPU", "\n".join(found) or "none")

    assert not found, "the metrics tell of " + ", ".join(each.split("{")[0] for each in found)


def must_have_answered(answer, client):
    """Metrics tell of models that have answered."""
    if answer.accepted:
        answer = client.infer(PROBE, {"IN": np.zeros(1, dtype=np.int32)})
    if "unable to find backend library" in answer.message:
        raise Blocked("the server has no Python backend", unblock="install it there")
    if not answer.accepted:
        raise BrokenError(f"the check's control failed: the model does not answer: {answer}")


@pytest.mark.claim("windows-python-no-environments")
@pytest.mark.needs(os="windows")
@pytest.mark.server(arguments=[EXPLICIT])
def test_an_environment_of_its_own_is_refused(prober, evidence):
    """On Windows a Python model can have no execution environment of its own."""
    with evidence.step("control: the model loads without one"):
        prober.report(PROBE, PLAIN)
    with evidence.step("load it with one"):
        environment = {"EXECUTION_ENV_PATH": "$$TRITON_MODEL_DIRECTORY/environment.tar.gz"}
        with prober.loaded(PROBE, PLAIN, **environment) as (answer, _):
            evidence.show("what came of it", str(answer))

    assert not answer.accepted, "it is loaded with an environment of its own"
    assert "not currently supported" in answer.message, (
        f"it is refused, and not as unsupported: {answer}"
    )


@pytest.mark.claim("windows-python-no-model-control")
@pytest.mark.needs(os="windows")
@pytest.mark.server(arguments=[EXPLICIT])
def test_a_model_can_load_no_other(server, prober, other_model, evidence):
    """On Windows a Python model can load and unload no other models."""
    config, files = other_model(OTHER)
    with closing(server.client("http", model_control.LOAD_TIMEOUT)) as client:
        with (
            evidence.step("control: the other model is loaded by request"),
            model_control.brought(client, OTHER, config, files) as answer,
        ):
            if not answer.accepted:
                raise BrokenError(f"the check's control failed: {OTHER} is not loaded: {answer}")
        with evidence.step("a model loads it, and unloads it"):
            report = prober.report(PROBE, loading(config, files))
    evidence.show("what came of it", json.dumps(report, indent=1))
    if set(report) != {"load", "unload"} or any(WRONG_CALL in each for each in report.values()):
        raise BrokenError(f"the check's control failed: the model tells {report}")

    assert "done" not in report.values(), f"it can: {report}"


def loading(config, files):
    """The code of a model that loads another, and unloads it."""
    brought = {f"file:{path}": content for path, content in files.items()}
    other = {"model_name": OTHER, "config": json.dumps(config), "files": brought}
    return f"""
def report(pb_utils):
    told = {{}}
    for name, act in (
        ("load", lambda: pb_utils.load_model(**{other!r})),
        ("unload", lambda: pb_utils.unload_model({OTHER!r})),
    ):
        try:
            act()
            told[name] = "done"
        except Exception as problem:
            told[name] = str(problem)
    return told
"""
