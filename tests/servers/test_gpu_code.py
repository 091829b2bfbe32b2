"""Machine code for GPUs: read from a real library, and from files that are none."""

from __future__ import annotations

import struct

import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers.gpu_code import GpuCode, gpu_code, is_for_arm


def entry(kind, architecture, payload=b"12345678"):
    header = struct.pack("<HHIQIIHHI", kind, 0x101, 64, len(payload), 0, 0, 0, 8, architecture)
    return header.ljust(64, b"\0") + payload


def fat_binary(*entries):
    body = b"".join(entries)
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body


def library(path, section, name=b".nv_fatbin"):
    """A file with one section of a name, and the section with the names."""
    names = b"\0" + name + b"\0.shstrtab\0"
    start = 64
    table = start + len(section) + len(names)
    head = struct.pack(
        *("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, 62, 1, 0, 0, table),
        *(0, 64, 0, 0, 64, 2, 1),
    )
    sections = struct.pack("<IIQQQQIIQQ", 1, 1, 2, 0, start, len(section), 0, 0, 8, 0)
    sections += struct.pack(
        *("<IIQQQQIIQQ", len(name) + 2, 3, 0, 0, start + len(section), len(names), 0, 0, 1, 0)
    )
    path.write_bytes(head + section + names + sections)
    return path


def test_a_real_library(newest_installation):
    code = gpu_code(newest_installation.backends / "python" / "libtriton_python.so")
    assert {75, 80, 86, 89, 90} <= code.machine_code
    assert not code.machine_code & {100, 120}
    assert code.ptx == {53}
    assert gpu_code(newest_installation.binary) == GpuCode()


def test_several_fat_binaries_with_room_between(tmp_path):
    content = fat_binary(entry(2, 90), entry(2, 100, b"1" * 24)) + bytes(16)
    code = gpu_code(library(tmp_path / "x.so", content + fat_binary(entry(1, 120))))
    assert code == GpuCode(frozenset({90, 100}), frozenset({120}))
    assert str(code) == "machine code for sm_90, sm_100; PTX for sm_120"


def test_a_library_without_code_for_gpus(tmp_path):
    code = gpu_code(library(tmp_path / "x.so", b"12345678", name=b".text"))
    assert not code
    assert str(code) == "no code for GPUs"


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "it is empty"), (b"#!/bin/sh\n", "no 64-bit ELF"), (b"\x7fELF\x02 short", "too early")],
)
def test_what_is_no_library(tmp_path, content, words):
    (tmp_path / "x.so").write_bytes(content)
    with pytest.raises(BrokenError, match=words):
        gpu_code(tmp_path / "x.so")


def test_what_is_no_fat_binary(tmp_path):
    with pytest.raises(BrokenError, match="found no fat binary"):
        gpu_code(library(tmp_path / "x.so", b"nonsense" * 4))


def test_for_which_processor(newest_installation):
    assert is_for_arm(newest_installation.binary.read_bytes()[:64]) is False
    assert is_for_arm(struct.pack("<16sHH", b"\x7fELF\x02", 3, 183).ljust(64, b"\0")) is True
    assert is_for_arm(b"#!/bin/sh") is None
