"""Makes targets ready, of whatever kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from triton_claims.errors import Blocked
from triton_claims.notes.images import USUAL
from triton_claims.servers.installation import SAFE_NUMPY, prepare
from triton_claims.servers.remote import RemoteServers

if TYPE_CHECKING:
    from triton_claims.servers.cache import Progress
    from triton_claims.servers.container_settings import ContainerSettings
    from triton_claims.servers.docker_host import DockerHost
    from triton_claims.servers.startable import Startable
    from triton_claims.servers.targets import Target


def make_ready(
    target: Target,
    progress: Progress,
    *,
    numpy_major: int = SAFE_NUMPY,
    flavour: str = USUAL,
    host: DockerHost | None = None,
    settings: ContainerSettings | None = None,
) -> Startable:
    """Makes a target ready to have servers started from it.

    Args:
        target: The target.
        progress: Told, line by line, what takes its time.
        numpy_major: The NumPy of the models' Python.
        flavour: Which of the release's images, for a target in containers.
        host: The Docker host it is to run on, for such a target; the usual one by default.
        settings: How containers are run.

    Raises:
        InputError: There is no such image, or it holds no server.
        Blocked: It cannot run here, could not be fetched, or is of another flavour.
    """
    if target.remote is not None:
        if numpy_major != SAFE_NUMPY:
            raise Blocked(
                f"somebody else runs the server {target.remote.url}: the NumPy of its models "
                "cannot be chosen",
                unblock="--target wheel:YY.MM or install:DIR",
            )
        return RemoteServers(target.remote)
    if not target.in_container:
        return prepare(target, progress, numpy_major=numpy_major)
    # Docker's library is slow to import, and most runs need none of it.
    from triton_claims.servers.container_installation import prepare_image  # noqa: PLC0415
    from triton_claims.servers.container_settings import ContainerSettings  # noqa: PLC0415
    from triton_claims.servers.docker_host import default_host  # noqa: PLC0415

    reference = dict(target.images).get(flavour)
    if reference is None:
        raise Blocked(
            f"{target} is not the image {flavour} of a release",
            unblock="--target ngc:YY.MM, or image: with a reference whose tag ends with "
            f"-{flavour}",
        )
    return prepare_image(
        str(target),
        host or default_host(),
        reference,
        settings or ContainerSettings(),
        progress,
        numpy_major=numpy_major,
    )
