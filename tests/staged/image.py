"""An image that is made of a dictionary, or that cannot be looked into."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class StagedImage:
    """What is in an image that never was.

    Attributes:
        files: The contents by path.
        environment, labels: What the image sets.
        problem: Raised by whatever looks into the image, in place of an answer.
        printed: The exit status and output of any command.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    problem: Exception | None = None
    printed: tuple[int, str] = (0, "")
    origin: str = "a staged image"

    def _look(self) -> None:
        if self.problem is not None:
            raise self.problem

    def read(self, path: str) -> bytes | None:
        self._look()
        return self.files.get(path)

    def names(self, folder: str) -> tuple[str, ...] | None:
        self._look()
        below = [path[len(folder) + 1 :] for path in self.files if path.startswith(f"{folder}/")]
        return tuple(sorted({each.split("/")[0] for each in below})) if below else None

    def copy(self, path: str, to: Path) -> bool:
        content = self.read(path)
        if content is not None:
            to.write_bytes(content)
        return content is not None

    def run(self, _command: object) -> tuple[int, str]:
        self._look()
        return self.printed


def dpkg_status(**packages: str) -> bytes:
    """The records of dpkg that say that packages are installed; ``_`` stands for ``-``."""
    return "\n\n".join(
        f"Package: {name.replace('_', '-')}\nStatus: install ok installed\nVersion: {version}"
        for name, version in packages.items()
    ).encode()
