"""What ``--target`` names: the server under test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from triton_claims.errors import InputError

if TYPE_CHECKING:
    from triton_claims.notes.releases import Release, Releases

KINDS = ("wheel", "install")
_PLANNED = ("ngc", "image", "url")


@dataclass(frozen=True, slots=True)
class Target:
    """A server under test.

    Attributes:
        kind: ``wheel`` (the embedded default) or ``install`` (a tritonserver that is there).
        value: What stands behind the colon, normalised.
        release: The release the target names, where it names one.
    """

    kind: str
    value: str
    release: Release | None = None

    def __str__(self) -> str:
        """The stable id: as the user would write it."""
        return f"{self.kind}:{self.value}"


def parse_target(text: str, releases: Releases, *, where: str = "--target") -> Target:
    """Reads one target.

    Args:
        text: ``wheel:24.10`` or ``install:/opt/tritonserver``.
        releases: The releases known, for what a wheel's name means.
        where: Named in the error.

    Raises:
        InputError: The kind is unknown, the wheel's release has no wheel, the folder holds no
            tritonserver.
    """
    kind, colon, value = text.partition(":")
    if not colon or not value.strip() or not value.isprintable():
        raise InputError(
            f"{text!r} is no target: expected KIND:VALUE, such as wheel:"
            f"{_newest_wheel(releases)} or install:/opt/tritonserver",
            where=where,
        )
    if kind == "wheel":
        return Target(kind, value, _release_with_wheel(value, releases, where))
    if kind == "install":
        return Target(kind, str(_installation_folder(value, where)))
    if kind in _PLANNED:
        raise InputError(
            f"targets of kind {kind!r} are not supported yet: use one of "
            + ", ".join(f"{known}:" for known in KINDS),
            where=where,
        )
    raise InputError(
        f"{kind!r} is no kind of target: expected one of " + ", ".join(f"{k}:" for k in KINDS),
        where=where,
    )


def _newest_wheel(releases: Releases) -> str:
    return releases.newest_with_wheel().container


def _release_with_wheel(container: str, releases: Releases, where: str) -> Release:
    release = releases.get(container)
    if release is None or release.wheel is None:
        with_wheel = [known.container for known in releases.values() if known.wheel]
        why = "is no release we know" if release is None else "has no wheel with a server in it"
        raise InputError(
            f"{container!r} {why}: expected one of " + ", ".join(sorted(with_wheel)), where=where
        )
    return release


def _installation_folder(value: str, where: str) -> Path:
    try:
        folder = Path(value).expanduser().absolute()
        found = server_root(folder)
    except (OSError, RuntimeError, ValueError) as problem:
        raise InputError(f"cannot look at {value!r}: {problem}", where=where) from None
    if found is None:
        raise InputError(
            f"{value!r} holds no tritonserver: expected bin/tritonserver in it "
            "(or pytriton/tritonserver/bin/tritonserver, as in an unpacked wheel)",
            where=where,
        )
    return folder


def server_root(folder: Path) -> Path | None:
    """The folder that holds ``bin/tritonserver``: the given one, or that of an unpacked wheel."""
    for candidate in (folder, folder / "pytriton" / "tritonserver"):
        if (candidate / "bin" / "tritonserver").is_file():
            return candidate
    return None
