"""TensorRT engines whose tensors are laid out otherwise than one row after the other."""

from __future__ import annotations

import pytest

from fixtures.model_loading import BroughtModel
from triton_claims.errors import BrokenError
from triton_claims.servers.onnx_model import add_sub
from triton_claims.servers.tensorrt_plan import PlanSource

SHAPE = (1, 32, 1, 1)
NO_AUTO_COMPLETE = ["--model-control-mode=explicit", "--disable-auto-complete-config"]
SETTING = "is_non_linear_format_io"
LINEAR = PlanSource("add_sub_fp32", add_sub(SHAPE))
_FORMAT = "fp32:chw32,fp32:chw32"
NON_LINEAR = PlanSource(
    "add_sub_chw32",
    add_sub(SHAPE),
    (f"--inputIOFormats={_FORMAT}", f"--outputIOFormats={_FORMAT}"),
)


@pytest.mark.claim("tensorrt-nonlinear-io-refused")
@pytest.mark.needs("gpu", image="py3")
@pytest.mark.server(arguments=NO_AUTO_COMPLETE)
def test_a_non_linear_format_that_is_not_declared_is_refused(loader):
    """With auto-complete off, a TensorRT model with a non-linear tensor format fails to load when
    its configuration lacks is_non_linear_format_io.
    """
    answer = load_non_linear(loader)
    assert not answer.accepted, "it loads without the setting"
    if SETTING not in answer.message:
        raise BrokenError(f"it was refused for another reason: {answer}")


@pytest.mark.claim("tensorrt-nonlinear-io-declared")
@pytest.mark.needs("gpu", image="py3")
@pytest.mark.server(arguments=NO_AUTO_COMPLETE)
def test_a_non_linear_format_that_is_declared_loads(loader):
    """With auto-complete off, a TensorRT model with a non-linear tensor format loads when its
    configuration sets is_non_linear_format_io.
    """
    answer = load_non_linear(loader, {SETTING: True})
    assert answer.accepted, f"it does not load with the setting: {answer}"


def load_non_linear(loader, settings=None):
    """Loads an engine with a non-linear format; one with linear formats must load."""
    loader.must_have("tensorrt")
    linear, non_linear = (loader.must_build(source) for source in (LINEAR, NON_LINEAR))
    loader.must_load(BroughtModel("linear", "tensorrt", "model.plan", linear))
    name = "declared" if settings else "undeclared"
    return loader.load(
        BroughtModel(name, "tensorrt", "model.plan", non_linear, tensor_settings=settings)
    )
