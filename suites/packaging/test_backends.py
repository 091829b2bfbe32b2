"""What the backends of an image bring along."""

from __future__ import annotations

import pytest

from triton_claims.servers.image_components import DALI, NVIMAGECODEC, ONNXRUNTIME, OPENVINO


@pytest.mark.claim("dali-version")
@pytest.mark.needs(image="py3")
def test_dali_version(carries):
    """The image carries DALI 1.45."""
    carries(DALI)


@pytest.mark.claim("dali-version-1-42")
@pytest.mark.needs(image="py3")
def test_dali_version_1_42(carries):
    """The image carries DALI 1.42."""
    carries(DALI)


@pytest.mark.claim("dali-version-1-44")
@pytest.mark.needs(image="py3")
def test_dali_version_1_44(carries):
    """The image carries DALI 1.44."""
    carries(DALI)


@pytest.mark.claim("nvimagecodec-version")
@pytest.mark.needs(image="py3")
def test_nvimagecodec_version(carries):
    """The image carries nvImageCodec 0.2.0.7."""
    carries(NVIMAGECODEC)


@pytest.mark.claim("onnxruntime-version")
@pytest.mark.needs(image="py3")
def test_onnxruntime_version(carries):
    """The ONNX Runtime of the image is version 1.20.1."""
    carries(ONNXRUNTIME)


@pytest.mark.claim("onnxruntime-version-1-19-2")
@pytest.mark.needs(image="py3")
def test_onnxruntime_version_1_19_2(carries):
    """The ONNX Runtime of the image is version 1.19.2."""
    carries(ONNXRUNTIME)


@pytest.mark.claim("openvino-version")
@pytest.mark.needs(image="py3")
def test_openvino_version(carries):
    """The OpenVINO of the image is version 2024.05.0."""
    carries(OPENVINO)


@pytest.mark.claim("openvino-version-2024-0-0")
@pytest.mark.needs(image="py3")
def test_openvino_version_2024_0_0(carries):
    """The OpenVINO of the image is version 2024.0.0."""
    carries(OPENVINO)


@pytest.mark.claim("openvino-version-2024-40-0")
@pytest.mark.needs(image="py3")
def test_openvino_version_2024_40_0(carries):
    """The OpenVINO of the image is version 2024.40.0."""
    carries(OPENVINO)
