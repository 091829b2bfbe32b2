"""A small image with a real server, for machines that can't pull NGC's.

The embedded server of a wheel, laid out as NGC lays its own out, on a minimal Debian. The system is
made once and kept in the cache; the image goes to any Docker engine in one piece, so that no
engine needs the network.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docker.errors import APIError, ImageNotFound
from filelock import FileLock

from triton_claims.errors import Blocked, BrokenError
from triton_claims.secrets import redact
from triton_claims.servers.cache import Progress, build_once, cache_root
from triton_claims.servers.digests import file_digest
from triton_claims.servers.distribution import PackageUnavailableError, debian_mirror, run_step
from triton_claims.servers.docker_host import connect, engine_in_words
from triton_claims.servers.interpreters import linked_library
from triton_claims.servers.wheels import LIBRARIES, SERVER, STUB, fetch_wheel

if TYPE_CHECKING:
    from triton_claims.notes.releases import Release, Wheel
    from triton_claims.servers.docker_host import DockerHost

#: What an image was made from; an image whose label says otherwise is made anew.
LABEL = "triton-claims.made-from"

_SUITE = "bookworm"
_PYTHON = "3.11"  # the suite's
_PACKAGES = (
    "libjemalloc2",
    f"libpython{_PYTHON}",
    "libtcmalloc-minimal4",
    "python3",
    "python3-numpy",
)
_NOT_NEEDED = (
    "./dev/*",  # an engine makes its own
    "./usr/share/doc/*",
    "./usr/share/locale/*",
    "./usr/share/man/*",
    "./var/cache/apt/*",
    "./var/lib/apt/lists/*",
    "./var/log/*",
)
_HOME = "opt/tritonserver"
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TIMEOUT = 900.0  # seconds for making the system; it is a download of 90 MB


def local_reference(release: Release) -> str:
    """What the image of a release is called."""
    return f"tritonserver-local:{release.container}-py3"


def build_local_image(host: DockerHost, release: Release, progress: Progress) -> str:
    """Makes the image of a release's embedded server, unless it is there and up to date.

    Args:
        host: The machine whose engine gets it.
        release: A release that has a wheel.
        progress: Told, line by line, what takes its time.

    Returns:
        The image's reference.

    Raises:
        Blocked: The engine, a tool, the network, root's rights or the room for it are not there.
        BrokenError: The engine refuses the image.
    """
    if release.wheel is None or _PYTHON not in release.wheel.stubs:
        raise Blocked(
            f"{release.container} has no embedded server that runs models on Python {_PYTHON}",
            unblock="make the image of another release",
        )
    reference = local_reference(release)
    locks = cache_root() / "images"
    locks.mkdir(parents=True, exist_ok=True)
    engine = sha256(host.url.encode()).hexdigest()[:16]
    with FileLock(locks / f"{release.container}-{engine}.lock"):
        old = _present(host, reference)
        if old is not None and old.labels.get(LABEL) == _made_from(release.wheel):
            progress(f"{reference} is there and up to date")
            return reference
        _build(host, release, release.wheel, progress)
        if old is not None:
            # A container may still run on it.
            with engine_in_words(host), suppress(APIError):
                connect(host).images.remove(old.id)
    return reference


def _present(host: DockerHost, reference: str) -> Any:
    with engine_in_words(host):
        try:
            return connect(host).images.get(reference)
        except ImageNotFound:
            return None


def _build(host: DockerHost, release: Release, wheel: Wheel, progress: Progress) -> None:
    reference = local_reference(release)
    unpacked = fetch_wheel(wheel, progress, called=f"Triton {release.server}")
    system = _base_system(progress)
    with tempfile.TemporaryDirectory(prefix="triton-claims-image-") as temporary:
        archive = Path(temporary) / "image.tar"
        progress(f"laying out {reference}")
        shutil.copyfile(system, archive)
        with tarfile.open(archive, "a") as tar:
            _lay_out(unpacked, str(release.server), tar)
        progress(f"importing {reference}, {archive.stat().st_size // 10**6} MB")
        _import(host, reference, archive, _configuration(release, wheel))
    progress(f"{reference} is made")


def _made_from(wheel: Wheel) -> str:
    """What an image is made from: the wheel, and this recipe."""
    return sha256(f"{wheel.sha256} {file_digest(Path(__file__))}".encode()).hexdigest()[:32]


def _configuration(release: Release, wheel: Wheel) -> list[str]:
    return [
        f"ENV PATH=/{_HOME}/bin:{_SYSTEM_PATH}",
        f"ENV TRITON_SERVER_VERSION={release.server}",
        f"ENV NVIDIA_TRITON_SERVER_VERSION={release.container}",
        f"WORKDIR /{_HOME}",
        f"LABEL {LABEL}={_made_from(wheel)}",
    ]


def _import(host: DockerHost, reference: str, archive: Path, changes: list[str]) -> None:
    repository, _, tag = reference.rpartition(":")
    with engine_in_words(host):
        answer: str = connect(host).api.import_image_from_file(
            str(archive), repository=repository, tag=tag, changes=changes
        )
    # A failure half-way through comes as an ordinary answer with an error in it.
    for line in answer.splitlines():
        if problem := json.loads(line).get("error"):
            raise BrokenError(
                f"the Docker engine at {host} does not take {reference}: {redact(problem)}"
            )


def _lay_out(unpacked: Path, version: str, tar: tarfile.TarFile) -> None:
    """Adds a wheel's server to a system's archive, where NGC's images have it."""
    server = unpacked / SERVER
    stub = server / "python_backend_stubs" / _PYTHON / STUB
    for part in sorted(server.iterdir()):
        if part.name != "python_backend_stubs":
            tar.add(part, f"{_HOME}/{part.name}", filter=_owned_by_root)
    tar.add(stub, f"{_HOME}/backends/python/{STUB}", filter=_owned_by_root)
    # A stub may look for a copy of Python's library that its wheel brings along under a name of
    # its own; the system's is the one that fits.
    library = f"libpython{_PYTHON}.so.1.0"
    replaced = linked_library(stub) or library
    for file in sorted((unpacked / LIBRARIES).iterdir()):
        if file.name != replaced:
            tar.add(file, f"{_HOME}/lib/{file.name}", filter=_owned_by_root)
    if replaced != library:
        _link(tar, f"{_HOME}/lib/{replaced}", f"/usr/lib/x86_64-linux-gnu/{library}")
    # Where the run paths in the wheel's binaries lead, seen from their new places.
    _link(tar, str(LIBRARIES), f"/{_HOME}/lib")
    stated = tarfile.TarInfo(f"{_HOME}/TRITON_VERSION")
    content = f"{version}\n".encode()
    stated.size = len(content)
    tar.addfile(_owned_by_root(stated), io.BytesIO(content))


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mode = 0o755  # the files of a wheel lack their run bits
    return member


def _link(tar: tarfile.TarFile, name: str, target: str) -> None:
    member = tarfile.TarInfo(name)
    member.type = tarfile.SYMTYPE
    member.linkname = target
    tar.addfile(_owned_by_root(member))


def _base_system(progress: Progress) -> Path:
    """The archive of the system below the server, in the cache."""
    recipe = sha256(repr((_SUITE, _PACKAGES, _NOT_NEEDED)).encode()).hexdigest()

    def build(folder: Path) -> None:
        if shutil.which("debootstrap") is None:
            raise Blocked(
                "debootstrap, which makes the image's system, is not installed",
                unblock="apt-get install debootstrap",
            )
        if os.geteuid() != 0:
            raise Blocked("debootstrap needs root", unblock="run it as root, once")
        progress(f"making the image's system, Debian {_SUITE}, once")
        root = folder / "root"
        try:
            mirror = debian_mirror()
        except PackageUnavailableError as problem:
            raise _no_system(str(problem)) from None
        # In a namespace of its own, so that what it mounts is gone when it is, however it ends.
        _run(
            [
                *("unshare", "--mount", "--pid", "--fork", "--kill-child"),
                *("debootstrap", "--variant=minbase", "--force-check-gpg"),
                *(f"--include={','.join(_PACKAGES)}", _SUITE, str(root)),
                *([mirror] if mirror else []),
            ],
            folder,
        )
        _run(
            [
                *("tar", "--create", "--file", str(folder / "system.tar"), "--numeric-owner"),
                *(f"--exclude={pattern}" for pattern in _NOT_NEEDED),
                *("--directory", str(root), "."),
            ],
            folder,
        )
        shutil.rmtree(root)

    folder = cache_root() / "systems" / f"{_SUITE}-{recipe[:16]}"
    return build_once(folder, build, progress=progress) / "system.tar"


def _run(command: list[str], folder: Path) -> None:
    try:
        run_step(command, folder, _TIMEOUT)
    except PackageUnavailableError as problem:
        raise _no_system(str(problem)) from None


def _no_system(why: str) -> Blocked:
    return Blocked(
        f"the image's system could not be made: {redact(why)}",
        unblock="look after the network, the mirror that apt is configured for and the disk's room",
    )
