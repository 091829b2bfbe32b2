"""An image on a Docker host: pulled once, looked into with and without a server."""

from __future__ import annotations

import io
import tarfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import requests
from docker.errors import APIError, ImageNotFound, NotFound
from docker.utils import parse_repository_tag
from filelock import FileLock

from triton_claims.errors import Blocked, BrokenError, InputError
from triton_claims.secrets import redact
from triton_claims.servers.cache import Progress, cache_root
from triton_claims.servers.container_traces import labels_of
from triton_claims.servers.docker_host import DockerHost, connect, engine_in_words, said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: Seconds between two lines on a pull's progress.
_PROGRESS_EVERY = 5.0
_GIB = 2**30
_COMMAND_TIMEOUT = 120.0

#: What an engine says when a pull fails, in what it means and what to do.
_UNKNOWN_IMAGE = ("manifest unknown", "not found", "no such image", "invalid reference")
_NEEDS_LOGIN = (
    "no basic auth",
    "unauthorized",
    "authentication required",
    "access denied",
    "denied:",
    "forbidden",
)
_DISK_FULL = ("no space left on device", "disk quota exceeded")


@dataclass(frozen=True, slots=True)
class ContainerImage:
    """An image that is on a Docker host.

    Attributes:
        host: Where it is.
        reference: What it was asked for by.
        id: The digest of its configuration: equal ids, equal images.
        digest: Its digest in the registry; its id where it never was in one.
    """

    host: DockerHost
    reference: str
    id: str
    digest: str


def ensure_image(host: DockerHost, reference: str, progress: Progress) -> ContainerImage:
    """An image that is there; pulled where it is not.

    Processes of this machine wait for one another, so that each image is pulled once.

    Args:
        host: Where it is needed.
        reference: ``[registry/]repository[:tag | @sha256:digest]``.
        progress: Told, line by line, how the pull goes.

    Raises:
        InputError: There is no such image, or the reference is none.
        Blocked: It cannot be pulled: no engine, no network, no space, no login.
    """
    client = connect(host)
    found = _present(client, host, reference)
    if found is None:
        with _pulls_alone(host, reference):
            found = _present(client, host, reference)
            if found is None:
                _pull(client, host, reference, progress)
                with engine_in_words(host):
                    found = client.images.get(reference)
    digests = [each.rpartition("@")[2] for each in found.attrs.get("RepoDigests") or ()]
    return ContainerImage(host, reference, str(found.id), digests[0] if digests else str(found.id))


@contextmanager
def _pulls_alone(host: DockerHost, reference: str) -> Iterator[None]:
    name = sha256(f"{host.url} {reference}".encode()).hexdigest()[:16]
    folder = cache_root() / "pulls"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{name}.lock")
        lock.acquire()
    except OSError as problem:
        raise Blocked(
            f"cannot write to the cache {folder}: {problem.strerror or problem}",
            unblock="set TRITON_CLAIMS_CACHE to a folder that can be written to",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _present(client: Any, host: DockerHost, reference: str) -> Any:
    try:
        with engine_in_words(host, refusals=False):
            return client.images.get(reference)
    except ImageNotFound:
        return None
    except APIError as problem:
        if problem.response is not None and problem.response.status_code == requests.codes.bad:
            raise InputError(
                f"{reference!r} is no reference of an image: {said(problem)}", where="--target"
            ) from None
        raise BrokenError(f"the Docker engine at {host} refuses: {said(problem)}") from None


def _pull(client: Any, host: DockerHost, reference: str, progress: Progress) -> None:
    repository, tag = parse_repository_tag(reference)
    progress(f"pulling {reference} to {host}")
    layers: dict[str, tuple[int, int]] = {}
    last = time.monotonic()
    try:
        for event in client.api.pull(repository, tag=tag or "latest", stream=True, decode=True):
            if "error" in event:
                raise _why_not(reference, host, str(event["error"]))
            detail = event.get("progressDetail") or {}
            if event.get("status") == "Downloading" and detail.get("total"):
                layers[event["id"]] = int(detail["current"]), int(detail["total"])
            elif event.get("status") == "Download complete" and event["id"] in layers:
                layers[event["id"]] = (layers[event["id"]][1],) * 2
            if layers and time.monotonic() - last > _PROGRESS_EVERY:
                last = time.monotonic()
                progress(f"pulling {reference}: {_so_far(layers)}")
    except APIError as problem:
        raise _why_not(reference, host, said(problem)) from None
    except (requests.RequestException, OSError) as problem:
        raise Blocked(
            f"the pull of {reference} to {host} broke off: {redact(str(problem))}",
            unblock="look after the engine and its network, and run again",
        ) from None
    progress(f"pulled {reference}")


def _so_far(layers: Mapping[str, tuple[int, int]]) -> str:
    current, total = (sum(each) for each in zip(*layers.values(), strict=True))
    return f"{current / _GIB:.1f} of {total / _GIB:.1f} GiB so far known"


def _why_not(reference: str, host: DockerHost, words: str) -> InputError | Blocked:
    told = redact(" ".join(words.split()))
    lower = told.lower()
    if any(each in lower for each in _DISK_FULL):
        return Blocked(
            f"there is no space left at {host} for {reference}: {told}",
            unblock="make room there (docker system prune), and run again",
        )
    if any(each in lower for each in _NEEDS_LOGIN):
        return Blocked(
            f"{reference} cannot be pulled without a login, or is not there: {told}",
            unblock=f"docker login to its registry, or check the name {reference!r}",
        )
    if any(each in lower for each in _UNKNOWN_IMAGE) and "lookup" not in lower:
        return InputError(
            f"there is no image {reference!r}: {told}; expected a reference that can be pulled",
            where="--target",
        )
    return Blocked(
        f"{reference} cannot be pulled to {host}: {told}",
        unblock="check the host's network, or load the image there (docker load), or name a mirror "
        "by --image",
    )


def read_file(image: ContainerImage, path: str) -> bytes | None:
    """A file of an image, read without starting anything; None where it is not there.

    Links are followed.
    """
    with engine_in_words(image.host), created(image) as container:
        return file_of(container, path)


def file_of(container: Any, path: str) -> bytes | None:
    """A file of a container, running or not; None where it is not there."""
    for _ in range(8):  # a link may lead to a link
        try:
            chunks, status = container.get_archive(path)
        except NotFound:
            return None
        target = status.get("linkTarget")
        if not target or target == path:
            break
        path = target if target.startswith("/") else f"{path.rpartition('/')[0]}/{target}"
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        member = next((each for each in archive if each.isfile()), None)
        content = archive.extractfile(member) if member else None
        return content.read() if content else None


def run_command(
    image: ContainerImage,
    command: Sequence[str],
    *,
    options: Mapping[str, Any] | None = None,
    timeout: float = _COMMAND_TIMEOUT,
) -> tuple[int, str]:
    """Runs a command in a container of its own, without network.

    Args:
        image: The image.
        command: The command; the image's entrypoint is left out.
        options: Further arguments of Docker's Python library.
        timeout: Seconds until it is killed.

    Returns:
        Its exit code, and all it printed.

    Raises:
        BrokenError: It does not start, or does not end in time.
    """
    given = {"network_mode": "none", "entrypoint": [""], **(options or {})}
    with engine_in_words(image.host), created(image, command, given) as container:
        container.start()
        try:
            code = container.wait(timeout=timeout)["StatusCode"]
        except (requests.RequestException, OSError):
            raise BrokenError(
                f"{' '.join(command)} in {image.reference} did not end within {timeout:g} s"
            ) from None
        return int(code), redact(container.logs().decode(errors="replace"))


@contextmanager
def created(
    image: ContainerImage,
    command: Sequence[str] = ("/",),
    options: Mapping[str, Any] | None = None,
) -> Iterator[Any]:
    """A container of an image that is not started, and removed afterwards."""
    client = connect(image.host)
    container = client.containers.create(
        image.id, list(command), labels=labels_of("none"), **(options or {})
    )
    try:
        yield container
    finally:
        with suppress(NotFound):
            container.remove(force=True, v=True)
