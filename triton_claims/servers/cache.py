"""The cache: directories that are built once and shared by every run on this machine.

A directory is built in a temporary sibling and renamed into place with a marker inside, under a
lock of its own. So two runs at once share it, and a killed builder leaves nothing but a sibling
that the next one removes.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from triton_claims.errors import Blocked

VARIABLE = "TRITON_CLAIMS_CACHE"
_FINISHED = ".finished"
_UNWRITABLE = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EEXIST,  # a file where the directory should be
    errno.ENOTDIR,
}

Progress = Callable[[str], None]


def silent(_line: str) -> None:
    """Where nobody wants to be told what takes its time."""


def cache_root(environment: Mapping[str, str] | None = None) -> Path:
    """The cache's directory: ``$TRITON_CLAIMS_CACHE``, or the user's cache directory.

    Args:
        environment: The environment variables; this process's by default.
    """
    named = (os.environ if environment is None else environment).get(VARIABLE, "").strip()
    return Path(named).expanduser().absolute() if named else user_cache_path("triton-claims")


def downloads() -> Path:
    """Where the user may put files that this machine can't fetch."""
    return cache_root() / "downloads"


def is_finished(directory: Path) -> bool:
    """Whether a directory of the cache was built to its end."""
    return (directory / _FINISHED).is_file()


def build_once(
    directory: Path, build: Callable[[Path], None], *, progress: Progress = silent
) -> Path:
    """Builds a directory, unless it is there.

    Args:
        directory: The directory, below :func:`cache_root`.
        build: Fills the empty directory that it is handed, which is not yet at its final place.
        progress: Told when another run is building the same directory right now.

    Returns:
        The directory, finished.

    Raises:
        Blocked: The cache can't be written, or is full.
    """
    if is_finished(directory):  # without a lock: a finished cache may be read-only
        return directory
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        with _locked(directory, progress):
            if not is_finished(directory):
                _remove_leftovers(directory)
                _build(directory, build)
    except OSError as problem:
        if problem.errno not in _UNWRITABLE:
            raise
        raise Blocked(
            f"the cache {cache_root()} can't be written: {problem}",
            unblock=f"make it writable with room in it, or set {VARIABLE} to such a directory",
        ) from problem
    return directory


@contextmanager
def _locked(directory: Path, progress: Progress) -> Iterator[None]:
    lock = FileLock(directory.parent / f".{directory.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress(f"waiting for another run that is making {directory.name}")
        lock.acquire(poll_interval=0.02)
    try:
        yield
    finally:
        lock.release()


def _remove_leftovers(directory: Path) -> None:
    # Only who holds the lock builds, so whatever lies here was left by a builder that was killed.
    for leftover in directory.parent.glob(f".{directory.name}.building-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    if directory.exists():
        shutil.rmtree(directory)


def _build(directory: Path, build: Callable[[Path], None]) -> None:
    building = Path(tempfile.mkdtemp(prefix=f".{directory.name}.building-", dir=directory.parent))
    try:
        building.chmod(0o755)  # mkdtemp's 0700 would lock other users of a shared cache out
        build(building)
        (building / _FINISHED).touch()
        building.rename(directory)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
