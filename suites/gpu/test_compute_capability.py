"""Which GPUs a release leaves out, for they are too old.

Newer ones say nothing of that: they would run models whatever the limit is.
"""

from __future__ import annotations

import pytest

EXPLICIT = ["--model-control-mode=explicit"]


@pytest.mark.claim("compute-capability-floor")
@pytest.mark.needs("gpu", compute_capability="<7.5", image="py3")
@pytest.mark.server(arguments=EXPLICIT)
def test_gpus_below_7_5_are_left_out(on_gpu, evidence):
    """The server runs models on GPUs of compute capability 7.5 and later and leaves older ones
    out.
    """
    became, words = on_gpu()
    evidence.show("a model on the GPU", words)
    assert became == "left out", f"a model runs on a GPU that is older: {words}"


@pytest.mark.claim("compute-capability-floor-6-0")
@pytest.mark.needs("gpu", compute_capability=">=6.0,<7.5", image="py3")
@pytest.mark.server(arguments=EXPLICIT)
def test_gpus_from_6_0_on_run_models(on_gpu):
    """The server runs models on GPUs of compute capability 6.0 and later."""
    became, words = on_gpu()
    assert became == "runs", words
