"""CUDA and its libraries in an image."""

from __future__ import annotations

import pytest

from triton_claims.servers.image_components import CUBLAS, CUDA, CUDNN, DCGM, NCCL, TENSORRT


@pytest.mark.claim("cuda-version")
@pytest.mark.needs(image="py3")
def test_cuda_version(carries):
    """The image carries CUDA 12.8.0.038."""
    carries(CUDA)


@pytest.mark.claim("cuda-version-12-6-2")
@pytest.mark.needs(image="py3")
def test_cuda_version_12_6_2(carries):
    """The image carries CUDA 12.6.2."""
    carries(CUDA)


@pytest.mark.claim("cuda-version-12-6-3")
@pytest.mark.needs(image="py3")
def test_cuda_version_12_6_3(carries):
    """The image carries CUDA 12.6.3."""
    carries(CUDA)


@pytest.mark.claim("cublas-version")
@pytest.mark.needs(image="py3")
def test_cublas_version(carries):
    """The image carries cuBLAS 12.8.3.14."""
    carries(CUBLAS)


@pytest.mark.claim("cublas-version-12-6-3-3")
@pytest.mark.needs(image="py3")
def test_cublas_version_12_6_3_3(carries):
    """The image carries cuBLAS 12.6.3.3."""
    carries(CUBLAS)


@pytest.mark.claim("cublas-version-12-6-4-1")
@pytest.mark.needs(image="py3")
def test_cublas_version_12_6_4_1(carries):
    """The image carries cuBLAS 12.6.4.1."""
    carries(CUBLAS)


@pytest.mark.claim("cudnn-version")
@pytest.mark.needs(image="py3")
def test_cudnn_version(carries):
    """The image carries cuDNN 9.7.0.66."""
    carries(CUDNN)


@pytest.mark.claim("cudnn-version-9-5-0-50")
@pytest.mark.needs(image="py3")
def test_cudnn_version_9_5_0_50(carries):
    """The image carries cuDNN 9.5.0.50."""
    carries(CUDNN)


@pytest.mark.claim("cudnn-version-9-6-0-74")
@pytest.mark.needs(image="py3")
def test_cudnn_version_9_6_0_74(carries):
    """The image carries cuDNN 9.6.0.74."""
    carries(CUDNN)


@pytest.mark.claim("nccl-version")
@pytest.mark.needs(image="py3")
def test_nccl_version(carries):
    """The image carries NCCL 2.25.1."""
    carries(NCCL)


@pytest.mark.claim("nccl-version-2-22-3")
@pytest.mark.needs(image="py3")
def test_nccl_version_2_22_3(carries):
    """The image carries NCCL 2.22.3."""
    carries(NCCL)


@pytest.mark.claim("nccl-version-2-23-4")
@pytest.mark.needs(image="py3")
def test_nccl_version_2_23_4(carries):
    """The image carries NCCL 2.23.4."""
    carries(NCCL)


@pytest.mark.claim("tensorrt-version")
@pytest.mark.needs(image="py3")
def test_tensorrt_version(carries):
    """The image carries TensorRT 10.8.0.43."""
    carries(TENSORRT)


@pytest.mark.claim("tensorrt-version-10-5-0-18")
@pytest.mark.needs(image="py3")
def test_tensorrt_version_10_5_0_18(carries):
    """The image carries TensorRT 10.5.0.18."""
    carries(TENSORRT)


@pytest.mark.claim("tensorrt-version-10-7-0-23")
@pytest.mark.needs(image="py3")
def test_tensorrt_version_10_7_0_23(carries):
    """The image carries TensorRT 10.7.0.23."""
    carries(TENSORRT)


@pytest.mark.claim("dcgm-version")
@pytest.mark.needs(image="py3")
def test_dcgm_version(carries):
    """The image carries DCGM 3.3.6."""
    carries(DCGM)


@pytest.mark.claim("dcgm-version-3-2-6")
@pytest.mark.needs(image="py3")
def test_dcgm_version_3_2_6(carries):
    """The image carries DCGM 3.2.6."""
    carries(DCGM)
