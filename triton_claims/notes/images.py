"""The images that releases are shipped in: the data of ``releases/images.toml``."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from triton_claims.errors import InputError
from triton_claims.notes.structure import check_structure
from triton_claims.notes.tomlfile import Document

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

#: The flavour that holds the server and what most checks need.
USUAL = "py3"
#: Names another registry, such as a mirror; and by flavour, another image.
REGISTRY_VARIABLE = "TRITON_CLAIMS_REGISTRY"
IMAGE_VARIABLE = "TRITON_CLAIMS_IMAGE_"
_CONTAINER = "{container}"


@dataclass(frozen=True, slots=True)
class Images:
    """Which image a release's flavour is.

    Attributes:
        registry: The registry's host.
        repository: The repository there.
        tags: The tags by flavour, with ``{container}`` in them.
        others: What the user named instead, by flavour; ``{container}`` may be in it.
        source_repository: The address of the git repository with the server's source.
        sizes: Gigabytes by container version and flavour, as far as they are told.
    """

    registry: str
    repository: str
    tags: tuple[tuple[str, str], ...]
    others: tuple[tuple[str, str], ...] = ()
    source_repository: str | None = None
    sizes: tuple[tuple[tuple[str, str], float], ...] = ()

    @property
    def flavours(self) -> tuple[str, ...]:
        """The flavours there are."""
        return tuple(flavour for flavour, _ in self.tags)

    def reference(self, container: str, flavour: str = USUAL) -> str:
        """The image of a release, to be pulled.

        Args:
            container: The container version.
            flavour: One of :attr:`flavours`.
        """
        other = dict(self.others).get(flavour)
        if other is not None:
            return other.replace(_CONTAINER, container)
        tag = dict(self.tags)[flavour].replace(_CONTAINER, container)
        return f"{self.registry}/{self.repository}:{tag}"

    def gigabytes(self, container: str, flavour: str) -> float | None:
        """How large the image of a release is; None where nobody tells, or it is the user's."""
        if flavour in dict(self.others):
            return None
        return dict(self.sizes).get((container, flavour))

    def flavour_of(self, reference: str) -> str | None:
        """The flavour that an image's tag tells of; None of a tag that tells none."""
        tag = reference.rpartition("/")[2].partition("@")[0].partition(":")[2]
        for flavour in sorted(self.flavours, key=len, reverse=True):
            if tag == flavour or tag.endswith(f"-{flavour}"):
                return flavour
        return None


def load_images(path: Path) -> Images:
    """Read the images.

    Raises:
        InputError: The file is not as it should be.
    """
    document = Document(path)
    check_structure(document, "images")
    data = document.data
    return Images(
        data["registry"],
        data["repository"],
        tuple(data["tags"].items()),
        source_repository=data.get("source_repository"),
        sizes=tuple(_sizes(document)),
    )


def _sizes(document: Document) -> Iterator[tuple[tuple[str, str], float]]:
    for container, sizes in document.data.get("sizes", {}).items():
        if container == "source":
            continue
        for flavour, size in sizes.items():
            if flavour not in document.data["tags"]:
                raise document.error(
                    f"found {flavour!r}, expected a flavour of [tags]", "sizes", container, flavour
                )
            yield (container, flavour), float(size)


def with_users_images(
    images: Images, given: Iterable[str], environment: Mapping[str, str] | None = None
) -> Images:
    """The images with those that the user names instead.

    Args:
        images: What the data say.
        given: ``FLAVOUR=REFERENCE`` each, of the option ``--image``.
        environment: Environment variables: a registry, and references by flavour as in
            ``TRITON_CLAIMS_IMAGE_VLLM_PYTHON_PY3``; the option goes before them.

    Raises:
        InputError: There is no such flavour, or nothing that could be a reference.
    """
    environment = os.environ if environment is None else environment
    variables = {
        f"{IMAGE_VARIABLE}{flavour.replace('-', '_').upper()}": flavour
        for flavour in images.flavours
    }
    others = {}
    for name, value in environment.items():
        if name.startswith(IMAGE_VARIABLE) and value:
            if name not in variables:
                raise InputError(
                    f"names no flavour: expected one of {', '.join(variables)}", where=name
                )
            others[variables[name]] = _reference(value, name)
    for text in given:
        flavour, equals, reference = text.partition("=")
        if not equals or flavour not in images.flavours:
            raise InputError(
                f"{text!r} names no image: expected FLAVOUR=REFERENCE, with a flavour of "
                + ", ".join(images.flavours),
                where="--image",
            )
        others[flavour] = _reference(reference, "--image")
    registry = environment.get(REGISTRY_VARIABLE) or images.registry
    return replace(
        images,
        registry=_reference(registry.rstrip("/"), REGISTRY_VARIABLE),
        others=tuple(others.items()),
    )


def _reference(text: str, where: str) -> str:
    if not text or not text.isprintable() or " " in text:
        raise InputError(f"{text!r} is no reference of an image", where=where)
    return text
