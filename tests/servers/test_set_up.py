from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def python(folder, name, *, points):
    """Stages a Python that scores so many points, or is a shim with nothing behind it."""
    folder.mkdir(exist_ok=True)
    answer = "exit 127" if points is None else f"echo {points}"
    (folder / name).write_text(f"#!/bin/sh\n{answer}\n")
    (folder / name).chmod(0o755)


def find_python(tmp_path, **environment):
    for tool in ("sh", "ls", "cat"):
        link = tmp_path / "bin" / tool
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(shutil.which(tool))
    return subprocess.run(
        [shutil.which("sh"), ROOT / "scripts" / "find-python"],
        env={"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_python_that_models_run_on_best_is_taken(tmp_path):
    for name, points in (("python3", 1), ("python3.11", 4), ("python3.10", 4), ("python3.13", 2)):
        python(tmp_path / "bin", name, points=points)
    assert find_python(tmp_path).stdout.strip() == str(tmp_path / "bin" / "python3.11")


def test_a_shim_with_nothing_behind_it_is_passed_over(tmp_path):
    python(tmp_path / "bin", "python3", points=None)
    python(tmp_path / "bin", "python3.12", points=3)
    assert find_python(tmp_path).stdout.strip().endswith("python3.12")


def test_a_python_of_pyenvs_is_found(tmp_path):
    folder = tmp_path / ".pyenv" / "versions" / "3.11.7" / "bin"
    folder.mkdir(parents=True)
    python(folder, "python3", points=4)
    assert find_python(tmp_path).stdout.strip() == str(folder / "python3")


def test_the_user_chooses(tmp_path):
    python(tmp_path / "bin", "python3", points=4)
    python(tmp_path / "bin", "mine", points=0)
    assert find_python(tmp_path, PYTHON="mine").stdout.strip().endswith("/mine")


@pytest.mark.parametrize("environment", [{}, {"PYTHON": "/nowhere/python3"}])
def test_without_a_python_one_line_says_so(tmp_path, environment):
    found = find_python(tmp_path, **environment)
    assert found.returncode != 0
    (line,) = found.stderr.splitlines()
    assert "no Python here" in line or "PYTHON=/nowhere/python3" in line


@pytest.fixture
def tree(tmp_path):
    """The project's set-up in a place of its own, with a Python that only notes what it runs."""
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / "scripts", tree / "scripts")
    (tree / "triton_claims" / "servers").mkdir(parents=True)
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tree / name)
    recorder = tree / "python"
    recorder.write_text(
        "#!/bin/sh\n"
        '[ "$1" != -c ] || exit 0\n'  # a look whether it runs at all
        f'echo "$@" >>"{tree}/ran"\n'
        'case "$2" in *make-venv) mkdir -p .venv/bin; cp "$0" .venv/bin/python;'
        ' printf "%s\\n" "$3" >.venv/made-from;; esac\n'
    )
    recorder.chmod(0o755)

    def set_up(*arguments):
        (tree / "ran").write_text("")
        subprocess.run(
            [shutil.which("sh"), tree / "scripts" / "set-up", *arguments],
            env={**os.environ, "PYTHON": str(recorder)},
            check=True,
        )
        return [line.split()[1] for line in (tree / "ran").read_text().splitlines() if line]

    set_up.tree = tree
    return set_up


CHECK_HOST, MAKE = "triton_claims/servers/host.py", "scripts/make-venv"


def test_the_machine_is_looked_at_before_anything_is_made(tree):
    assert tree() == [CHECK_HOST, MAKE]


def test_a_second_run_makes_nothing(tree):
    tree()
    assert tree() == [CHECK_HOST]


def test_what_does_not_run_here_is_made_again(tree):
    tree()
    python(tree.tree / ".venv" / "bin", "python", points=None)
    assert tree() == [CHECK_HOST, MAKE]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_change_of_what_is_pinned_is_followed(tree, name):
    tree()
    with (tree.tree / name).open("a") as file:
        file.write("# changed\n")
    assert tree() == [CHECK_HOST, MAKE]


def test_the_host_check_knows_the_targets(tree):
    tree("--target", "install:/opt/tritonserver")
    assert "--target install:/opt/tritonserver" in (tree.tree / "ran").read_text()


def test_every_package_is_pinned_with_a_hash_and_no_index_is_named():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if "://" in line]
    pinned = [line for line in lines if line and line[0].isalnum()]
    assert pinned
    assert all("==" in line and line.endswith("\\") for line in pinned)
