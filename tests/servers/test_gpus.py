"""GPUs as records."""

from __future__ import annotations

import pytest
from servers.staged_inventories import MIG, gpu

from triton_claims.servers.gpus import architecture_of, named_by


@pytest.mark.parametrize(
    ("capability", "architecture"),
    [
        ((6, 1), "pascal"),
        ((7, 0), "volta"),
        ((7, 5), "turing"),
        ((8, 0), "ampere"),
        ((8, 7), "ampere"),
        ((8, 9), "ada"),
        ((9, 0), "hopper"),
        ((10, 0), "blackwell"),
        ((10, 3), "blackwell"),
        ((12, 0), "blackwell"),
        ((8, 5), "sm_85"),  # nobody has seen one
        ((13, 0), "sm_130"),
    ],
)
def test_the_architecture_follows_from_the_compute_capability(capability, architecture):
    assert architecture_of(capability) == architecture
    assert gpu(0, capability).architecture == architecture


def test_mig_devices_stand_in_for_the_gpu_that_is_cut_up():
    assert [each.uuid[:5] for each in MIG.usable] == ["MIG-0", "MIG-0", "GPU-1"]


def test_a_whole_uuid_names_one_although_others_begin_so():
    short, long = gpu(1, (9, 0)), gpu(2, (9, 0))
    object.__setattr__(short, "uuid", "GPU-1")
    object.__setattr__(long, "uuid", "GPU-12")
    assert named_by([short, long], "GPU-1") == [short]
    assert named_by([short, long], "GPU-") == [short, long]
