"""A folder for models that has no room left."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers.models import model
from triton_claims.servers.pool import ServerSpecification


@pytest.fixture
def little_room(tmp_path, monkeypatch):
    """A file system of 64 KiB for everything temporary; gives what fills it but for some KiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    mounting = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if subprocess.run(mounting, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield lambda room: (tmp_path / "filling").write_bytes(bytes((64 - 4 * room) * 1024))
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)  # noqa: S607


def test_models_that_have_no_room_are_an_error_that_says_what_to_do(image_pool, little_room):
    little_room(2)  # pages: enough for the run's own file and one of the model's
    pool = image_pool()
    words = r"the models cannot be laid out in .*: No space left on device; .* or set TMPDIR"
    with pytest.raises(BrokenError, match=words):
        pool.start(ServerSpecification("any", models=(model("echo"),)))
    folder = Path(tempfile.gettempdir())
    pool.close()
    assert [path.name for path in folder.iterdir()] == ["filling"]
