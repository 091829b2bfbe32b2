"""How servers with GPU metrics shut down on machines with NVSwitch."""

from __future__ import annotations

import pytest

from fixtures.crashing import SEGMENTATION_FAULT, must_be_known, shut_down_often
from triton_claims.errors import Blocked, BrokenError

#: What the driver shows of each switch, on the machine and in containers. The folder and the device
#: nvidia-nvswitchctl are there without any switch, too.
SWITCHES = "ls /proc/driver/nvidia-nvswitch/devices; ls -d /dev/nvidia-nvswitch[0-9]*"
METRICS = "--allow-metrics=true"
NO_GPU_METRICS = "--allow-gpu-metrics=false"
COLLECTING = "Collecting metrics for GPU"


@pytest.mark.claim("dcgm-shutdown-crash")
@pytest.mark.needs("gpu", image="py3")
@pytest.mark.server(arguments=[METRICS])
def test_some_shutdowns_end_in_a_segmentation_fault(server, evidence):
    """On a machine with NVSwitch some shutdowns of a server that collects GPU metrics end in a
    segmentation fault.
    """
    must_have_switches(server)
    crashes = shut_down_often(server, must_collect, crashes=SEGMENTATION_FAULT)
    evidence.show("shutdowns", "\n".join(crashes.ends))
    must_be_known(crashes)
    assert crashes.happened, f"fewer than one shutdown in twenty crashes: {crashes}"


@pytest.mark.claim("dcgm-shutdown-clean-without-gpu-metrics")
@pytest.mark.needs("gpu", image="py3")
@pytest.mark.server(arguments=[METRICS])
def test_shutdowns_without_gpu_metrics_are_clean(server, evidence):
    """On a machine with NVSwitch a server started with --allow-gpu-metrics=false shuts down without
    a crash.
    """
    must_have_switches(server)
    must_collect(server)  # the check's control: with the option left out, it would
    crashes = shut_down_often(server, must_not_collect, arguments=[METRICS, NO_GPU_METRICS])
    evidence.show("shutdowns", "\n".join(crashes.ends))
    must_be_known(crashes)
    assert not crashes.happened, f"a shutdown crashed all the same: {crashes.ends[-1]}"


def must_have_switches(server):
    """Blocks the check where no NVSwitch is."""
    _, found = server.process.run_inside(["sh", "-c", f"({SWITCHES}) 2>/dev/null"])
    if not found.strip():
        raise Blocked("there is no NVSwitch here", unblock="a machine with NVSwitch, such as a DGX")


def must_collect(server):
    """Sees to it that a server collects GPU metrics, by its log and by what it tells."""
    if COLLECTING not in server.process.log_tail(2000) or "nv_gpu_" not in metrics_of(server):
        raise BrokenError("the check's control failed: the server collects no GPU metrics")


def must_not_collect(server):
    """Sees to it that a server collects none."""
    if COLLECTING in server.process.log_tail(2000) or "nv_gpu_" in metrics_of(server):
        raise BrokenError("the server collects GPU metrics although it was told not to")


def metrics_of(server):
    """What the server tells of itself."""
    return server.process.get("/metrics", of=server.process.metrics)[1].decode()
