"""Where Perf Analyzer comes from, with wheels and programs that are staged."""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path

import pytest

from staged.client_wheel import make_client_wheel
from triton_claims.errors import Blocked, BrokenError
from triton_claims.notes.releases import ClientPackage
from triton_claims.servers import perf_analyzer_program as module
from triton_claims.servers import wheels
from triton_claims.servers.distribution import NewerRelease, PackageUnavailableError
from triton_claims.servers.perf_analyzer_program import perf_analyzer_program

WORKS = b'#!/bin/sh\necho "Perf Analyzer Version 2.54.0 (commit unknown)"\n'
TOO_NEW = b"#!/bin/sh\necho \"$0: version 'GLIBC_9.9' not found\"\nexit 1\n"
LOADER = '#!/bin/sh\necho "Perf Analyzer Version 2.54.0 by $1 with ${3##*/}"\n'


@pytest.fixture
def staged(tmp_path, monkeypatch):
    """Makes a wheel with a program, which a staged pip serves."""
    monkeypatch.setenv("TRITON_CLAIMS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "newer_release", lambda _glibc: None)

    def stage(program, *plan):
        file = make_client_wheel(tmp_path / "files", "2.54.0", "manylinux1_x86_64", program)
        (tmp_path / "plan").write_text(" ".join(plan or ("serve",)))
        pip = (sys.executable, str(Path(__file__).with_name("staged_pip.py")), str(tmp_path))
        fetch = wheels.fetch_program
        monkeypatch.setattr(module, "fetch_program", lambda *arguments: fetch(*arguments, pip=pip))
        return ClientPackage(
            "tritonclient",
            "2.54.0",
            file.name,
            sha256(file.read_bytes()).hexdigest(),
            file.stat().st_size,
            "9.9",
            "staged for a test",
        )

    return stage


def newer_libraries(monkeypatch, content=LOADER):
    asked = []

    def fetch(packages, directory, codename):
        asked.append((packages, codename))
        loader = directory / "usr" / "lib" / "ld-linux-x86-64.so.2"
        loader.parent.mkdir(parents=True)
        (loader.parent / "libc.so.6").touch()
        loader.write_text(content)
        loader.chmod(0o755)

    monkeypatch.setattr(module, "newer_release", lambda glibc: NewerRelease("newer", glibc))
    monkeypatch.setattr(module, "fetch_packages", fetch)
    return asked


def test_it_is_fetched_by_its_hash_and_kept(staged):
    wheel = staged(WORKS)
    found = perf_analyzer_program(wheel, print)
    assert found.version == "2.54.0"
    assert perf_analyzer_program(wheel, print) == found  # the staged pip serves once


def test_another_file_than_the_pinned_one_is_not_run(staged):
    wheel = staged(WORKS, "corrupt", "corrupt")
    with pytest.raises(Blocked, match="another SHA-256"):
        perf_analyzer_program(wheel, print)


def test_without_a_network_it_is_blocked(staged):
    wheel = staged(WORKS, "offline")
    with pytest.raises(Blocked, match=r"put the file tritonclient-2.54.0.* into"):
        perf_analyzer_program(wheel, print)


def test_a_wheel_without_it_is_broken(staged):
    wheel = staged(WORKS)
    with pytest.raises(BrokenError, match="holds no program other"):
        module.fetch_program(wheel, "other", print)


def test_where_this_system_is_too_old_it_runs_on_a_newer_ones_libraries(staged, monkeypatch):
    wheel = staged(TOO_NEW)
    asked = newer_libraries(monkeypatch)
    lines = []
    found = perf_analyzer_program(wheel, lines.append)
    assert found.version == "2.54.0"
    loader, option, folders, program = found.command
    assert (Path(loader).name, option) == ("ld-linux-x86-64.so.2", "--library-path")
    assert folders == str(Path(loader).parent)
    assert program.endswith("/bin/perf_analyzer")
    assert asked == [(module._PACKAGES, "newer")]
    assert "fetching libraries of newer for Perf Analyzer 2.54.0" in lines
    assert perf_analyzer_program(wheel, print) == found
    assert len(asked) == 1


def test_where_no_newer_system_is_known_it_is_blocked(staged):
    wheel = staged(TOO_NEW)
    with pytest.raises(Blocked, match=r"'GLIBC_9.9' not found; to unblock: .*glibc 9.9"):
        perf_analyzer_program(wheel, print)


def test_the_way_out_is_the_callers(staged):
    wheel = staged(TOO_NEW)
    with pytest.raises(Blocked) as caught:
        perf_analyzer_program(wheel, print)
    assert caught.value.unblock == "a machine with glibc 9.9"
    with pytest.raises(Blocked) as caught:
        perf_analyzer_program(wheel, print, way_out="--load-engine client")
    assert caught.value.unblock == "a machine with glibc 9.9, or --load-engine client"


def test_where_its_libraries_cannot_be_had_it_is_blocked(staged, monkeypatch):
    wheel = staged(TOO_NEW)
    newer_libraries(monkeypatch)

    def fetch(*_arguments):
        raise PackageUnavailableError("no mirror answers")

    monkeypatch.setattr(module, "fetch_packages", fetch)
    with pytest.raises(Blocked, match=r"GLIBC_9.9.* no newer libraries: no mirror answers"):
        perf_analyzer_program(wheel, print)


def test_where_it_does_not_run_with_them_either_it_is_blocked(staged, monkeypatch):
    wheel = staged(TOO_NEW)
    newer_libraries(monkeypatch, "#!/bin/sh\necho 'no such symbol'\nexit 127\n")
    with pytest.raises(Blocked, match="does not run here: no such symbol"):
        perf_analyzer_program(wheel, print)
