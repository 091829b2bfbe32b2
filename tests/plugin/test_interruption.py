"""Runs that are ended in the middle: what they knew is kept, what they started is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from polling import PATIENCE, until
from triton_claims.servers import scratch
from triton_claims.verdicts.ledger import read_ledger

#: The first check is decided; the second says that it is under way, and waits to be killed.
CHECKS = """
    import os
    import threading
    from pathlib import Path

    import pytest


    @pytest.mark.claim("server-version")
    def test_always(server):
        pass


    @pytest.mark.claim("correlation-id-string")
    def test_ranged(server):
        Path(os.environ["UNDER_WAY"]).write_text(str(server.process.pid))
        threading.Event().wait(120)


    @pytest.mark.claim("python-no-restart")
    def test_never_reached(server):
        pass
"""


class Run:
    """A run of pytest that has come to its second check."""

    def __init__(self, project, name, target, *options):
        self.reports = project.path / name
        self.under_way = project.path / f"{name}.pid"
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "pytest", "-p", "fixtures.plugin", "-p", "no:randomly"),
                *("-p", "no:cacheprovider", "suites"),
                *(f"--target={target}", f"--reports={self.reports}", *options),
            ],
            cwd=project.path,
            env={**os.environ, "UNDER_WAY": str(self.under_way)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait_until_under_way(self):
        until(
            lambda: self.under_way.is_file() and self.under_way.read_text(encoding="utf-8"),
            "the run did not come to its second check",
        )
        self.server = psutil.Process(int(self.under_way.read_text(encoding="utf-8")))
        self.scratch = self.server.environ()[scratch.RUN_VARIABLE]

    def ledger(self):
        return read_ledger(self.reports / "ledger.jsonl")


@pytest.fixture
def two_runs(project):
    """Two runs at once, of one project, both in the middle of their second check."""
    project.check(CHECKS)
    target = project.stage("server", leaves_child=True)
    started = []

    def start(*options):
        started.extend(Run(project, name, target, *options) for name in ("first", "second"))
        for run in started:
            run.wait_until_under_way()
        return started

    yield start
    for run in started:
        if run.process.poll() is None:
            run.process.kill()
        run.process.wait()


def assert_nothing_is_left(run):
    until(lambda: not scratch.processes_of(run.scratch), "processes are left")
    until(lambda: not (scratch.base_folder() / run.scratch).exists(), "the folder is left")
    prefix = f"triton_claims_{run.scratch}_"
    shared_memory = Path("/dev/shm")  # noqa: S108 - where Linux keeps it
    assert not list(shared_memory.glob(f"{prefix}*"))


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two workers"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=str)
def test_killed_twice_at_once(two_runs, how, options):
    runs = two_runs(*options)
    for run in runs:
        run.process.send_signal(how)
    for run in runs:
        status = run.process.wait(PATIENCE)
        assert status == (-how if how == signal.SIGKILL else pytest.ExitCode.INTERRUPTED)
    for run in runs:
        assert_nothing_is_left(run)
        ledger = run.ledger()
        assert ledger.truncation
        if not options:  # two workers may have begun with either check
            assert [cell.claim for cell in ledger.cells] == ["server-version"]
        if how == signal.SIGKILL:
            assert ledger.footer is None
        else:
            assert how.name.removeprefix("SIG") in ledger.truncation.replace("Ctrl-C", "INT")
            assert (run.reports / "summary.md").is_file()


def test_what_even_the_guard_left_is_swept_by_the_next_run(two_runs):
    runs = two_runs()
    for run in runs:
        guards = [
            child
            for child in psutil.Process(run.process.pid).children()
            if "triton_claims.servers.guard" in child.cmdline()
        ]
        assert len(guards) == 1
        for process in (*guards, run.process):
            process.kill()
        run.process.wait()
    assert all(run.server.is_running() for run in runs)
    scratch.sweep()
    for run in runs:
        assert_nothing_is_left(run)
