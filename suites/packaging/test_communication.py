"""What processes and machines talk to one another by, in an image."""

from __future__ import annotations

import pytest

from triton_claims.servers.image_components import GDRCOPY, HPCX, OPENMPI, OPENUCX


@pytest.mark.claim("openucx-version")
@pytest.mark.needs(image="py3")
def test_openucx_version(carries):
    """The image carries OpenUCX 1.15.0."""
    carries(OPENUCX)


@pytest.mark.claim("gdrcopy-version")
@pytest.mark.needs(image="py3")
def test_gdrcopy_version(carries):
    """The image carries GDRCopy 2.4.1."""
    carries(GDRCOPY)


@pytest.mark.claim("gdrcopy-version-2-3")
@pytest.mark.needs(image="py3")
def test_gdrcopy_version_2_3(carries):
    """The image carries GDRCopy 2.3."""
    carries(GDRCOPY)


@pytest.mark.claim("hpcx-version")
@pytest.mark.needs(image="py3")
def test_hpcx_version(carries):
    """The image carries HPC-X 2.21."""
    carries(HPCX)


@pytest.mark.claim("hpcx-version-2-20")
@pytest.mark.needs(image="py3")
def test_hpcx_version_2_20(carries):
    """The image carries HPC-X 2.20."""
    carries(HPCX)


@pytest.mark.claim("openmpi-version")
@pytest.mark.needs(image="py3")
def test_openmpi_version(carries):
    """The image carries Open MPI 4.1.7."""
    carries(OPENMPI)
