"""Versions of components: where they stand, and when two of them are the same."""

from __future__ import annotations

import pytest

from staged.image import StagedImage, dpkg_status
from triton_claims.errors import BrokenError
from triton_claims.servers import image_components as components
from triton_claims.servers.image_versions import (
    begins_with,
    installed_packages,
    is_vague,
    stated_versions,
)


def told(component, **image):
    return {each.version for each in stated_versions(StagedImage(**image), component)}


@pytest.mark.parametrize(
    ("version", "claimed"),
    [
        ("12.8.0.038", "12.8.0.038"),
        ("10.8.0.43-1+cuda12.8", "10.8.0.43"),
        ("9.0.0.306+cuda12.3", "9.0.0.306"),
        ("1:3.3.6", "3.3.6"),
        ("2024.5.0", "2024.05.0"),
        ("4.1.7a1", "4.1.7"),
        ("2.3.1-1", "2.3"),
        ("3.12.3-0ubuntu2", "3.12"),
        ("0.6.3.post1+cu128", "0.6.3.post1"),
    ],
)
def test_the_same_version(version, claimed):
    assert begins_with(version, claimed)
    assert not is_vague(version, claimed)


@pytest.mark.parametrize(
    ("version", "claimed"),
    [("12.80.0", "12.8.0"), ("3.10.12", "3.1"), ("0.6.3.post1", "0.6.3.1"), ("2.30", "2.3")],
)
def test_another_version(version, claimed):
    assert not begins_with(version, claimed)
    assert not is_vague(version, claimed)


def test_a_vague_version_agrees_as_far_as_it_goes():
    assert is_vague("12.8.0", "12.8.0.038")
    assert not begins_with("12.8.0", "12.8.0.038")
    assert not is_vague("12.6.3", "12.8.0.038")


def test_every_place_is_asked():
    status = dpkg_status(libnccl2="2.25.1-1+cuda12.8", other="1")
    found = told(
        components.NCCL,
        files={"/var/lib/dpkg/status": status},
        environment={"NCCL_VERSION": "2.25.1"},
        labels={"com.nvidia.nccl.version": "2.25.2"},
    )
    assert found == {"2.25.1", "2.25.2", "2.25.1-1+cuda12.8"}


def test_what_is_removed_is_not_installed():
    status = b"Package: libnccl2\nStatus: deinstall ok config-files\nVersion: 2.20\n"
    assert installed_packages(StagedImage({"/var/lib/dpkg/status": status})) == {}


def test_libraries_distributions_and_texts():
    backends = "/opt/tritonserver/backends"
    files = {
        f"{backends}/onnxruntime/libonnxruntime.so.1.20.1": b"",
        f"{backends}/onnxruntime/libonnxruntime.so": b"",
        f"{backends}/onnxruntime/libopenvino.so.2450": b"",
        f"{backends}/openvino/libopenvino.so.2024.5.0": b"",
        f"{backends}/dali/wheel/dali/nvidia_dali_cuda120-1.45.0.dist-info/RECORD": b"",
        "/usr/local/lib/python3.12/dist-packages/vllm-0.6.dist-info/METADATA": (
            b"Metadata-Version: 2.1\nName: vllm\nVersion: 0.6.3.post1\n"
        ),
        "/usr/local/cuda/version.json": b'{"cuda" : {"name" : "CUDA SDK", "version" : "12.8.0"}}',
        "/usr/local/mpi/lib/pkgconfig/ompi.pc": b"Name: ompi\nVersion: 4.1.7a1\n",
        "/etc/os-release": b'NAME="Ubuntu"\nVERSION_ID="24.04"\n',
        "/workspace/install/python/genai_perf-0.0.10-py3-none-any.whl": b"",
    }
    assert told(components.ONNXRUNTIME, files=files) == {"1.20.1"}
    assert told(components.OPENVINO, files=files) == {"2024.5.0"}
    assert told(components.DALI, files=files) == {"1.45.0"}
    assert told(components.VLLM, files=files) == {"0.6.3.post1"}
    assert told(components.CUDA, files=files) == {"12.8.0"}
    assert told(components.OPENMPI, files=files) == {"4.1.7a1"}
    assert told(components.UBUNTU, files=files) == {"24.04"}
    assert told(components.GENAI_PERF, files=files) == {"0.0.10"}


def test_no_place_is_no_answer():
    with pytest.raises(BrokenError, match="nothing in the image tells the version of HPC-X"):
        stated_versions(StagedImage(), components.HPCX)
