"""The client library that pip installs on Arm servers (SBSA)."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from triton_claims.errors import Blocked, BrokenError, Undecided
from triton_claims.servers.client_wheels import ClientWheel, fetch_client
from triton_claims.servers.pip_command import PipFailure

#: Wheels that were built for one platform or the other, for who has them. Both have one name, and
#: pip cannot tell the machines apart either: what is in them has to.
JETSON, SBSA = "TRITON_CLAIMS_JETSON_CLIENT_WHEEL", "TRITON_CLAIMS_SBSA_CLIENT_WHEEL"


@pytest.mark.claim("sbsa-client-wheel-wrong")
def test_pip_on_arm_sbsa_takes_the_wheel_for_jetson(server, evidence):
    """On Arm SBSA pip installs a client wheel from the public index that was built for Jetson."""
    version = server.version  # a release's client has its server's
    with TemporaryDirectory(dir=server.process.folder) as scratch:
        with evidence.step("control: on x86-64, pip takes a wheel for x86-64"):
            usual = fetch_client(version, "x86_64", Path(scratch, "x86_64"))
            must_be_for_x86(usual, version)
        with evidence.step("on Arm"):
            found = fetch_client(version, "aarch64", Path(scratch, "aarch64"))
            if isinstance(found, PipFailure) and not found.absent:
                raise BrokenError(f"pip did not get to the wheel for Arm: {found.reason}")
            assert isinstance(found, ClientWheel), f"on Arm pip takes none: {found.reason}"
            evidence.show("what pip takes on Arm, and on x86-64", tell(found, usual))
        assert found.platform.endswith("aarch64"), (
            f"on Arm pip takes {found.path.name}, which was built for no platform"
        )
        with evidence.step("compare it with the wheels of the platforms"):
            same = {name: found.record == known.record for name, known in known_wheels()}
    assert not same.get(SBSA), "the wheel that pip takes on Arm is the one that was built for SBSA"
    if not same:
        raise Blocked(
            f"nothing in {found.path.name} tells whether it was built for Jetson or SBSA",
            unblock=f"set {JETSON} to the wheel in the release's archive for Jetson, or {SBSA} to "
            "the one in /workspace/install/python of its SDK image for Arm",
        )
    if not same.get(JETSON):
        raise Undecided(
            f"{found.path.name} is not the wheel of {' or '.join(same)}",
            needed="the wheel of the other platform" if len(same) == 1 else "where it comes from",
        )


def must_be_for_x86(wheel, version):
    """What is true of every release's client; where it is not, the index is not what it is for."""
    if isinstance(wheel, PipFailure):
        raise Blocked(
            f"pip finds no client {version} for x86-64: {wheel.reason}",
            unblock="connect this machine to a package index that has it",
        )
    if not wheel.platform.endswith("x86_64"):
        raise BrokenError(f"the check's control failed: on x86-64 pip takes {wheel.path.name}")


def known_wheels():
    """The wheels whose platform is known, by the variables that name them."""
    for name in (JETSON, SBSA):
        if path := os.environ.get(name):
            yield name, ClientWheel(Path(path))


def tell(*wheels):
    """All that tells of the wheels' builds."""
    return "\n".join(wheel.describe() for wheel in wheels)
