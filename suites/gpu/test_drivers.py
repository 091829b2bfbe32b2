"""With which drivers the server uses a GPU."""

from __future__ import annotations

import pytest

from triton_claims.errors import Blocked

EXPLICIT = ["--model-control-mode=explicit"]
#: The branch of drivers from which on no exception is needed.
USUAL_BRANCH = 560
#: On data-centre GPUs older branches do, each from a version on.
EXCEPTIONS = {470: 57, 525: 85, 535: 86, 545: 23}
#: Words in the names of data-centre GPUs.
DATA_CENTER = {
    *("A2", "A10", "A16", "A30", "A40", "A100", "B100", "B200", "GB200", "GH200"),
    *("H20", "H100", "H200", "H800", "L4", "L40", "L40S", "P4", "P100", "T4", "V100"),
}
#: The branches that the image's CUDA is not forward-compatible with.
NOT_COMPATIBLE = (418, 440, 450, 460, 510, 520, 530, 545, 555)


@pytest.mark.claim("driver-560")
@pytest.mark.needs("gpu", image="py3")
@pytest.mark.server(arguments=EXPLICIT)
def test_a_recent_driver_will_do(gpus, on_gpu):
    """With a driver of release 560 or later the server sees the GPU and runs a model on it."""
    branch, _ = driver_of(gpus)
    if branch < USUAL_BRANCH:
        raise Blocked(
            f"the driver is of branch {branch}, older than {USUAL_BRANCH}",
            unblock=f"a machine with a driver of {USUAL_BRANCH} or later",
        )
    became, words = on_gpu()
    assert became == "runs", words


@pytest.mark.claim("driver-data-center")
@pytest.mark.needs("gpu", image="py3")
@pytest.mark.server(arguments=EXPLICIT)
def test_older_drivers_will_do_on_data_center_gpus(gpus, on_gpu):
    """On a data-centre GPU the server also runs with drivers from 470.57, 525.85, 535.86 and 545.23
    on, each within its branch.
    """
    branch, minor = driver_of(gpus)
    name = gpus[0].name
    if not DATA_CENTER & set(name.replace("-", " ").split()):
        raise Blocked(f"{name} is no data-centre GPU", unblock="a machine with one")
    if branch not in EXCEPTIONS or minor < EXCEPTIONS[branch]:
        wanted = ", ".join(f"{each}.{least}" for each, least in EXCEPTIONS.items())
        raise Blocked(
            f"the driver is {gpus[0].driver}, and none of the exceptions",
            unblock=f"a machine with a driver from {wanted} on, within its branch",
        )
    became, words = on_gpu()
    assert became == "runs", words


@pytest.mark.claim("driver-not-forward-compatible")
@pytest.mark.needs("gpu", image="py3")
@pytest.mark.server(arguments=EXPLICIT)
def test_cuda_does_not_start_with_other_drivers(gpus, on_gpu, evidence):
    """With a driver of the branches R418, R440, R450, R460, R510, R520, R530, R545 or R555 the
    image's CUDA does not start.
    """
    branch, _ = driver_of(gpus)
    if branch not in NOT_COMPATIBLE:
        raise Blocked(
            f"the driver is of branch {branch}, and of none of those",
            unblock="a machine with a driver of one of those branches",
        )
    became, words = on_gpu()
    evidence.show("a model on the GPU", words)
    assert became == "left out", f"with the driver {gpus[0].driver} a model is on the GPU: {words}"


def driver_of(gpus):
    """The branch of the driver, and what follows it: ``(560, 35)``."""
    branch, _, rest = gpus[0].driver.partition(".")
    minor = rest.partition(".")[0]
    if not branch.isdecimal() or not minor.isdecimal():
        raise Blocked(
            f"the driver's version is not known: {gpus[0].driver!r}",
            unblock="a machine whose driver tells its version",
        )
    return int(branch), int(minor)
