"""What the Python backend calls the shared memory that it talks to its processes through."""

from __future__ import annotations

import re

import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers.models import model
from triton_claims.servers.scratch import shared_memory_prefix

FOLDER = "/dev/shm"  # noqa: S108 - where Linux has it
UNIQUE = re.compile("[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


@pytest.mark.claim("python-shared-memory-names")
@pytest.mark.server(models=[model("echo")])
def test_names_are_unique(server, evidence):
    """The Python backend's shared-memory regions have names with a UUID, so that servers with one
    prefix do not get into one another's way.
    """
    process = server.process
    prefix = shared_memory_prefix(process.run, process.name)
    _, listed = process.run_inside(["ls", FOLDER])
    names = sorted(name for name in listed.split() if name.startswith(prefix))
    if not names:
        raise BrokenError(f"the check's control failed: no region in {FOLDER} begins with {prefix}")
    evidence.show("shared-memory regions", "\n".join(names))
    plain = [name for name in names if not UNIQUE.search(name)]
    assert not plain, f"{len(plain)} of {len(names)} names have no UUID: {plain[0]}"
