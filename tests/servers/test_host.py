from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from triton_claims.servers import host

FINE = {"system": "Linux", "machine": "x86_64", "libc": "glibc 2.35", "python": (3, 10)}


def test_a_fitting_machine_has_no_obstacles():
    assert host.obstacles(**FINE) == []
    assert host.obstacles(**{**FINE, "libc": "glibc 2.41", "python": (3, 13)}) == []


@pytest.mark.parametrize(
    ("staged", "here", "needed"),
    [
        ({"system": "Darwin", "libc": ""}, "Darwin", "Linux"),
        ({"machine": "aarch64"}, "aarch64", "x86_64"),
        ({"libc": "musl"}, "musl", "glibc 2.35"),
        ({"libc": ""}, "unknown C library", "glibc 2.35"),
        ({"libc": "glibc 2.31"}, "glibc 2.31", "glibc 2.35"),
        ({"libc": "glibc 2.9"}, "glibc 2.9", "glibc 2.35"),
        ({"python": (3, 9)}, "Python 3.9", "3.10 to 3.13"),
        ({"python": (3, 14)}, "Python 3.14", "3.10 to 3.13"),
        ({"python": (2, 7)}, "Python 2.7", "3.10 to 3.13"),
    ],
)
def test_an_obstacle_is_one_line_with_what_is_here_what_is_needed_and_a_way_out(
    staged, here, needed
):
    (line,) = host.obstacles(**{**FINE, **staged})
    assert "\n" not in line
    assert here in line
    assert needed in line
    assert "--target" in line or "PYTHON=" in line


def test_obstacles_are_told_all_at_once():
    found = host.obstacles(system="Linux", machine="aarch64", libc="musl", python=(3, 8))
    assert len(found) == 3


def test_servers_elsewhere_need_no_particular_machine():
    staged = {"system": "Darwin", "machine": "arm64", "libc": "", "embedded": False}
    assert host.obstacles(**staged, python=(3, 12)) == []
    assert len(host.obstacles(**staged, python=(3, 9))) == 1


@pytest.mark.parametrize(
    ("arguments", "embedded"),
    [
        ([], True),
        (["-k", "string"], True),
        (["--target", "wheel:24.10"], True),
        (["--target=wheel:24.10", "-x"], True),
        (["--target", "install:/opt/tritonserver"], False),
        (["--target=install:/opt/wheel"], False),
        (["--target=install:/opt/tritonserver", "--target", "wheel:24.10"], True),
    ],
)
def test_the_targets_say_whether_embedded_servers_are_wanted(arguments, embedded):
    assert host.wants_embedded(arguments) is embedded


def test_the_c_library_is_known_on_this_machine():
    name, _, version = host.c_library().partition(" ")
    assert name in {"glibc", "musl"}
    assert (name == "musl") == (version == "")


def test_it_runs_as_a_plain_file_before_anything_is_installed():
    file = Path(host.__file__)
    ran = subprocess.run(
        [sys.executable, "-I", "-S", file], capture_output=True, text=True, check=False
    )
    assert ran.returncode == (1 if host.obstacles() else 0)
    assert len(ran.stderr.splitlines()) == len(host.obstacles())


def test_an_old_python_can_read_it():
    ast.parse(Path(host.__file__).read_text(encoding="utf-8"), feature_version=(3, 8))


def test_obstacles_end_with_exit_code_1(monkeypatch, capsys):
    monkeypatch.setattr(host.platform, "machine", lambda: "riscv64")
    monkeypatch.setattr(host.sys, "argv", ["host.py"])
    assert host.main([]) == 1
    assert "riscv64" in capsys.readouterr().err
    assert host.main(["--target", "install:/opt/tritonserver"]) == 0
