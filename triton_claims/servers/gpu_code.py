"""For which GPUs a library has machine code, read from its file.

CUDA's compiler puts the code for GPUs into sections of its own: fat binaries, one after the other.
Each has a header and entries, and each entry is PTX, which the driver compiles for a GPU that comes
later, or machine code of one architecture. An entry's payload may be compressed; its header is not.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from triton_claims.errors import BrokenError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: The sections with fat binaries, in a linked library and in one that was linked in parts.
_SECTIONS = {b".nv_fatbin", b"__nv_relfatbin"}
_MAGIC = 0xBA55ED50
_PTX, _MACHINE_CODE = 1, 2
#: magic, version, size of this header, size of all entries
_FAT_HEADER = struct.Struct("<IHHQ")
#: kind, version, size of this header, size of the payload, compressed size, options, minor, major,
#: architecture
_ENTRY = struct.Struct("<HHIQIIHHI")
_ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_AARCH64 = 183


@dataclass(frozen=True, slots=True)
class GpuCode:
    """What a library has for GPUs.

    Attributes:
        machine_code: The architectures with machine code, such as 75 for compute capability 7.5.
        ptx: The architectures with PTX.
    """

    machine_code: frozenset[int] = frozenset()
    ptx: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.machine_code or self.ptx)

    def __str__(self) -> str:
        """In words."""
        parts = []
        for name, architectures in (("machine code", self.machine_code), ("PTX", self.ptx)):
            if architectures:
                parts.append(
                    f"{name} for {', '.join(f'sm_{each}' for each in sorted(architectures))}"
                )
        return "; ".join(parts) or "no code for GPUs"


def gpu_code(path: Path) -> GpuCode:
    """What a library has for GPUs.

    Args:
        path: A file of 64-bit ELF.

    Raises:
        BrokenError: It is none, or its fat binaries are not as they should be.
    """
    machine_code, ptx = set(), set()
    for start, end, content in _fat_sections(path):
        for kind, architecture in _entries(content, start, end, path):
            if kind == _MACHINE_CODE:
                machine_code.add(architecture)
            elif kind == _PTX:
                ptx.add(architecture)
    return GpuCode(frozenset(machine_code), frozenset(ptx))


def is_for_arm(content: bytes) -> bool | None:
    """Whether a program is for 64-bit Arm; None where it is no program.

    Args:
        content: Its file, or the beginning of it.
    """
    if len(content) < _ELF_HEADER.size or not content.startswith(b"\x7fELF"):
        return None
    return bool(_ELF_HEADER.unpack_from(content)[2] == _AARCH64)


def _fat_sections(path: Path) -> Iterator[tuple[int, int, mmap.mmap]]:
    with path.open("rb") as file:
        try:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:  # an empty file
            raise _broken(path, "it is empty") from None
        with content:
            if content[:5] != b"\x7fELF\x02":
                raise _broken(path, "it is no 64-bit ELF")
            try:
                for start, size in _sections(content):
                    yield start, start + size, content
            except struct.error:
                raise _broken(path, "it ends too early") from None


def _sections(content: mmap.mmap) -> Iterator[tuple[int, int]]:
    header = _ELF_HEADER.unpack_from(content)
    table, entry_size, count, names_at = header[6], header[11], header[12], header[13]
    sections = [_SECTION.unpack_from(content, table + i * entry_size) for i in range(count)]
    if not sections:
        return
    names = sections[names_at][4]
    for section in sections:
        start = names + section[0]
        if content[start : content.find(b"\0", start)] in _SECTIONS:
            yield section[4], section[5]


def _entries(content: mmap.mmap, place: int, end: int, path: Path) -> Iterator[tuple[int, int]]:
    while place + _FAT_HEADER.size <= end:
        magic, _, header_size, size = _FAT_HEADER.unpack_from(content, place)
        if magic == 0:  # between fat binaries there may be room, for alignment
            place += 8
            continue
        if magic != _MAGIC or header_size < _FAT_HEADER.size:
            raise _broken(path, f"found no fat binary at {place:#x}, where one must be")
        entry, place = place + header_size, place + header_size + size
        while entry + _ENTRY.size <= min(place, end):
            fields = _ENTRY.unpack_from(content, entry)
            kind, entry_header, payload, architecture = fields[0], fields[2], fields[3], fields[8]
            if entry_header < _ENTRY.size:
                raise _broken(path, f"found no entry of a fat binary at {entry:#x}")
            yield kind, architecture
            entry += entry_header + payload


def _broken(path: Path, why: str) -> BrokenError:
    return BrokenError(f"cannot read the GPU code of {path.name}: {why}")
