"""Gets images to all Docker hosts of a run: to each once, to all at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from triton_claims.errors import InputError
from triton_claims.servers.container_image import ensure_image
from triton_claims.servers.container_installation import look_inside
from triton_claims.servers.container_traces import sweep_host

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from triton_claims.servers.cache import Progress
    from triton_claims.servers.container_image import ContainerImage
    from triton_claims.servers.docker_host import DockerHost


def distribute(
    references: Collection[str],
    hosts: Sequence[DockerHost],
    progress: Progress,
    servers: Collection[str] = (),
) -> dict[str, str]:
    """Pulls images to where they are missing, before anything is timed.

    What killed runs have left on a host is removed on this occasion.

    Args:
        references: The images.
        hosts: The Docker hosts.
        progress: Told, line by line, how the pulls go.
        servers: Those of the images that must hold a server.

    Returns:
        Each image's digest.

    Raises:
        InputError: There is no such image, it is another one on another host, or holds no server.
        Blocked: It cannot be pulled, or an engine is gone.
    """
    with ThreadPoolExecutor(len(hosts)) as pool:
        each_host = list(pool.map(lambda host: _to_one(host, references, progress), hosts))
    first = each_host[0]
    for host, found in zip(hosts[1:], each_host[1:], strict=True):
        for reference, image in found.items():
            if image.id != first[reference].id:
                raise InputError(
                    f"the image {reference!r} is {first[reference].id} at {hosts[0]} and "
                    f"{image.id} at {host}: a target must be the same everywhere; pull it again on "
                    "one of them, or name it by digest",
                    where="--docker-host",
                )
    for reference in servers:
        look_inside(first[reference])
    return {reference: image.digest for reference, image in first.items()}


def _to_one(
    host: DockerHost, references: Collection[str], progress: Progress
) -> dict[str, ContainerImage]:
    sweep_host(host)
    images = (ensure_image(host, reference, progress) for reference in sorted(references))
    return {image.reference: image for image in images}
