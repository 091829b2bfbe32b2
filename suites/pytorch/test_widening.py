"""INT8 numbers that a PyTorch model widens, on the GPU and on the processor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fixtures.model_loading import BroughtModel
from triton_claims.errors import BrokenError
from triton_claims.servers.torchscript_model import widening_sum

#: Their sum has no place in an INT8.
HUNDREDS = np.full((32,), 100, dtype=np.int8)
ON_GPU = BroughtModel(
    *("on_gpu", "pytorch", "model.pt", widening_sum()),
    inputs=("INPUT__0", "INPUT__1"),
    outputs=("OUTPUT__0",),
    shape=(32,),
    datatype="INT8",
    output_datatype="INT32",
)
ON_CPU = replace(ON_GPU, name="on_cpu", kind="KIND_CPU")


@pytest.mark.claim("torch-int8-overflow")
@pytest.mark.needs("gpu", image="py3")
@pytest.mark.server(arguments=["--model-control-mode=explicit"])
def test_int8_sums_overflow_on_the_gpu(loader, evidence):
    """A traced PyTorch model that turns int8 values into int32 overflows on the GPU and is right on
    the CPU.
    """
    loader.must_have("pytorch")
    for model in (ON_CPU, ON_GPU):
        loader.must_load(model)
    loader.must_be_on_gpu(ON_GPU)
    sums = {model.name: sum_by(loader, model) for model in (ON_CPU, ON_GPU)}
    evidence.show("100 + 100", "\n".join(f"{name}: {value}" for name, value in sums.items()))

    assert sums["on_cpu"] == 200, f"on the processor 100 + 100 is {sums['on_cpu']}"
    assert sums["on_gpu"] != 200, "on the GPU 100 + 100 is 200, too"


def sum_by(loader, model):
    """What a model makes of 100 + 100; it must make the same of all of them."""
    (outputs,) = loader.ask(model, HUNDREDS, HUNDREDS)
    values = set(np.asarray(outputs).ravel().tolist())
    if len(values) != 1:
        raise BrokenError(f"{model.name} gives {sorted(values)} for the same sum")
    return values.pop()
