from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from triton_claims.errors import Blocked
from triton_claims.servers.cache import build_once, cache_root, is_finished

BUILDER_THAT_HANGS = """
import sys
from pathlib import Path
from triton_claims.servers.cache import build_once

def build(directory):
    (directory / "half").touch()
    print(directory, flush=True)
    sys.stdin.read()

build_once(Path(sys.argv[1]), build)
"""


def test_the_user_names_the_cache(tmp_path):
    assert cache_root({"TRITON_CLAIMS_CACHE": str(tmp_path)}) == tmp_path


@pytest.mark.parametrize("environment", [{}, {"TRITON_CLAIMS_CACHE": " "}])
def test_without_a_name_it_is_in_the_users_cache_directory(environment):
    assert cache_root(environment).name == "triton-claims"


def test_a_directory_is_built_once(tmp_path):
    built = []

    def build(directory):
        built.append(directory)
        (directory / "file").write_text("content", encoding="utf-8")

    for _ in range(2):
        found = build_once(tmp_path / "deep" / "thing", build)
        assert (found / "file").read_text(encoding="utf-8") == "content"
    assert len(built) == 1
    assert is_finished(found)


def test_it_is_nowhere_to_be_seen_until_it_is_finished(tmp_path):
    thing = tmp_path / "thing"
    build_once(thing, lambda directory: directory.joinpath("seen").write_text(str(thing.exists())))
    assert (thing / "seen").read_text() == "False"


def test_a_builder_that_fails_leaves_nothing_and_the_next_one_succeeds(tmp_path):
    def fail(directory):
        (directory / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_once(tmp_path / "thing", fail)
    assert [path.name for path in tmp_path.iterdir()] == [".thing.lock"]
    assert is_finished(build_once(tmp_path / "thing", lambda _: None))


def test_what_a_killed_builder_left_is_removed_by_the_next_one(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", BUILDER_THAT_HANGS, tmp_path / "thing"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as builder:
        left = Path(builder.stdout.readline().strip())
        builder.kill()
    assert (left / "half").exists()
    assert not (tmp_path / "thing").exists()

    found = build_once(tmp_path / "thing", lambda directory: (directory / "whole").touch())

    assert (found / "whole").exists()
    assert not left.exists()


def test_an_unfinished_directory_is_built_anew(tmp_path):
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "half").touch()
    found = build_once(tmp_path / "thing", lambda directory: (directory / "whole").touch())
    assert not (found / "half").exists()
    assert (found / "whole").exists()


def test_two_at_once_build_once_and_the_second_is_told_that_it_waits(tmp_path):
    waits = threading.Event()
    built = []

    def build(directory):
        assert waits.wait(60)
        built.append(directory)

    def run(_):
        return build_once(tmp_path / "thing", build, progress=lambda _line: waits.set())

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(run, range(2)))
    assert found == [tmp_path / "thing"] * 2
    assert len(built) == 1


def test_a_finished_directory_needs_no_lock(tmp_path):
    build_once(tmp_path / "thing", lambda _: None)
    (tmp_path / ".thing.lock").unlink()
    build_once(tmp_path / "thing", lambda _: pytest.fail("built again"))
    assert not (tmp_path / ".thing.lock").exists()


def test_a_cache_that_is_a_file_is_blocked_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Blocked, match="TRITON_CLAIMS_CACHE") as blocked:
        build_once(tmp_path / "file" / "thing", lambda _: None)
    assert "\n" not in str(blocked.value)


def test_a_full_disk_is_blocked(tmp_path):
    def build(_directory):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(Blocked, match="No space left"):
        build_once(tmp_path / "thing", build)


def test_another_failure_of_the_builder_is_not_taken_for_the_caches(tmp_path):
    def build(_directory):
        raise FileNotFoundError(errno.ENOENT, "no such program")

    with pytest.raises(FileNotFoundError):
        build_once(tmp_path / "thing", build)
