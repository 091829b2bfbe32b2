from __future__ import annotations

import os
import subprocess
import sys

import pytest

from triton_claims.errors import BrokenError
from triton_claims.measure.memory import mapped_files, resident, watch

MIB = 2**20
#: Holds so many MiB more for each line it reads, and says so.
HOARDER = """
import sys
kept = []
print("ready", flush=True)
for line in sys.stdin:
    kept.append(bytes([1]) * (int(line) * 2**20))
    print("kept", flush=True)
"""


class Hoarder:
    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOARDER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self.process.pid
        self.process.stdout.readline()

    def keep(self, mebibytes):
        print(mebibytes, file=self.process.stdin, flush=True)
        self.process.stdout.readline()

    def end(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def hoarder():
    hoarder = Hoarder()
    yield hoarder
    hoarder.end()


@pytest.fixture
def another():
    hoarder = Hoarder()
    yield hoarder
    hoarder.end()


def test_what_a_process_holds_is_seen(hoarder):
    before = resident(hoarder.pid)
    hoarder.keep(50)
    assert resident(hoarder.pid) - before == pytest.approx(50, abs=2)


def test_a_process_that_is_gone_holds_nothing_known(hoarder):
    hoarder.process.kill()
    hoarder.process.wait()
    assert resident(hoarder.pid) is None


def test_a_watch_sees_server_and_stubs_apart_and_what_began_when(hoarder, another):
    with watch(hoarder.pid, lambda: [another.pid]) as watching:
        first = watching.look()
        watching.mark("work")
        hoarder.keep(20)
        another.keep(30)
        last = watching.look()
    timeline = watching.timeline()
    assert last.server - first.server == pytest.approx(20, abs=2)
    assert last.stubs - first.stubs == pytest.approx(30, abs=2)
    assert last.total == last.server + last.stubs
    ((at, event),) = timeline.events
    assert event == "work"
    assert first.seconds <= at <= last.seconds
    assert list(timeline.samples) == sorted(timeline.samples, key=lambda sample: sample.seconds)


def test_a_watch_goes_on_by_itself(hoarder):
    with watch(hoarder.pid) as watching:
        while len(watching._samples) < 3:
            assert watching._ends.wait(0.01) is False
    assert len(watching.timeline().samples) >= 3


def test_a_watch_without_a_look_tells_nothing():
    with (
        watch(2**22 + 1) as watching,  # beyond what Linux gives out as a process id
        pytest.raises(BrokenError, match="no memory was seen"),
    ):
        watching.timeline()
    with pytest.raises(BrokenError, match="is gone"):
        watching.look()


def test_a_watch_ends_when_what_it_watches_does(hoarder):
    with watch(hoarder.pid) as watching:
        watching.look()
        hoarder.end()
    assert watching.timeline().samples


def test_libraries_of_a_process_are_seen(hoarder):
    mapped = mapped_files(hoarder.pid)
    assert any(os.path.realpath(sys.executable) == path for path in mapped)
    assert any("libc.so" in path or "libc-" in path for path in mapped)
    hoarder.end()
    with pytest.raises(BrokenError, match="cannot see"):
        mapped_files(hoarder.pid)
