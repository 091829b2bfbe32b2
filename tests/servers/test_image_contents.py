"""What is in an image, where the suite itself runs inside of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers.image_contents import (
    InstalledContents,
    contents_of_installation,
    stated_container,
    stated_server_version,
)

INSIDE = {"NVIDIA_TRITON_SERVER_VERSION": "25.01", "TRITON_SERVER_VERSION": "2.54.0"}


@pytest.fixture
def contents(tmp_path):
    (tmp_path / "opt" / "tritonserver").mkdir(parents=True)
    (tmp_path / "opt" / "tritonserver" / "TRITON_VERSION").write_text("2.53.0\n")
    (tmp_path / "opt" / "link").symlink_to("tritonserver")
    return InstalledContents(tmp_path, {"NVIDIA_TRITON_SERVER_VERSION": "25.01"})


def test_files_and_folders_are_read(contents, tmp_path):
    assert contents.read("/opt/tritonserver/TRITON_VERSION") == b"2.53.0\n"
    assert contents.read("/opt/link/TRITON_VERSION") == b"2.53.0\n"
    assert contents.read("/opt/nothing") is None
    assert contents.read("/opt") is None
    assert contents.read("/opt/tritonserver/TRITON_VERSION/below") is None
    assert contents.names("/opt") == ("link", "tritonserver")
    assert contents.names("/nothing") is None
    assert contents.copy("/opt/tritonserver/TRITON_VERSION", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"2.53.0\n"
    assert not contents.copy("/nothing", tmp_path / "none")


def test_what_cannot_be_read_is_no_answer(contents, monkeypatch):
    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(BrokenError, match="cannot read /etc/secret: Permission denied"):
        contents.read("/etc/secret")


def test_the_version_is_that_of_the_environment_or_of_the_file(contents):
    assert stated_server_version(contents) == "2.53.0"
    assert stated_server_version(InstalledContents(Path("/"), INSIDE)) == "2.54.0"
    assert stated_server_version(InstalledContents(Path("/nowhere"), {})) is None
    assert stated_container(contents) == "25.01"
    assert stated_container(InstalledContents(Path("/"), {})) is None


def test_the_server_of_a_release_s_image_is_looked_at():
    contents = contents_of_installation(Path("/opt/tritonserver"), INSIDE)
    assert "the container of 25.01" in contents.origin
    assert contents.environment == INSIDE


@pytest.mark.parametrize(
    ("folder", "environment"),
    [("/opt/tritonserver", {}), ("/home/me/build/install", INSIDE)],
)
def test_a_server_of_ones_own_says_nothing_of_the_image(folder, environment):
    with pytest.raises(Blocked, match="is not the server of one"):
        contents_of_installation(Path(folder), environment)
