"""What the server computes on Blackwell GPUs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fixtures.model_loading import BroughtModel, NoKernelError
from triton_claims.errors import BrokenError
from triton_claims.servers.onnx_model import add_sub, add_sub_int8
from triton_claims.servers.tensorrt_plan import PlanRefusedError, PlanSource, build_plan

SHAPE = (1, 32, 1, 1)
EXPLICIT = ["--model-control-mode=explicit"]
#: With it, what has no machine code for the GPU does not run: else the driver compiles PTX, and
#: old libraries run on new GPUs.
NO_PTX = {"CUDA_DISABLE_PTX_JIT": "1"}
FP32 = PlanSource("add_sub_fp32", add_sub(SHAPE))
_INT8_FORMAT = "int8:chw,int8:chw"
INT8 = PlanSource(
    "add_sub_int8",
    add_sub_int8(SHAPE),
    ("--int8", f"--inputIOFormats={_INT8_FORMAT}", f"--outputIOFormats={_INT8_FORMAT}"),
)
PYTHON = b"""\
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        a, b = (pb_utils.get_input_tensor_by_name(request, f"INPUT{i}").as_numpy() for i in (0, 1))
        outputs = [pb_utils.Tensor("OUTPUT0", a + b), pb_utils.Tensor("OUTPUT1", a - b)]
        return pb_utils.InferenceResponse(outputs)
"""


@pytest.mark.claim("blackwell-inference")
@pytest.mark.needs("gpu", architecture="blackwell", image="py3")
@pytest.mark.server(arguments=EXPLICIT, environment=NO_PTX)
def test_results_on_blackwell_are_exact(loader, wrong_draws):
    """With just-in-time compilation of PTX switched off, TensorRT, ONNX Runtime and Python models
    give exact results on a Blackwell GPU.
    """
    loader.must_have("tensorrt", "onnxruntime", "python")
    try:
        plan = build_plan(loader.server.process, FP32)
    except PlanRefusedError as refused:
        raise AssertionError(f"TensorRT builds no engine for the GPU: {refused}") from None
    for model in (
        BroughtModel("of_python", "python", "model.py", PYTHON),
        BroughtModel("of_onnx", "onnxruntime", "model.onnx", FP32.onnx),
        BroughtModel("of_tensorrt", "tensorrt", "model.plan", plan),
    ):
        answer = loader.load(model)
        assert answer.accepted, f"the {model.backend} model does not load: {answer}"
        loader.must_be_on_gpu(model)
        try:
            wrong, example = wrong_draws(model)
        except NoKernelError as problem:
            raise AssertionError(f"the {model.backend} model does not run: {problem}") from None
        assert not wrong, f"the {model.backend} model is wrong {wrong} times: {example}"


@pytest.mark.claim("tensorrt-int8-blackwell")
@pytest.mark.needs("gpu", architecture="blackwell", image="py3")
@pytest.mark.server(arguments=EXPLICIT)
def test_int8_tensors_come_out_wrong_on_blackwell(loader, wrong_draws):
    """A TensorRT model with int8 inputs and outputs gives wrong results on a Blackwell GPU."""
    loader.must_have("tensorrt")
    fp32, int8 = (
        BroughtModel(source.name, "tensorrt", "model.plan", loader.must_build(source))
        for source in (FP32, INT8)
    )
    loader.must_load(fp32)
    loader.must_load(replace(int8, datatype="INT8"))
    if wrong_draws(fp32)[0]:
        raise BrokenError("the check's control failed: FP32 tensors come out wrong, too")

    wrong, _ = wrong_draws(replace(int8, datatype="INT8"), np.int8)
    assert wrong, "INT8 tensors come out right every time"
