"""What an image is built on."""

from __future__ import annotations

import pytest

from triton_claims.servers.image_components import PYTHON, UBUNTU


@pytest.mark.claim("ubuntu-version")
@pytest.mark.needs(image="py3")
def test_ubuntu_version(carries):
    """The image is built on Ubuntu 24.04."""
    carries(UBUNTU)


@pytest.mark.claim("ubuntu-version-22-04")
@pytest.mark.needs(image="py3")
def test_ubuntu_version_22_04(carries):
    """The image is built on Ubuntu 22.04."""
    carries(UBUNTU)


@pytest.mark.claim("python-version")
@pytest.mark.needs(image="py3")
def test_python_version(carries):
    """The python3 of the image is a Python 3.12."""
    carries(PYTHON)


@pytest.mark.claim("python-version-3-10")
@pytest.mark.needs(image="py3")
def test_python_version_3_10(carries):
    """The python3 of the image is a Python 3.10."""
    carries(PYTHON)
