"""What endpoints are made of that this project does not make: ``releases/endpoints.toml``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from triton_claims.notes.structure import check_structure
from triton_claims.notes.tomlfile import Document

if TYPE_CHECKING:
    from pathlib import Path

#: Where it stands in the project's root.
ENDPOINTS = "releases/endpoints.toml"


@dataclass(frozen=True, slots=True)
class ModulePackage:
    """A wheel that is used for the Python module in it.

    Args:
        distribution: The distribution's name.
        version: Its version.
        filename: The file's name.
        sha256: The file's digest, 64 hexadecimal digits.
        size: The file's size in bytes.
        module: The top-level module in it.
        source: How that is known.
    """

    distribution: str
    version: str
    filename: str
    sha256: str
    size: int
    module: str
    source: str


def load_llama_package(root: Path) -> ModulePackage:
    """Reads which wheel llama.cpp's server comes in.

    Args:
        root: The project's root.

    Raises:
        InputError: The file is not as it should be.
    """
    document = Document(root / ENDPOINTS)
    check_structure(document, "endpoints")
    return ModulePackage(**document.data["llama"])
