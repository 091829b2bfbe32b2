"""Inventories of machines that are not here."""

from __future__ import annotations

from triton_claims.servers.gpus import Gpu, Inventory


def gpu(number, capability, name="staged", **more):
    return Gpu(
        uuid=f"GPU-{number}{number}{number}{number}aaaa-0000-0000-0000-00000000000{number}",
        name=name,
        compute_capability=capability,
        memory_bytes=80 * 2**30,
        driver="570.0",
        index=number,
        **more,
    )


def part(whole, place):
    return Gpu(
        uuid=f"MIG-{whole.index}{place}cdef01-0000-0000-0000-000000000000",
        name=f"{whole.name} MIG 3g.40gb",
        compute_capability=whole.compute_capability,
        memory_bytes=40 * 2**30,
        driver=whole.driver,
        index=whole.index,
        mig_parent=whole.uuid,
        mig_index=place,
    )


#: Eight GPUs of three architectures, and of two compute capabilities within one.
EIGHT = Inventory(
    (
        *(gpu(number, (10, 0), "B200") for number in range(3)),
        gpu(3, (12, 0), "RTX PRO 6000"),
        *(gpu(number, (9, 0), "H100") for number in (4, 5)),
        *(gpu(number, (8, 0), "A100") for number in (6, 7)),
    ),
    "staged",
)
_CUT_UP = gpu(0, (9, 0), "H100", mig_mode=True)
#: One GPU cut up in two, and a whole one.
MIG = Inventory((_CUT_UP, part(_CUT_UP, 0), part(_CUT_UP, 1), gpu(1, (9, 0), "H100")), "staged")
NONE = Inventory((), "staged", "there is no NVIDIA driver here")
