"""Servers of vLLM models for the checks of this folder."""

from __future__ import annotations

import pytest

from fixtures.vllm_serving import VllmServing


@pytest.fixture
def vllm(server, gpus):
    """Servers of vLLM models, of random weights."""
    return VllmServing(server, gpus)


@pytest.fixture
def vllm_before(baseline, gpus):
    """Servers of the baseline, with the same models."""
    return VllmServing(baseline, gpus)
