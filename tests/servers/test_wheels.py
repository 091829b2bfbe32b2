from __future__ import annotations

import json
import os
import stat
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from triton_claims.errors import Blocked, BrokenError
from triton_claims.notes.endpoint_packages import ModulePackage
from triton_claims.notes.releases import Wheel, load_releases
from triton_claims.servers.cache import cache_root
from triton_claims.servers.interpreters import linked_library, stub_python
from triton_claims.servers.wheels import fetch_module, fetch_wheel, unpack

SERVER = "pytriton/tritonserver/bin/tritonserver"
STUB = "pytriton/tritonserver/python_backend_stubs/3.11/triton_python_backend_stub"
CONTENT = {
    SERVER: "a server",
    STUB: "a stub",
    "pytriton/tritonserver/backends/python/libtriton_python.so": "a backend",
    "pytriton/client/client.py": "not needed",
    "nvidia_pytriton.libs/libb64.so": "a library",
    "nvidia_pytriton-1.0.dist-info/licenses/LICENSE": "a licence",
    "some_module/__init__.py": "a module",
    "some_module/part.so": "a part of it",
}


class Staged:
    """A cache of the test's own, and an index with one wheel in it, served by a staged pip."""

    def __init__(self, folder):
        self.folder = folder
        file = folder / "files" / "nvidia_pytriton-1.0-py3-none-any.whl"
        file.parent.mkdir()
        with zipfile.ZipFile(file, "w") as archive:
            for name, text in CONTENT.items():
                archive.writestr(name, text)
        self.file = file
        self.wheel = Wheel(
            distribution="nvidia-pytriton",
            version="1.0",
            filename=file.name,
            sha256=sha256(file.read_bytes()).hexdigest(),
            size=2_000_000,
            stubs=("3.11",),
            source="staged",
        )
        self.lines = []

    def fetch(self, *plan, wheel=None, progress=None):
        (self.folder / "plan").write_text(" ".join(plan))
        pip = (sys.executable, str(Path(__file__).with_name("staged_pip.py")), str(self.folder))
        progress = progress or self.lines.append
        return fetch_wheel(wheel or self.wheel, progress, called="Triton 9.9.0", pip=pip)

    def calls(self):
        calls = self.folder / "calls"
        return (
            [json.loads(call) for call in calls.read_text().splitlines()] if calls.exists() else []
        )


@pytest.fixture
def staged(tmp_path, monkeypatch):
    monkeypatch.setenv("TRITON_CLAIMS_CACHE", str(tmp_path / "cache"))
    return Staged(tmp_path)


def leftovers():
    return [path for path in cache_root().rglob("*") if "building" in path.name]


def test_a_wheel_is_fetched_with_its_hash_and_unpacked(staged):
    found = staged.fetch("serve")

    assert (found / SERVER).read_text() == "a server"
    assert (found / "nvidia_pytriton.libs/libb64.so").exists()
    assert (found / "nvidia_pytriton-1.0.dist-info/licenses/LICENSE").exists()
    assert not (found / "pytriton/client").exists()
    assert not list(found.rglob("*.whl"))
    (call,) = staged.calls()
    assert "--require-hashes" in call["arguments"]
    assert "--no-deps" in call["arguments"]
    # a killed pip leaves what it had only where the next run removes it
    assert Path(call["temporary"]).is_relative_to(cache_root())


def module_of(staged, name):
    wheel = staged.wheel
    (staged.folder / "plan").write_text("serve")
    pip = (sys.executable, str(Path(__file__).with_name("staged_pip.py")), str(staged.folder))
    package = ModulePackage(
        wheel.distribution, wheel.version, wheel.filename, wheel.sha256, wheel.size, name, "staged"
    )
    return fetch_module(package, staged.lines.append, pip=pip)


def test_a_module_is_unpacked_alone_with_its_licence(staged):
    found = module_of(staged, "some_module")
    assert sorted(path.name for path in found.rglob("*") if path.is_file()) == [
        *(".finished", "LICENSE", "__init__.py", "part.so")
    ]
    assert staged.lines[0] == "fetching some_module: nvidia-pytriton 1.0, 2 MB"


def test_a_wheel_without_the_module_is_our_fault(staged):
    with pytest.raises(BrokenError, match="holds no module another"):
        module_of(staged, "another")
    assert leftovers() == []


def test_what_runs_gets_its_run_bit(staged):
    found = staged.fetch("serve")
    assert (found / SERVER).stat().st_mode & stat.S_IXUSR
    assert (found / STUB).stat().st_mode & stat.S_IXUSR
    assert not (found / "nvidia_pytriton.libs/libb64.so").stat().st_mode & stat.S_IXUSR


def test_it_is_fetched_once(staged):
    assert staged.fetch("serve") == staged.fetch()
    assert len(staged.calls()) == 1


def test_the_user_sees_what_is_fetched_and_how_far_it_is(staged):
    staged.fetch("serve")
    assert staged.lines == [
        "fetching Triton 9.9.0: nvidia-pytriton 1.0, 2 MB",
        "fetching Triton 9.9.0: nvidia-pytriton 1.0, 2 of 2 MB",
    ]


@pytest.mark.parametrize("spoilt", ["corrupt", "interrupt", "mismatch", "nothing"])
def test_a_spoilt_download_is_thrown_away_and_fetched_anew(staged, spoilt):
    found = staged.fetch(spoilt, "serve")
    assert (found / SERVER).read_text() == "a server"
    assert [("--no-cache-dir" in call["arguments"]) for call in staged.calls()] == [False, True]
    assert any("thrown away" in line for line in staged.lines)


@pytest.mark.parametrize("spoilt", ["corrupt", "interrupt", "mismatch", "nothing"])
def test_a_download_that_is_spoilt_twice_is_blocked_and_leaves_nothing(staged, spoilt):
    with pytest.raises(Blocked) as blocked:
        staged.fetch(spoilt, spoilt)
    assert len(staged.calls()) == 2
    assert "\n" not in str(blocked.value)
    assert not leftovers()


def test_another_hash_than_the_pinned_one_is_never_unpacked(staged):
    pinned = replace(staged.wheel, sha256="0" * 64)
    with pytest.raises(Blocked, match="another SHA-256"):
        staged.fetch("serve", "serve", wheel=pinned)
    assert not list(cache_root().rglob("tritonserver"))


@pytest.mark.parametrize("plan", ["offline", "absent"])
def test_offline_with_an_empty_cache_is_one_clear_line_at_once(staged, plan):
    with pytest.raises(Blocked) as blocked:
        staged.fetch(plan)
    assert len(staged.calls()) == 1
    line = str(blocked.value)
    assert "\n" not in line
    assert "nvidia-pytriton 1.0" in line
    assert str(cache_root()) in line
    assert f"put the file {staged.wheel.filename} into {cache_root() / 'downloads'}" in line
    assert ("can't be reached" in line) == (plan == "offline")


def test_pip_is_not_given_minutes_to_find_out_that_it_is_offline(staged):
    staged.fetch("serve")
    arguments = staged.calls()[0]["arguments"]
    assert arguments[arguments.index("--retries") + 1] == "1"
    assert int(arguments[arguments.index("--timeout") + 1]) <= 15


@pytest.mark.parametrize("plan", [("offline",), ("interrupt", "interrupt")])
def test_no_password_of_an_index_is_told(staged, plan):
    with pytest.raises(Blocked) as blocked:
        staged.fetch(*plan)
    assert "hunter2" not in "\n".join([str(blocked.value), *staged.lines])


def test_after_a_failure_the_next_run_can_succeed(staged):
    with pytest.raises(Blocked):
        staged.fetch("offline")
    assert (staged.fetch("offline", "serve") / SERVER).exists()


def test_a_file_that_the_user_put_there_is_used_without_a_network(staged):
    downloads = cache_root() / "downloads"
    downloads.mkdir(parents=True)
    staged.file.rename(downloads / staged.file.name)

    assert (staged.fetch() / SERVER).exists()

    assert staged.calls() == []
    assert (downloads / staged.file.name).exists()


def test_a_wrong_file_that_the_user_put_there_is_named_and_not_used(staged):
    wrong = cache_root() / "downloads" / staged.file.name
    wrong.parent.mkdir(parents=True)
    wrong.write_bytes(b"something else")

    assert (staged.fetch("serve") / SERVER).read_text() == "a server"

    assert any(str(wrong) in line and "ignoring" in line for line in staged.lines)


def test_two_runs_at_once_fetch_once(staged):
    os.mkfifo(staged.folder / "go")

    def progress(line):
        if line.startswith("waiting"):
            (staged.folder / "go").write_text("go")

    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(staged.fetch, "hold", progress=progress) for _ in range(2)]
        found = {run.result() for run in runs}
    assert len(found) == 1
    assert len(staged.calls()) == 1


@pytest.mark.parametrize(
    "name", ["../outside", "/outside", "pytriton/tritonserver/../../../outside"]
)
def test_no_file_of_a_wheel_is_written_outside(tmp_path, name):
    file = tmp_path / "evil.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(SERVER, "a server")
        archive.writestr(name, "outside")
    directory = tmp_path / "a" / "b" / "c"
    directory.mkdir(parents=True)
    with pytest.raises(BrokenError, match="unsafe name"):
        unpack(file, directory)
    assert not list(tmp_path.rglob("outside"))


def test_a_link_in_a_wheel_is_refused(tmp_path):
    link = zipfile.ZipInfo("pytriton/tritonserver/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "evil.whl", "w") as archive:
        archive.writestr(link, "/etc")
    with pytest.raises(BrokenError, match="unsafe name"):
        unpack(tmp_path / "evil.whl", tmp_path)


def test_a_wheel_without_a_server_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as archive:
        archive.writestr("pytriton/client/client.py", "")
    with pytest.raises(BrokenError, match="holds no server"):
        unpack(tmp_path / "other.whl", tmp_path)


def test_the_newest_wheel_is_really_to_be_had():
    """The one test that uses the network and the user's own cache."""
    release = load_releases(Path(__file__).parents[2] / "releases").newest_with_wheel()
    try:
        found = fetch_wheel(release.wheel, print, called=f"Triton {release.server}")
    except Blocked as blocked:
        pytest.skip(str(blocked))
    assert os.access(found / SERVER, os.X_OK)
    stubs = {
        stub.parent.name: stub
        for stub in found.glob("pytriton/tritonserver/python_backend_stubs/*/*stub")
    }
    assert set(stubs) == set(release.wheel.stubs)
    assert {version: stub_python(stub) for version, stub in stubs.items()} == {v: v for v in stubs}
    for version, stub in stubs.items():
        assert linked_library(stub).endswith(f".{version.split('.')[1]}.so.1.0")
    assert stub_python(found / SERVER) is None
