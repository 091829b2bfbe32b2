"""What a killed server's Python backend leaves outside of every folder that is ours."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from triton_claims.servers import scratch
from triton_claims.servers.scratch import remove_orphaned_environments

BEFORE, RUN_BEGAN, FIRST, SECOND = 1000.0, 2000.0, 3000.0, 4000.0


@pytest.fixture
def servers(monkeypatch):
    """The servers that run, by when they started."""
    started = []
    monkeypatch.setattr(
        scratch.psutil,
        "process_iter",
        lambda _fields: [
            SimpleNamespace(info={"name": name, "create_time": at}) for name, at in started
        ],
    )
    return started


@pytest.fixture
def environment(tmp_path):
    """Makes an environment's folder as of some time."""

    def make(name, at):
        path = tmp_path / f"python_env_{name}"
        path.mkdir()
        os.utime(path, (at, at))
        return path

    return make


def left(folder):
    return sorted(path.name.removeprefix("python_env_") for path in folder.iterdir())


def test_what_the_run_made_goes_when_no_server_runs(tmp_path, servers, environment):
    assert not servers
    environment("older", BEFORE)
    environment("ours", FIRST)
    remove_orphaned_environments(since=RUN_BEGAN, folder=tmp_path)
    assert left(tmp_path) == ["older"]


def test_what_may_be_a_running_servers_stays(tmp_path, servers, environment):
    servers += [("tritonserver", SECOND - 1), ("python3", BEFORE)]
    environment("of_one_that_is_gone", FIRST)
    environment("perhaps_its", SECOND)
    remove_orphaned_environments(since=RUN_BEGAN, folder=tmp_path)
    assert left(tmp_path) == ["perhaps_its"]


def test_what_is_in_use_stays(tmp_path, servers, environment):
    assert not servers
    used = environment("used", FIRST)
    (used / "bin").mkdir()
    os.utime(used, (FIRST, FIRST))
    (tmp_path / "python_env_file").touch()
    remove_orphaned_environments(since=RUN_BEGAN, folder=tmp_path)
    assert left(tmp_path) == ["file", "used"]
