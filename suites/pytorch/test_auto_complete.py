"""What auto-complete does not do for PyTorch models: their files do not tell their tensors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fixtures.model_loading import BroughtModel
from triton_claims.errors import BrokenError
from triton_claims.servers.torchscript_model import add_sub

RIGHT = BroughtModel(
    *("right", "pytorch", "model.pt", add_sub()),
    inputs=("INPUT__0", "INPUT__1"),
    outputs=("OUTPUT__0", "OUTPUT__1"),
    shape=(32,),
    kind="KIND_CPU",
)
EXPLICIT = ["--model-control-mode=explicit"]


@pytest.mark.claim("autocomplete-pytorch-missing")
@pytest.mark.needs(image="py3")
@pytest.mark.server(arguments=EXPLICIT)
def test_inputs_and_outputs_are_not_found(loader):
    """A PyTorch model whose configuration names no inputs and outputs does not load, for
    auto-complete cannot find them.
    """
    must_work(loader)
    answer = loader.load(replace(RIGHT, name="bare", inputs=(), outputs=()))
    assert not answer.accepted, "it loads without any"


@pytest.mark.claim("autocomplete-pytorch-verifies-inputs")
@pytest.mark.needs(image="py3")
@pytest.mark.server(arguments=EXPLICIT)
def test_inputs_are_verified_and_outputs_are_not(loader):
    """A PyTorch model loads with wrong outputs in its configuration and is refused with a wrong
    number of inputs.
    """
    must_work(loader)
    few = loader.load(replace(RIGHT, name="few_inputs", inputs=RIGHT.inputs[:1]))
    assert not few.accepted, "it loads with one input of two"
    wrong = loader.load(replace(RIGHT, name="wrong_outputs", output_datatype="INT64"))
    assert wrong.accepted, f"it is refused with outputs of the wrong datatype: {wrong}"
    more = loader.load(replace(RIGHT, name="more_outputs", outputs=(*RIGHT.outputs, "OUTPUT__2")))
    assert more.accepted, f"it is refused with three outputs of two: {more}"


def must_work(loader):
    """The check's control: with a right configuration the model loads, and answers rightly."""
    loader.must_have("pytorch")
    loader.must_load(RIGHT)
    ones = np.ones((32,), dtype=np.float32)
    total, difference = loader.ask(RIGHT, ones, ones)
    if not (np.array_equal(total, ones + ones) and np.array_equal(difference, ones - ones)):
        raise BrokenError(f"the check's control failed: 1 + 1 is {total}, 1 - 1 is {difference}")
