"""The GPUs that a run may use: this machine's, and those of the Docker hosts elsewhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from triton_claims.errors import BrokenError
from triton_claims.servers.gpu_inventory import (
    SMI_LIST,
    SMI_QUERY,
    inventory_here,
    parse_nvidia_smi,
)
from triton_claims.servers.gpus import Gpu, Inventory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from triton_claims.servers.cache import Progress
    from triton_claims.servers.container_image import ContainerImage
    from triton_claims.servers.docker_host import DockerHost

#: Stands for this machine, where a Docker host's name is expected.
HERE = ""


@dataclass(frozen=True, slots=True)
class FleetGpus:
    """The GPUs of a run.

    Attributes:
        inventory: All of them.
        hosts: The Docker host of each by UUID; :data:`HERE` for this machine's.
    """

    inventory: Inventory
    hosts: Mapping[str, str] = field(default_factory=dict)

    def to_record(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> FleetGpus:
        """Back from :meth:`to_record`."""
        inventory = record["inventory"]
        gpus = tuple(
            Gpu(**{**each, "compute_capability": tuple(each["compute_capability"])})
            for each in inventory["gpus"]
        )
        return cls(Inventory(gpus, inventory["origin"], inventory["reason"]), record["hosts"])

    def at(self, host: DockerHost | None, uuids: Sequence[str]) -> tuple[str, ...]:
        """Those of some GPUs that are in a Docker host, or in this machine."""
        name = HERE if host is None or host.is_local else host.name
        return tuple(each for each in uuids if self.hosts.get(each, HERE) == name)


def gpus_of_run(
    hosts: Sequence[DockerHost], image: str | None, *, here: bool, progress: Progress
) -> FleetGpus:
    """Asks this machine and the Docker hosts elsewhere for their GPUs.

    Args:
        hosts: The Docker hosts.
        image: The image in which those elsewhere are asked; pulled there where it is missing.
        here: Whether this machine's GPUs count although no Docker host of the run is here.
        progress: Told what takes its time.

    Raises:
        InputError: There is no such image, or a staged inventory is not as it should be.
        Blocked: A Docker host is gone, or the image can't be pulled.
    """
    here = here or any(host.is_local for host in hosts)
    found = {HERE: inventory_here()} if here else {}
    for host in hosts:
        if not host.is_local and image is not None:
            # Docker's library is slow to import, and most runs need none of it.
            from triton_claims.servers.container_image import ensure_image  # noqa: PLC0415

            found[host.name] = inventory_inside(ensure_image(host, image, progress))
    return FleetGpus(
        Inventory(
            tuple(gpu for each in found.values() for gpu in each.gpus),
            ", ".join(dict.fromkeys(each.origin for each in found.values())),
            "; ".join(
                f"{name}: {each.reason}" if name else each.reason
                for name, each in found.items()
                if each.reason
            ),
        ),
        {gpu.uuid: name for name, each in found.items() for gpu in each.gpus if name},
    )


def inventory_inside(image: ContainerImage) -> Inventory:
    """The GPUs that a container of an image is given when it asks for all."""
    from docker.types import DeviceRequest  # noqa: PLC0415

    from triton_claims.servers.container_image import run_command  # noqa: PLC0415

    every = [DeviceRequest(count=-1, capabilities=[["gpu"]])]
    options = {"device_requests": every}
    try:
        code, query = run_command(image, SMI_QUERY, options=options)
        _, listing = run_command(image, SMI_LIST, options=options) if code == 0 else (code, "")
    except BrokenError as problem:  # the engine has no runtime for GPUs, the image no nvidia-smi
        return Inventory((), SMI_QUERY[0], str(problem))
    return parse_nvidia_smi(query, listing)
