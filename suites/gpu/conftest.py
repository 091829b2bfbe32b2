"""Sums and differences that tiny models of several backends are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from fixtures.model_loading import BroughtModel, NoKernelError
from triton_claims.errors import BrokenError
from triton_claims.servers.onnx_model import add_sub

#: Four dimensions, and 32 channels: what non-linear formats are made of.
SHAPE = (1, 32, 1, 1)
DRAWS = 100
ON_GPU = BroughtModel("on_gpu", "onnxruntime", "model.onnx", add_sub(SHAPE))
ON_CPU = BroughtModel("on_cpu", "onnxruntime", "model.onnx", add_sub(SHAPE), kind="KIND_CPU")

#: What can become of a model on a GPU.
RUNS, WRONG, LEFT_OUT = "runs", "wrong", "left out"
#: Words of a refusal that has to do with the GPU or with its driver, in small letters. The server's
#: own: src/model_config_utils.cc of core at r25.01; the others are CUDA's.
OF_THE_GPU = (
    *("unsupported gpu id", "no gpus are available", "no kernel image", "cuda error 209"),
    *("driver version is insufficient", "forward compatibility", "unsupported display driver"),
    *("no cuda-capable device", "unable to get number of cuda devices"),
)


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
def on_gpu(loader, wrong_draws):
    """What becomes of an ONNX model on the GPU, and why: ``on_gpu()``."""
    return lambda: try_on_gpu(loader, wrong_draws)


def try_on_gpu(loader, wrong_draws):
    """What becomes of a model on the GPU, and why: RUNS, WRONG or LEFT_OUT.

    On the processor the same model must load: what does not load at all says nothing of a GPU, and
    so does a refusal that speaks neither of the GPU nor of its driver.
    """
    loader.must_have("onnxruntime")
    loader.must_load(ON_CPU)
    answer = loader.load(ON_GPU)
    if not answer.accepted:
        if not any(words in answer.message.lower() for words in OF_THE_GPU):
            raise BrokenError(f"it does not load onto the GPU, for another reason: {answer}")
        return LEFT_OUT, f"it does not load onto the GPU: {answer}"
    loader.must_be_on_gpu(ON_GPU)
    try:
        wrong, example = wrong_draws(ON_GPU)
    except NoKernelError as problem:
        return LEFT_OUT, str(problem)
    if wrong:
        return WRONG, f"{wrong} of {DRAWS} draws are wrong on the GPU: {example}"
    return RUNS, "it runs"


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
