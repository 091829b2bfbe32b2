"""Programs that are run to their end, whatever they do."""

from __future__ import annotations

import os
import sys

import psutil
import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers.scratch import wait_until_ended
from triton_claims.tools.running import Finished, run_program


@pytest.fixture
def run(tmp_path):
    """Runs a Python program."""
    folder = tmp_path / "work"
    folder.mkdir()

    def run(program, *arguments, timeout=60.0, environment=None):
        return run_program(
            (sys.executable, "-c", program, *arguments),
            called=("program", *arguments),
            folder=folder,
            environment=environment or {"PATH": os.defpath},
            timeout=timeout,
        )

    return run


def test_what_it_says_and_how_it_ends_come_back(run):
    finished = run("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)", "a b")
    assert (finished.returncode, finished.stdout, finished.stderr) == (3, "out\n", "err\n")
    assert finished.output == "out\nerr\n"
    assert finished.command_line == "program 'a b'"
    assert 0 < finished.seconds < 60
    told = finished.describe().splitlines()
    assert told[:3] == ["$ program 'a b'", "stdout: out", "stderr: err"]
    assert told[3].startswith("exit code 3 after ")


def test_the_signal_that_ended_it_is_told(run):
    assert run("import os; os.kill(os.getpid(), 9)").returncode == -9


def test_it_runs_in_its_folder_with_its_environment_alone(run, tmp_path, monkeypatch):
    monkeypatch.setenv("SOMETHING", "else")
    program = "import os, sys; print(os.getcwd(), sorted(os.environ), sys.stdin.read() == '')"
    finished = run(program, environment={"LC_ALL": "C"})
    assert finished.stdout.split(maxsplit=1) == [str(tmp_path / "work"), "['LC_ALL'] True\n"]


def test_what_is_no_text_comes_back_all_the_same(run):
    assert "\N{REPLACEMENT CHARACTER}" in run(r"import os; os.write(1, b'\xff')").stdout


SPAWN = """
import subprocess
print(subprocess.Popen(["sleep", "600"]).pid)
"""
#: The same as it, but that it does not end; up at once, so that a short time is enough for it.
HANG = "sleep 600 & echo $!; sleep 600"


def ends(pid):
    """Whether a process is gone, or is so at once: it was killed a moment ago."""
    try:
        process = psutil.Process(pid)
        wait_until_ended([process], timeout=30)
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_what_it_leaves_behind_is_ended_with_it(run):
    finished = run(SPAWN)
    assert finished.returncode == 0
    assert finished.seconds < 60  # nobody waits for what it left
    assert ends(int(finished.stdout))


def test_what_does_not_end_is_killed_with_all_it_started(tmp_path):
    (tmp_path / "work").mkdir()
    with pytest.raises(BrokenError, match=r"^program did not end within 3 s") as caught:
        run_program(
            ("/bin/sh", "-c", HANG),
            called=("program",),
            folder=tmp_path / "work",
            environment={"PATH": os.defpath},
            timeout=3,
        )
    said = next(line for line in str(caught.value).splitlines() if line.startswith("stdout: "))
    child = int(said.removeprefix("stdout: "))
    assert ends(child)


def test_what_cannot_be_started_is_broken(tmp_path):
    with pytest.raises(BrokenError, match=r"tool cannot be started: .*No such file"):
        run_program(
            ("/no/such/program",), called=("tool",), folder=tmp_path, environment={}, timeout=1
        )


def test_secrets_are_not_shown():
    finished = Finished(
        ("genai-perf", "--header", "Authorization: Bearer abcdef0123456789"),
        0,
        "password=hunter2222\n",
        "https://someone:hunter2222@host.invalid/\n",
        1.0,
    )
    assert "hunter2222" not in finished.describe()
    assert "abcdef0123456789" not in finished.describe()


def test_the_end_of_a_long_output_is_shown():
    finished = Finished(("tool",), 0, "".join(f"line {n}\n" for n in range(1000)), "", 1.0)
    told = finished.describe()
    assert "[940 lines of stdout]" in told
    assert "line 999" in told
    assert "line 900\n" not in told
