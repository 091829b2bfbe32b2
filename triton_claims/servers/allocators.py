"""The memory allocators that release notes advise to preload: where they are, or how they are had.

They are looked for where distributions and upstream's images install them, and else unpacked from
the distribution's packages into the cache, without root.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from triton_claims.errors import Blocked
from triton_claims.servers.cache import Progress, build_once, cache_root, silent
from triton_claims.servers.distribution import PackageUnavailableError, fetch_packages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Allocator:
    """A memory allocator.

    Attributes:
        name: As the notes call it.
        libraries: Its file names, the preferred one first.
        package: The distribution's package that holds it.
    """

    name: str
    libraries: tuple[str, ...]
    package: str


JEMALLOC = Allocator("jemalloc", ("libjemalloc.so.2", "libjemalloc.so"), "libjemalloc2")
TCMALLOC = Allocator(
    "tcmalloc", ("libtcmalloc.so.4", "libtcmalloc_minimal.so.4"), "libtcmalloc-minimal4"
)


def system_folders() -> tuple[Path, ...]:
    """Where distributions install libraries."""
    return (
        Path(f"/usr/lib/{platform.machine()}-linux-gnu"),
        Path("/usr/lib64"),
        Path("/usr/lib"),
        Path("/usr/local/lib"),
    )


def find_allocator(
    allocator: Allocator,
    *,
    folders: Iterable[Path] | None = None,
    fetch: Callable[[Sequence[str], Path], None] = fetch_packages,
    progress: Progress = silent,
) -> Path:
    """The library of an allocator, for LD_PRELOAD.

    Args:
        allocator: Which one.
        folders: Where to look for it; the system's folders by default.
        fetch: Unpacks packages into a folder.
        progress: Told what takes its time.

    Raises:
        Blocked: It is not here, and its package can't be fetched.
    """
    for folder in system_folders() if folders is None else folders:
        for library in allocator.libraries:
            if (folder / library).is_file():
                return folder / library

    def build(directory: Path) -> None:
        progress(f"fetching {allocator.name}: the package {allocator.package}")
        try:
            fetch([allocator.package], directory)
        except PackageUnavailableError as problem:
            raise Blocked(
                f"{allocator.name} is not installed here, and its package can't be fetched: "
                f"{problem}",
                unblock=f"install {allocator.package}",
            ) from None

    unpacked = build_once(cache_root() / "allocators" / allocator.package, build, progress=progress)
    for library in allocator.libraries:
        for found in sorted(unpacked.rglob(library)):
            return found
    raise Blocked(
        f"the package {allocator.package} holds none of {', '.join(allocator.libraries)}",
        unblock=f"install {allocator.name}",
    )
