"""The client library that the SDK image for Arm servers holds."""

from __future__ import annotations

import platform
import re

import pytest

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers.gpu_code import is_for_arm

FOLDER = "/workspace/install/python"
WHEEL = re.compile(r"tritonclient-.*aarch64\.whl")
INSTALL_AND_USE = (
    'pip3 install --no-deps --no-index --target /tmp/client "$0" && '
    'PYTHONPATH=/tmp/client python3 -c "import tritonclient.http, tritonclient.grpc; '
    "tritonclient.http.InferInput('IN', [1], 'FP32')\""
)


@pytest.mark.claim("sbsa-client-wheel-in-image")
@pytest.mark.needs(image="py3-sdk")
def test_the_sdk_image_for_arm_holds_a_client_that_works(image, evidence):
    """The SDK image for Arm SBSA holds a client wheel that installs and works there."""
    is_arm = is_for_arm(image.read("/bin/sh") or b"")
    if is_arm is None:
        raise BrokenError("the check's control failed: the image's /bin/sh is no program")
    if not is_arm:
        raise Blocked("the image is not for Arm", unblock="the SDK image for Arm SBSA, on Arm")
    wheels = [name for name in image.names(FOLDER) or () if WHEEL.fullmatch(name)]
    evidence.show(f"client wheels in {FOLDER}", "\n".join(wheels) or "none")
    assert wheels, f"there is no client wheel for Arm in {FOLDER}"

    if platform.machine() != "aarch64":
        raise Blocked(
            f"this machine is {platform.machine()}: nothing of the image can be run",
            unblock="an Arm SBSA machine",
        )
    code, printed = image.run(["sh", "-c", INSTALL_AND_USE, f"{FOLDER}/{wheels[0]}"])
    evidence.show("install and use it", printed)
    assert code == 0, f"{wheels[0]} does not install and work: {printed[-500:]}"
