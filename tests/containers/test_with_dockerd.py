from __future__ import annotations

import io
import os
import select
import shutil
import signal
import subprocess
import sys
import tarfile
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from containers.engines import REASON_VARIABLE, answers, obstacle, own_engine

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = [sys.executable, str(ROOT / "scripts" / "with-dockerd")]

needs_engine = pytest.mark.skipif(bool(obstacle()), reason=str(obstacle()))


@pytest.fixture
def environment():
    """One that means an engine that is not there."""
    kept = {name: value for name, value in os.environ.items() if name != REASON_VARIABLE}
    return {**kept, "DOCKER_HOST": "unix:///nowhere/docker.sock"}


@pytest.fixture(scope="session")
def sleeper():
    """An image's archive with nothing but this machine's ``sleep`` in it."""
    sleep = shutil.which("sleep")
    libraries = subprocess.run(["ldd", sleep], capture_output=True, text=True, check=True).stdout  # noqa: S607
    paths = [word for word in libraries.split() if word.startswith("/")]
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, path in [("sleep", sleep), *((path, path) for path in paths)]:
            tar.add(Path(path).resolve(), name.lstrip("/"))
    return content.getvalue()


# What the script runs: it has a container run, says which engine that is on, and waits or ends.
COMMAND = """
import os, signal, sys, docker
client = docker.from_env()
client.api.import_image_from_data(sys.stdin.buffer.read(), repository="sleeper", tag="1")
client.networks.create("a-network")
container = client.containers.run("sleeper:1", ["/sleep", "3600"], detach=True)
container.reload()
print(client.info()["Labels"][0].partition("=")[2], container.attrs["State"]["Pid"], flush=True)
print(os.environ["DOCKER_HOST"].removeprefix("unix://"), flush=True)
client.close()
if sys.argv[1] == "end":
    sys.exit(7)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
signal.pause()
"""


class Started:
    """The script with a command that has a container run on its engine."""

    def __init__(self, what, environment, sleeper):
        self.process = subprocess.Popen(
            [*SCRIPT, sys.executable, "-c", COMMAND, what],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.process.stdin.write(sleeper)
        self.process.stdin.close()
        self.name, pid = self.process.stdout.readline().decode().split()
        self.container = int(pid)
        self.folder = Path(self.process.stdout.readline().decode().strip()).parent

    def end(self):
        with self.process.stdout:
            return self.process.wait()

    def traces(self):
        """What is still there of the engine and its container."""
        mounts = Path("/proc/mounts").read_text()
        links = subprocess.run(["ip", "link"], capture_output=True, text=True, check=True).stdout  # noqa: S607
        processes = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                processes.append((entry / "cmdline").read_text())
        return [
            *([self.folder] if self.folder.exists() else []),
            *(["mount"] if str(self.folder) in mounts else []),
            *(["bridge"] if self.name in links else []),
            *(["container"] if Path(f"/proc/{self.container}").exists() else []),
            *(line for line in processes if str(self.folder) in line),
            *Path("/sys/fs/cgroup").glob(f"*/{self.name}"),
        ]


@needs_engine
def test_a_command_has_an_engine_and_keeps_its_exit_code_and_nothing_stays(environment, sleeper):
    started = Started("end", environment, sleeper)
    assert started.end() == 7
    assert started.traces() == []


@needs_engine
def test_a_terminated_run_lets_the_command_end_and_nothing_stays(environment, sleeper):
    started = Started("wait", environment, sleeper)
    assert started.traces()  # the detector detects
    started.process.terminate()
    assert started.end() == 9
    assert started.traces() == []


@needs_engine
def test_nothing_stays_of_a_killed_run_either(environment, sleeper):
    started = Started("wait", environment, sleeper)
    children = {
        child.cmdline()[1]: child for child in psutil.Process(started.process.pid).children()
    }
    command, guard = children["-c"], children["-I"]
    handle = os.pidfd_open(guard.pid)
    started.process.kill()
    assert started.end() == -signal.SIGKILL
    command.kill()
    select.select([handle], [], [], 60)
    os.close(handle)
    assert started.traces() == []


def test_an_engine_that_answers_is_taken(docker_engine, environment):
    command = [sys.executable, "-c", "import os; print(os.environ['DOCKER_HOST'])"]
    run = subprocess.run(
        [*SCRIPT, *command],
        env={**environment, "DOCKER_HOST": docker_engine},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == docker_engine


def test_where_no_engine_can_be_started_the_command_runs_and_is_told_why(environment, tmp_path):
    command = [sys.executable, "-c", f"import os; print(os.environ['{REASON_VARIABLE}'])"]
    run = subprocess.run(
        [*SCRIPT, *command],
        env={**environment, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "no Docker engine answers" in run.stdout


@needs_engine
def test_an_engine_that_does_not_start_is_a_reason_with_its_last_words(environment, tmp_path):
    (tmp_path / "dockerd").write_text("#!/bin/sh\necho 'no such driver'\nexit 1\n")
    (tmp_path / "dockerd").chmod(0o755)
    command = [sys.executable, "-c", f"import os; print(os.environ['{REASON_VARIABLE}'])"]
    run = subprocess.run(
        [*SCRIPT, *command],
        env={**environment, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "dockerd ended: no such driver"


def test_a_command_that_is_not_there_is_said(environment):
    run = subprocess.run(
        [*SCRIPT, "/nowhere/command"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 127
    assert "/nowhere/command" in run.stderr


@needs_engine
def test_two_engines_run_side_by_side():
    with own_engine() as one, own_engine() as other:
        assert answers(one.url)
        assert answers(other.url)
