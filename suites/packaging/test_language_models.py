"""What serves and measures language models, in the images for that."""

from __future__ import annotations

import pytest

from triton_claims.servers.image_components import GENAI_PERF, TENSORRT_LLM, VLLM


@pytest.mark.claim("trtllm-version")
@pytest.mark.needs(image="trtllm-python-py3")
def test_trtllm_version(carries):
    """The TensorRT-LLM image carries TensorRT-LLM 0.17.0."""
    carries(TENSORRT_LLM)


@pytest.mark.claim("trtllm-version-0-13-0")
@pytest.mark.needs(image="trtllm-python-py3")
def test_trtllm_version_0_13_0(carries):
    """The TensorRT-LLM image carries TensorRT-LLM 0.13.0."""
    carries(TENSORRT_LLM)


@pytest.mark.claim("trtllm-version-0-14-0")
@pytest.mark.needs(image="trtllm-python-py3")
def test_trtllm_version_0_14_0(carries):
    """The TensorRT-LLM image carries TensorRT-LLM 0.14.0."""
    carries(TENSORRT_LLM)


@pytest.mark.claim("trtllm-version-0-15-0")
@pytest.mark.needs(image="trtllm-python-py3")
def test_trtllm_version_0_15_0(carries):
    """The TensorRT-LLM image carries TensorRT-LLM 0.15.0."""
    carries(TENSORRT_LLM)


@pytest.mark.claim("vllm-contents-version")
@pytest.mark.needs(image="vllm-python-py3")
def test_vllm_contents_version(carries):
    """The vLLM image carries a vLLM whose distribution has the version 0.6.3.1."""
    carries(VLLM)


@pytest.mark.claim("vllm-distribution-version")
@pytest.mark.needs(image="vllm-python-py3")
def test_vllm_distribution_version(carries):
    """The distribution of vLLM in the image has the version 0.6.3.post1."""
    carries(VLLM)


@pytest.mark.claim("vllm-version-0-5-3-post1")
@pytest.mark.needs(image="vllm-python-py3")
def test_vllm_version_0_5_3_post1(carries):
    """The vLLM image carries a vLLM whose distribution has the version 0.5.3.post1."""
    carries(VLLM)


@pytest.mark.claim("vllm-version-0-5-5")
@pytest.mark.needs(image="vllm-python-py3")
def test_vllm_version_0_5_5(carries):
    """The vLLM image carries a vLLM whose distribution has the version 0.5.5."""
    carries(VLLM)


@pytest.mark.claim("sdk-genai-perf-version")
@pytest.mark.needs(image="py3-sdk")
def test_sdk_genai_perf_version(carries):
    """The SDK image carries GenAI-Perf 0.0.10."""
    carries(GENAI_PERF)


@pytest.mark.claim("sdk-genai-perf-version-0-0-8")
@pytest.mark.needs(image="py3-sdk")
def test_sdk_genai_perf_version_0_0_8(carries):
    """The SDK image carries GenAI-Perf 0.0.8."""
    carries(GENAI_PERF)
