"""The client library's wheels: which one pip takes on another machine, and what shows its build."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from triton_claims.errors import BrokenError
from triton_claims.servers.digests import file_digest
from triton_claims.servers.pip_command import PIP, PipFailure, run_pip

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PACKAGE = "tritonclient"
#: The glibc 2.x whose platform tags pip takes on a machine: those of any Linux that Triton is for.
_GLIBC = range(39, 4, -1)
_ELF = b"\x7fELF"
_MACHINES = {62: "x86_64", 183: "aarch64"}


@dataclass(frozen=True)
class ClientWheel:
    """A wheel of the client library.

    Attributes:
        path: Where it lies.
    """

    path: Path

    @property
    def platform(self) -> str:
        """The last part of its name: ``any``, ``manylinux2014_aarch64``."""
        return self.path.stem.rpartition("-")[2]

    @cached_property
    def record(self) -> frozenset[str]:
        """Its files with their digests: two wheels with equal ones come from one build.

        Raises:
            BrokenError: It is no wheel.
        """
        try:
            with zipfile.ZipFile(self.path) as archive:
                names = [each for each in archive.namelist() if each.endswith(".dist-info/RECORD")]
                return frozenset(archive.read(names[0]).decode("utf-8").split())
        except (OSError, ValueError, IndexError, zipfile.BadZipFile) as problem:
            raise BrokenError(f"{self.path} is no wheel: {problem}") from None

    def program(self, name: str) -> bytes:
        """A program that it brings along, such as ``perf_analyzer``.

        Raises:
            BrokenError: It is no wheel, or has no such program.
        """
        try:
            with zipfile.ZipFile(self.path) as archive:
                for each in archive.namelist():
                    if each.endswith(f".data/data/bin/{name}"):
                        return archive.read(each)
        except (OSError, ValueError, zipfile.BadZipFile) as problem:
            raise BrokenError(f"{self.path} is no wheel: {problem}") from None
        raise BrokenError(f"{self.path.name} holds no program {name}")

    def describe(self) -> str:
        """All in it that tells of its build, line by line."""
        lines = [f"{self.path.name} (SHA-256 {file_digest(self.path)})"]
        with zipfile.ZipFile(self.path) as archive:
            for name in archive.namelist():
                content = archive.read(name)
                if content.startswith(_ELF):
                    lines.append(f"  {name}: {_told_by(content)}")
        return "\n".join(lines)


def fetch_client(
    version: str, machine: str, folder: Path, *, pip: Sequence[str] = PIP
) -> ClientWheel | PipFailure:
    """Has pip fetch the client library as it does on a Linux machine.

    Args:
        version: The client's version.
        machine: The machine: ``x86_64`` or ``aarch64``. To pip, all machines of a kind are one.
        folder: Where to put the wheel; made here.
        pip: The command that stands for pip.

    Returns:
        The wheel that pip took, or why it took none.
    """
    folder.mkdir(parents=True)
    tags = [f"manylinux_2_{minor}_{machine}" for minor in _GLIBC]
    tags += [f"manylinux{old}_{machine}" for old in (2014, 2010, 1)] + [f"linux_{machine}"]
    failure = run_pip(
        [
            "download",
            *("--no-deps", "--only-binary", ":all:", "--dest", str(folder)),
            *(argument for tag in tags for argument in ("--platform", tag)),
            f"{PACKAGE}=={version}",
        ],
        scratch=folder,
        pip=pip,
    )
    if failure is not None:
        return failure
    (wheel,) = folder.glob("*.whl")
    return ClientWheel(wheel)


def _told_by(elf: bytes) -> str:
    machine = int.from_bytes(elf[18:20], "little")
    compilers = sorted({each.decode() for each in re.findall(rb"GCC: \([^)\0]*\) [\d.]+", elf)})
    glibc = max((int(minor) for minor in re.findall(rb"GLIBC_2\.(\d+)\0", elf)), default=None)
    libraries = sorted(
        {each.decode() for each in re.findall(rb"\0(lib[\w+-]+\.so[\w.]*)(?=\0)", elf)}
    )
    return "; ".join(
        [
            _MACHINES.get(machine, f"machine {machine}"),
            ", ".join(compilers) or "no compiler named",
            f"needs glibc 2.{glibc}" if glibc is not None else "needs no glibc",
            "names " + (", ".join(libraries) or "no library"),
        ]
    )
