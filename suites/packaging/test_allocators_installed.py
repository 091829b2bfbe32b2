"""The allocators that an image brings, and whether its server runs with them."""

from __future__ import annotations

import pytest

from triton_claims.measure.memory import mapped_files
from triton_claims.servers.allocators import JEMALLOC, TCMALLOC
from triton_claims.servers.models import model
from triton_claims.servers.running import ServerFailedToStartError

FOLDERS = tuple(f"/usr/lib/{machine}-linux-gnu" for machine in ("x86_64", "aarch64"))


@pytest.mark.claim("allocators-installed")
@pytest.mark.needs(image="py3")
@pytest.mark.server(models=[model("echo")])
def test_the_server_runs_with_the_image_s_allocators(image, server, evidence):
    """The image holds tcmalloc and jemalloc as libraries that the server runs with when they are
    preloaded.
    """
    for allocator in (TCMALLOC, JEMALLOC):
        library = library_of(image, allocator)
        evidence.show(f"{allocator.name} in the image", library or "nothing")
        assert library, f"none of {', '.join(allocator.libraries)} is in {', '.join(FOLDERS)}"
        with evidence.step(f"start the server with {library} preloaded"):
            mapped = mapped_when_preloaded(server, library)
        assert mapped, f"the server that was started with {library} preloaded has not mapped it"


def library_of(image, allocator):
    """The path of an allocator's library in the image; None where there is none."""
    for folder in FOLDERS:
        names = image.names(folder) or ()
        for library in allocator.libraries:
            if library in names:
                return f"{folder}/{library}"
    return None


def mapped_when_preloaded(server, library):
    """Whether a server that is started with a library preloaded has it; a loader may go on
    without.
    """
    name = library.rpartition("/")[2].partition(".so")[0]
    try:
        with server.fresh(environment={"LD_PRELOAD": library}) as fresh:
            files = mapped_files(fresh.process.pid)
    except ServerFailedToStartError as failed:
        if not failed.ended:
            raise
        raise AssertionError(f"the server does not run with {library}: {failed}") from None
    return any(path.rpartition("/")[2].startswith(name) for path in files)
