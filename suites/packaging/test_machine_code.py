"""For which GPUs the server's libraries hold machine code."""

from __future__ import annotations

import pytest

from triton_claims.errors import Blocked
from triton_claims.servers.gpu_code import GpuCode, gpu_code

#: Architectures of Blackwell, as compilers call them. Each library must have those of separate
#: GPUs; some library must have the one of boards, too.
SEPARATE = frozenset({100, 120})
ALL = SEPARATE | {101}
#: What is built from Triton's own repositories; others, such as FIL, come with lists of their own.
BACKENDS = ("identity", "onnxruntime", "python", "pytorch", "tensorflow", "tensorrt")
LIBRARIES = ("libtriton_{backend}.so", "libonnxruntime_providers_cuda.so")


@pytest.mark.claim("blackwell-machine-code")
def test_gpu_libraries_have_machine_code_for_blackwell(server, evidence, tmp_path):
    """The server's GPU libraries hold machine code for the compute capabilities 10.0, 10.1 and
    12.0.
    """
    with evidence.step("read the libraries of the backends"):
        found = libraries_for_gpus(server.startable, tmp_path)
    evidence.show("libraries", "\n".join(f"{name}: {code}" for name, code in found.items()))
    with_code = {name: code.machine_code for name, code in found.items() if code}
    if not with_code:
        raise Blocked(
            "the server's backends have no code for GPUs at all: it was built without them",
            unblock="name a server that was built for GPUs",
        )

    for name, architectures in with_code.items():
        missing = sorted(SEPARATE - architectures)
        assert not missing, f"{name} has no machine code for {missing}: {found[name]}"
    together = frozenset().union(*with_code.values())
    assert together >= ALL, f"no library has machine code for {sorted(ALL - together)}"


def libraries_for_gpus(startable, folder) -> dict[str, GpuCode]:
    """What each library of a backend has for GPUs, by its path."""
    found = {}
    with startable.contents() as contents:
        for backend in BACKENDS:
            for library in LIBRARIES:
                path = f"{startable.backend_folder}/{backend}/{library.format(backend=backend)}"
                copy = folder / "library"
                if contents.copy(path, copy):
                    found[path] = gpu_code(copy)
                    copy.unlink()
    return found
