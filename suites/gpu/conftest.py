"""Sums and differences that tiny models of several backends are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from fixtures.model_loading import BroughtModel
from triton_claims.servers.onnx_model import add_sub

#: Four dimensions, and 32 channels: what non-linear formats are made of.
SHAPE = (1, 32, 1, 1)
DRAWS = 100
ON_GPU = BroughtModel("on_gpu", "onnxruntime", "model.onnx", add_sub(SHAPE))
ON_CPU = BroughtModel("on_cpu", "onnxruntime", "model.onnx", add_sub(SHAPE), kind="KIND_CPU")


@pytest.fixture
def wrong_draws(loader, evidence):
    """How many of 100 draws a model gets wrong, and an example: ``wrong_draws(model)``."""

    def count(model, datatype=np.float32):
        wrong, example = count_wrong_draws(loader, model, datatype)
        evidence.show(
            f"draws of {model.name}", f"{wrong} of {DRAWS} wrong; {example or 'all right'}"
        )
        return wrong, example

    return count


@pytest.fixture
def runs_on_gpu(loader, wrong_draws):
    """Whether an ONNX model can be loaded onto the GPU and is right there: ``runs_on_gpu()``."""
    return lambda: try_on_gpu(loader, wrong_draws)


def try_on_gpu(loader, wrong_draws):
    """Whether the server runs a model on the GPU, and what keeps it from that.

    On the processor the same model must load: what does not load at all says nothing of a GPU.
    """
    loader.must_have("onnxruntime")
    loader.must_load(ON_CPU)
    answer = loader.load(ON_GPU)
    if not answer.accepted:
        return False, f"it does not load onto the GPU: {answer}"
    loader.must_be_on_gpu(ON_GPU)
    wrong, example = wrong_draws(ON_GPU)
    return not wrong, f"{wrong} of {DRAWS} draws are wrong on the GPU: {example}"


def count_wrong_draws(loader, model, datatype):
    """How many draws a model gets wrong, and an example; all sums of the draws are exact."""
    numbers = np.random.default_rng(0)
    wrong, example = 0, ""
    for _ in range(DRAWS):
        left, right = (numbers.integers(-63, 64, SHAPE).astype(datatype) for _ in range(2))
        total, difference = loader.ask(model, left, right)
        if not (np.array_equal(total, left + right) and np.array_equal(difference, left - right)):
            wrong += 1
            shown = [each.ravel()[:4].tolist() for each in (left, right, total, difference)]
            example = example or "{} and {} give {} and {}".format(*shown)
    return wrong, example
