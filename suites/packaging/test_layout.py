"""Where a release's image has what belongs to it."""

from __future__ import annotations

import pytest

from triton_claims.errors import BrokenError

SERVER = "/opt/tritonserver"


@pytest.mark.claim("install-layout")
@pytest.mark.needs(image="py3")
def test_the_server_is_where_it_is_said_to_be(image, evidence):
    """The image holds the server's executable and its shared libraries below /opt/tritonserver."""
    must_have_files(image)
    programs = image.names(f"{SERVER}/bin") or ()
    libraries = [name for name in image.names(f"{SERVER}/lib") or () if ".so" in name]
    evidence.show(f"{SERVER}/bin", "\n".join(programs) or "nothing")
    evidence.show(f"{SERVER}/lib", "\n".join(libraries) or "nothing")

    assert "tritonserver" in programs, f"there is no {SERVER}/bin/tritonserver"
    assert any(name.startswith("libtritonserver.so") for name in libraries), (
        f"there is no libtritonserver.so in {SERVER}/lib"
    )


@pytest.mark.claim("fil-backend")
@pytest.mark.needs(image="py3")
def test_the_fil_backend_is_there(image, evidence):
    """The image carries the FIL backend for tree models."""
    backends = image.names(f"{SERVER}/backends")
    if not backends:
        raise BrokenError(f"the check's control failed: {SERVER}/backends holds nothing")
    evidence.show(f"{SERVER}/backends", "\n".join(backends))

    assert "fil" in backends, "there is no backend fil"
    library = f"{SERVER}/backends/fil/libtriton_fil.so"
    files = image.names(f"{SERVER}/backends/fil") or ()
    assert library.rpartition("/")[2] in files, f"there is no {library}"


def must_have_files(image):
    """The check's control: an image can be looked into at all."""
    if image.read("/etc/os-release") is None:
        raise BrokenError("the check's control failed: the image has no /etc/os-release")
