"""Which version of a component an image has, by every place that tells of it.

A version stands in several places: in an environment variable, in a label, in the records of dpkg
and of pip, in the name of a library. All of them are asked. They were filled by different steps of
the image's build, so that one alone may be out of date.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from triton_claims.errors import BrokenError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from triton_claims.servers.image_contents import ImageContents

_DPKG = "/var/lib/dpkg/status"
#: Where pip puts packages in the images; {python} stands for each python3.X there is.
_LOCAL_PYTHONS = "/usr/local/lib"
_PACKAGES = "dist-packages"


@dataclass(frozen=True, slots=True)
class Component:
    """Where the version of a component is told.

    Attributes:
        name: What people call it.
        variables: Environment variables.
        labels: Labels of the image.
        packages: Patterns of dpkg's names.
        libraries: Folders, and patterns of file names in them with a group for the version.
        distributions: Names of Python distributions, as in their ``dist-info``.
        folders: Further folders with Python distributions.
        texts: Files, and patterns with a group for the version.
    """

    name: str
    variables: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    libraries: tuple[tuple[str, str], ...] = ()
    distributions: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Stated:
    """A version, and where it stands."""

    place: str
    version: str

    def __str__(self) -> str:
        """In words."""
        return f"{self.version} by {self.place}"


def stated_versions(contents: ImageContents, component: Component) -> tuple[Stated, ...]:
    """Every version that is told of a component.

    Args:
        contents: The image.
        component: What is asked about.

    Raises:
        BrokenError: No place tells of it: nothing is known.
    """
    found = tuple(dict.fromkeys(_stated(contents, component)))
    if not found:
        raise BrokenError(
            f"nothing in the image tells the version of {component.name}: looked at "
            + ", ".join(_places(component))
        )
    return found


def begins_with(version: str, claimed: str) -> bool:
    """Whether a version is the claimed one, or a more precise form of it.

    Epochs, what follows ``-`` or ``+``, leading zeros and suffixes such as the ``a1`` of ``7a1``
    make no difference.
    """
    found, wanted = _parts(version), _parts(claimed)
    return found[: len(wanted)] == wanted


def is_vague(version: str, claimed: str) -> bool:
    """Whether a version is a less precise form of the claimed one: it agrees as far as it goes."""
    found, wanted = _parts(version), _parts(claimed)
    return len(found) < len(wanted) and wanted[: len(found)] == found


def _parts(version: str) -> list[str]:
    plain = re.split(r"[-+ ~]", version.strip().partition(":")[2] or version.strip())[0]
    parts = []
    for part in plain.split("."):
        number = re.match(r"\d+", part)
        parts.append(str(int(number[0])) if number else part)
    return parts


def _stated(contents: ImageContents, component: Component) -> Iterator[Stated]:
    yield from _set(contents.environment, component.variables, "the environment variable")
    yield from _set(contents.labels, component.labels, "the label")
    if component.packages:
        pattern = re.compile("|".join(component.packages))
        for name, version in installed_packages(contents).items():
            if pattern.fullmatch(name):
                yield Stated(f"the package {name}", version)
    for folder, library in component.libraries:
        for name in contents.names(folder) or ():
            if match := re.fullmatch(library, name):
                yield Stated(f"{folder}/{name}", match[1])
    if component.distributions:
        yield from _of_distributions(contents, component)
    yield from _written(contents, component)


def _set(values: Mapping[str, str], names: Iterable[str], what: str) -> Iterator[Stated]:
    for name in names:
        if value := values.get(name, "").strip():
            yield Stated(f"{what} {name}", value)


def _written(contents: ImageContents, component: Component) -> Iterator[Stated]:
    for path, pattern in component.texts:
        text = (contents.read(path) or b"").decode(errors="replace")
        if match := re.search(pattern, text, re.MULTILINE):
            yield Stated(path, match[1])


def installed_packages(contents: ImageContents) -> dict[str, str]:
    """The versions of the packages that dpkg has installed, by name; empty without dpkg."""
    packages = {}
    text = (contents.read(_DPKG) or b"").decode(errors="replace")
    for paragraph in text.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version|Status): (.*)$", paragraph, re.MULTILINE))
        if "Version" in fields and fields.get("Status", "").endswith(" installed"):
            packages[fields["Package"]] = fields["Version"]
    return packages


def python_folders(contents: ImageContents) -> tuple[str, ...]:
    """The folders that the image's Pythons find packages in."""
    names = contents.names(_LOCAL_PYTHONS) or ()
    local = (f"{_LOCAL_PYTHONS}/{each}/{_PACKAGES}" for each in names if each.startswith("python3"))
    return (*local, f"/usr/lib/python3/{_PACKAGES}")


def _of_distributions(contents: ImageContents, component: Component) -> Iterator[Stated]:
    for folder in (*python_folders(contents), *component.folders):
        for name in contents.names(folder) or ():
            match = re.fullmatch(r"(.+?)-(\d.*)\.dist-info", name)
            if not match or _plain(match[1]) not in map(_plain, component.distributions):
                continue
            path = f"{folder}/{name}/METADATA"
            metadata = (contents.read(path) or b"").decode(errors="replace")
            version = re.search(r"^Version: (\S+)$", metadata, re.MULTILINE)
            yield Stated(path, version[1]) if version else Stated(f"{folder}/{name}", match[2])


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _places(component: Component) -> Iterator[str]:
    yield from component.variables
    yield from component.labels
    yield from (f"dpkg's {each}" for each in component.packages)
    yield from (f"{folder}/{pattern}" for folder, pattern in component.libraries)
    yield from (f"the distribution {each}" for each in component.distributions)
    yield from (path for path, _ in component.texts)
