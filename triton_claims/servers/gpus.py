"""GPUs as records: what they are, and what of a machine's GPUs can be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Major and minor compute capability, by NVIDIA's tables (developer.nvidia.com/cuda-gpus and
# developer.nvidia.com/cuda-legacy-gpus). A major number alone does not tell: 7.x and 8.x are two
# architectures each.
_ARCHITECTURES = {
    (5, 0): "maxwell",  # M60, M40 and older
    (5, 2): "maxwell",
    (5, 3): "maxwell",  # Jetson Nano
    (6, 0): "pascal",  # P100
    (6, 1): "pascal",  # P40, P4
    (6, 2): "pascal",  # Jetson TX2
    (7, 0): "volta",  # V100
    (7, 2): "volta",  # Jetson Xavier
    (7, 5): "turing",  # T4
    (8, 0): "ampere",  # A100, A30
    (8, 6): "ampere",  # A40, A10
    (8, 7): "ampere",  # Jetson Orin
    (8, 9): "ada",  # L4, L40S
    (9, 0): "hopper",  # H100, H200, GH200
    (10, 0): "blackwell",  # B200, GB200
    (10, 1): "blackwell",  # Jetson Thor as CUDA 12 numbers it
    (10, 3): "blackwell",  # B300, GB300
    (11, 0): "blackwell",  # Jetson Thor as CUDA 13 numbers it
    (12, 0): "blackwell",  # RTX PRO 6000 Blackwell
    (12, 1): "blackwell",  # GB10
}

#: The architectures with a name, oldest first.
ARCHITECTURES = tuple(dict.fromkeys(_ARCHITECTURES.values()))


def architecture_of(compute_capability: tuple[int, int]) -> str:
    """The architecture's name in lower case; ``sm_XY`` of one that has none here."""
    major, minor = compute_capability
    return _ARCHITECTURES.get(compute_capability, f"sm_{major}{minor}")


def usual_capability(architecture: str) -> tuple[int, int]:
    """The compute capability that stands for an architecture: its first one.

    Raises:
        KeyError: There is no such architecture.
    """
    first = {name: each for each, name in reversed(_ARCHITECTURES.items())}
    return first[architecture]


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU, or a MIG device: a part of one that is used like a GPU.

    Attributes:
        uuid: ``GPU-...`` or ``MIG-...``: the name that holds on every machine and after a restart.
        name: As the driver calls it.
        compute_capability: Major and minor; a MIG device has its GPU's.
        memory_bytes: Its own memory; 0 where the driver does not tell, as of GPUs that share the
            machine's.
        driver: The driver's version.
        index: Its place in PCI order; of a MIG device, that of its GPU.
        mig_mode: Whether it is cut into MIG devices: these are used then, and never the whole.
        mig_parent: Of a MIG device, the UUID of its GPU.
        mig_index: Of a MIG device, its place on its GPU.
    """

    uuid: str
    name: str
    compute_capability: tuple[int, int]
    memory_bytes: int
    driver: str
    index: int
    mig_mode: bool = False
    mig_parent: str | None = None
    mig_index: int | None = None

    @property
    def architecture(self) -> str:
        """The architecture's name, in lower case."""
        return architecture_of(self.compute_capability)

    def __str__(self) -> str:
        """The GPU in a few words."""
        major, minor = self.compute_capability
        return f"{self.uuid} ({self.name}, {self.architecture}, {major}.{minor})"


@dataclass(frozen=True, slots=True)
class Inventory:
    """The GPUs of one machine.

    Attributes:
        gpus: All of them, also those that are cut into MIG devices; in PCI order.
        origin: Who tells of them: ``NVML``, ``nvidia-smi`` or ``staged``. What was decided with
            a staged inventory says nothing of real GPUs.
        reason: Why there are none, or why some cannot be used; empty where nothing is to be said.
    """

    gpus: tuple[Gpu, ...]
    origin: str
    reason: str = ""

    @property
    def usable(self) -> tuple[Gpu, ...]:
        """Those that can be used: whole GPUs, and MIG devices in place of the GPUs cut up."""
        return tuple(gpu for gpu in self.gpus if not gpu.mig_mode)


def named_by(gpus: Iterable[Gpu], beginning: str) -> list[Gpu]:
    """Those whose UUID begins so; where it is the whole UUID of one, that one alone."""
    found = [gpu for gpu in gpus if gpu.uuid.startswith(beginning)]
    return [gpu for gpu in found if gpu.uuid == beginning] or found
