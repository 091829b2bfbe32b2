"""The client's wheels, as real pip takes them from an index in a folder."""

from __future__ import annotations

import pytest

from staged.client_wheel import make_client_wheel
from triton_claims.errors import BrokenError
from triton_claims.servers.client_wheels import ClientWheel, fetch_client
from triton_claims.servers.pip_command import PipFailure

VERSION = "2.34.0"
PROGRAM = (
    b"\x7fELF\x02\x01\x01" + bytes(11) + b"\xb7\x00"
    b"...GCC: (Ubuntu 9.4.0-1ubuntu1~20.04.1) 9.4.0\0...GLIBC_2.17\0GLIBC_2.29\0GLIBC_2.4\0"
    b"libssl.so.1.1\0libcudart.so.11.0\0libc.so.6\0"
)


@pytest.fixture
def index(tmp_path, monkeypatch):
    """The folder that pip looks in, and nowhere else."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    return folder


@pytest.mark.parametrize(
    ("machine", "expected"),
    [("x86_64", "manylinux1_x86_64"), ("aarch64", "manylinux2014_aarch64")],
)
def test_the_wheel_of_a_platform_is_taken_there(index, tmp_path, machine, expected):
    for platform in ("any", "manylinux1_x86_64", "manylinux2014_aarch64", "win_arm64"):
        make_client_wheel(index, VERSION, platform)
    make_client_wheel(index, "2.35.0", expected)
    found = fetch_client(VERSION, machine, tmp_path / "found")
    assert found.path.parent == tmp_path / "found"
    assert found.path.name == f"tritonclient-{VERSION}-py3-none-{expected}.whl"
    assert found.platform == expected


def test_without_one_the_wheel_for_all_is_taken(index, tmp_path):
    for platform in ("any", "manylinux1_x86_64"):
        make_client_wheel(index, VERSION, platform)
    assert fetch_client(VERSION, "aarch64", tmp_path / "found").platform == "any"


def test_no_wheel_at_all_is_told(index, tmp_path):
    make_client_wheel(index, VERSION, "manylinux1_x86_64")
    failure = fetch_client(VERSION, "aarch64", tmp_path / "found")
    assert isinstance(failure, PipFailure)
    assert failure.absent


def test_wheels_with_the_same_files_are_one_build(tmp_path):
    first = ClientWheel(make_client_wheel(tmp_path / "1", VERSION, "any", PROGRAM))
    second = ClientWheel(make_client_wheel(tmp_path / "2", VERSION, "any", PROGRAM))
    other = ClientWheel(make_client_wheel(tmp_path / "3", VERSION, "any", PROGRAM + b"!"))
    assert first.record == second.record
    assert first.record != other.record


def test_tells_what_its_programs_were_built_with(tmp_path):
    told = ClientWheel(make_client_wheel(tmp_path, VERSION, "any", PROGRAM)).describe()
    assert told.startswith(f"tritonclient-{VERSION}-py3-none-any.whl (SHA-256 ")
    assert (
        "/data/bin/perf_analyzer: aarch64; GCC: (Ubuntu 9.4.0-1ubuntu1~20.04.1) 9.4.0; "
        "needs glibc 2.29; names libc.so.6, libcudart.so.11.0, libssl.so.1.1"
    ) in told
    assert "METADATA" not in told


def test_what_is_no_wheel_is_broken(tmp_path):
    path = tmp_path / "tritonclient-1-py3-none-any.whl"
    path.write_text("no archive")
    with pytest.raises(BrokenError, match="is no wheel"):
        _ = ClientWheel(path).record
