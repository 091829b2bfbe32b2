from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers.cache import cache_root
from triton_claims.servers.environments import model_environment, numpy_release
from triton_claims.servers.interpreters import Interpreter, find_interpreter


def interpreter(**different):
    return Interpreter(
        **{
            "executable": Path(getattr(sys, "_base_executable", sys.executable)),
            "version": f"{sys.version_info[0]}.{sys.version_info[1]}",
            "release": sys.version.split()[0],
            "prefix": Path(sys.base_prefix),
            "libpython": Path("/nowhere"),
            **different,
        }
    )


@pytest.fixture
def pip(tmp_path, monkeypatch):
    monkeypatch.setenv("TRITON_CLAIMS_CACHE", str(tmp_path / "cache"))

    def stage(*plan):
        (tmp_path / "plan").write_text(" ".join(plan))
        return (sys.executable, str(Path(__file__).with_name("staged_pip.py")), str(tmp_path))

    return stage


def calls(tmp_path):
    return [json.loads(call)["arguments"] for call in (tmp_path / "calls").read_text().splitlines()]


def ask(environment, program):
    asked = subprocess.run(
        [environment / "bin" / "python3", "-I", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    return asked.stdout.strip()


def test_an_environment_is_made_once_and_holds_numpy(pip, tmp_path):
    made = model_environment(interpreter(), pip=pip("serve"))
    assert model_environment(interpreter(), pip=pip("serve")) == made
    assert ask(made, "import numpy; print(numpy.__version__)") == "staged"
    assert ask(made, "import sys; print(sys.prefix)") == str(made)
    (arguments,) = calls(tmp_path)
    assert "--require-hashes" in arguments
    assert "--no-deps" in arguments


def test_there_is_neither_pip_nor_the_suites_packages_in_it(pip):
    made = model_environment(interpreter(), pip=pip("serve"))
    find = "import importlib.util as u; print([u.find_spec(n) for n in ('pip', 'pytest')])"
    assert ask(made, find) == "[None, None]"


def test_it_is_compiled_when_it_is_made(pip):
    made = model_environment(interpreter(), pip=pip("serve"))
    assert list(made.rglob("numpy/__pycache__/__init__.*.pyc"))


def test_numpy_1_and_numpy_2_have_environments_of_their_own(pip):
    if numpy_release(interpreter()) == numpy_release(interpreter(), 2):
        pytest.skip("NumPy 1 was never built for this Python")
    one = model_environment(interpreter(), 1, pip=pip("serve"))
    two = model_environment(interpreter(), 2, pip=pip("serve", "serve"))
    assert one != two


@pytest.mark.parametrize(
    ("version", "major", "release"),
    [
        *[(version, 1, "1.") for version in ("3.10", "3.11", "3.12")],
        *[(version, 2, "2.") for version in ("3.10", "3.11", "3.12", "3.13")],
        ("3.13", 1, "2."),
    ],
)
def test_every_python_that_models_run_on_has_its_numpy(version, major, release):
    assert numpy_release(interpreter(version=version), major).startswith(release)


def test_a_python_that_nothing_is_pinned_for_is_blocked():
    with pytest.raises(Blocked, match=r"Python 3\.9"):
        numpy_release(interpreter(version="3.9"))


@pytest.mark.parametrize("plan", ["offline", "absent", "mismatch"])
def test_without_numpy_it_is_blocked_in_one_line_and_nothing_is_left(pip, plan):
    with pytest.raises(Blocked) as blocked:
        model_environment(interpreter(), pip=pip(plan))
    line = str(blocked.value)
    assert "\n" not in line
    assert "hunter2" not in line
    assert f"NumPy {numpy_release(interpreter())}" in line
    assert str(cache_root() / "downloads") in line
    assert not list(cache_root().rglob("python3"))


def test_a_file_that_the_user_put_there_is_used_without_a_network(pip, tmp_path):
    with pytest.raises(Blocked) as blocked:
        model_environment(interpreter(), pip=pip("offline"))
    name = str(blocked.value).split("put the file ")[1].split()[0]
    (cache_root() / "downloads").mkdir()
    (cache_root() / "downloads" / name).touch()

    model_environment(interpreter(), pip=pip("offline", "serve"))

    assert "--no-index" not in calls(tmp_path)[0]
    assert "--no-index" in calls(tmp_path)[1]


def test_two_pythons_of_one_version_do_not_share_an_environment(pip):
    one = model_environment(interpreter(), pip=pip("serve"))
    other = model_environment(interpreter(release="3.99.1"), pip=pip("serve", "serve"))
    assert one != other


def test_a_python_that_makes_no_environments_is_broken(pip, tmp_path):
    python = tmp_path / "python3"
    python.write_text("#!/bin/sh\necho No module named venv >&2\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(BrokenError, match="No module named venv"):
        model_environment(interpreter(executable=python), pip=pip())


def test_a_real_environment_runs_numpy():
    """Uses the network and the user's own cache, as a run does."""
    try:
        found = find_interpreter(("3.10", "3.11", "3.12"))
        made = model_environment(found)
    except Blocked as blocked:
        pytest.skip(str(blocked))
    assert ask(made, "import numpy; print(numpy.__version__)") == numpy_release(found)
    assert ask(made, "import platform; print(platform.python_version())") == found.release
