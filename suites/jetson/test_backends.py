"""The backends of the build for Jetson, asked of a running server."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers import model_control

EXPLICIT = "--model-control-mode=explicit"
MODEL = "triton_claims_probe"
#: The backends that are claimed, by their names in configurations, with a model file of each.
BACKENDS = {
    "tensorrt": "1/model.plan",
    "onnxruntime": "1/model.onnx",
    "tensorflow": "1/model.graphdef",
    "pytorch": "1/model.pt",
    "python": "1/model.py",
}
#: What no server has, for a control.
NO_BACKEND = "triton_claims_none"
#: What a server says of a backend that is not there, and of one that is not for its machine.
NOT_THERE = ("unable to find backend library", "unable to load shared library")
UNKNOWN = "unknown Execution Accelerator"


@pytest.mark.claim("jetson-backends")
@pytest.mark.needs(platform="jetson")
@pytest.mark.server(arguments=[EXPLICIT])
def test_the_backends_are_there(server, evidence):
    """The JetPack build carries the TensorRT, ONNX Runtime, TensorFlow, PyTorch and Python backends
    for its architecture.
    """
    with closing(server.client("http", model_control.LOAD_TIMEOUT)) as client:
        with evidence.step("control: a backend that no server has is not found"):
            if not is_missing(answer := load(client, NO_BACKEND, "1/model.none")):
                raise BrokenError(f"the check's control failed: {NO_BACKEND}: {answer}")
        with evidence.step("load an empty model of each backend"):
            answers = {name: load(client, name, path) for name, path in BACKENDS.items()}
    evidence.show("what came of it", "\n".join(f"{k}: {v}" for k, v in answers.items()))

    missing = {name: each for name, each in answers.items() if is_missing(each)}
    assert not missing, "; ".join(f"{name}: {each}" for name, each in missing.items())


@pytest.mark.claim("jetson-onnxruntime-cuda")
@pytest.mark.needs(platform="jetson")
@pytest.mark.server(arguments=[EXPLICIT])
def test_onnx_runs_with_cuda_alone(server, evidence):
    """On Jetson an ONNX model runs with the CUDA execution provider, and the OpenVINO and TensorRT
    providers are not there.
    """
    numbers = np.array([1.5, -2.0], dtype=np.float32)
    with closing(server.client("http", model_control.LOAD_TIMEOUT)) as client:
        with (
            evidence.step("control: a model runs on the CPU"),
            model_control.brought(client, MODEL, onnx_on("KIND_CPU"), ONNX) as loaded,
        ):
            if "unable to find backend library" in loaded.message:
                raise Blocked("the server has no ONNX Runtime", unblock="install it there")
            if not runs(client, loaded, numbers):
                raise BrokenError(f"the check's control failed: no model runs: {loaded}")
        with evidence.step("control: a provider that nobody has is refused"):
            if UNKNOWN not in (answer := refusal(client, NO_BACKEND)):
                raise BrokenError(f"the check's control failed: {NO_BACKEND}: {answer}")
        with (
            # For an instance on a GPU the backend takes CUDA, and loads none where it can't.
            evidence.step("a model runs on the GPU"),
            model_control.brought(client, MODEL, onnx_on("KIND_GPU"), ONNX) as on_gpu,
        ):
            runs_on_gpu = runs(client, on_gpu, numbers)
        with evidence.step("ask for the other providers"):
            others = {name: refusal(client, name) for name in ("tensorrt", "openvino")}
    evidence.show("on the GPU", str(on_gpu))
    evidence.show("other providers", "\n".join(f"{k}: {v}" for k, v in others.items()))

    assert runs_on_gpu, f"it does not run on the GPU: {on_gpu}"
    there = [name for name, words in others.items() if UNKNOWN not in words]
    assert not there, f"there are providers for {', '.join(there)}: {others}"


def load(client, backend, path):
    """What comes of loading an empty model of a backend."""
    config = {"name": MODEL, "backend": backend, **TENSORS}
    with model_control.brought(client, MODEL, config, {path: b"\n"}) as answer:
        return answer.must_come()


def is_missing(answer):
    """Whether the server has not the backend, or has one that is not for its machine."""
    return any(words in answer.message for words in NOT_THERE)


def refusal(client, provider):
    """What the backend says of a provider that it is asked for; that it takes it, else."""
    where = "cpu" if provider == "openvino" else "gpu"
    accelerators = {f"{where}_execution_accelerator": [{"name": provider}]}
    config = {
        **onnx_on("KIND_CPU" if where == "cpu" else "KIND_GPU"),
        "optimization": {"execution_accelerators": accelerators},
    }
    with model_control.brought(client, MODEL, config, ONNX) as answer:
        return "taken" if answer.must_come().accepted else answer.message


def runs(client, loaded, numbers):
    """Whether a loaded model answers rightly."""
    if not loaded.must_come().accepted:
        return False
    answer = client.infer(MODEL, {"IN": numbers}, expected_outputs=["OUT"]).must_come()
    return answer.accepted and np.array_equal(answer.outputs["OUT"], numbers)


TENSORS = {
    "max_batch_size": 0,
    "input": [{"name": "IN", "data_type": "TYPE_FP32", "dims": [2]}],
    "output": [{"name": "OUT", "data_type": "TYPE_FP32", "dims": [2]}],
}


def onnx_on(kind):
    """The configuration of an ONNX model on a kind of instance."""
    instances = [{"kind": kind, "count": 1}]
    return {"name": MODEL, "backend": "onnxruntime", **TENSORS, "instance_group": instances}


def field(number, content):
    """A field of a protocol buffer: a number, or bytes."""
    if isinstance(content, int):
        return bytes([number << 3, content])
    return bytes([number << 3 | 2, len(content)]) + content


def identity():
    """An ONNX model whose output OUT is its input IN: two numbers, FP32."""
    shape = field(2, field(1, field(1, 2)))  # one dimension, of 2
    kind = field(1, field(1, 1) + shape)  # a tensor of FP32
    node = field(1, b"IN") + field(2, b"OUT") + field(4, b"Identity")
    graph = (
        field(1, node)
        + field(2, b"identity")
        + field(11, field(1, b"IN") + field(2, kind))
        + field(12, field(1, b"OUT") + field(2, kind))
    )
    return field(1, 8) + field(7, graph) + field(8, field(1, b"") + field(2, 13))


ONNX = {"1/model.onnx": identity()}
