"""The checks of memory, where nothing is kept, where something leaks, where no allocator helps."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("suites-memory")

KEEPS, JEMALLOC = "malloc-retention", "allocator-jemalloc-releases"
CONFTEST = "suites/memory/conftest.py"
#: Fewer starts, and less sure: what is shown here is not to be missed.
QUICK = [
    (CONFTEST, "LOOKS = (8, 12, 18)", "LOOKS = (2,)"),
    (CONFTEST, "KEPT = Design(tolerated=0.25, false_alarm=0.02,", "KEPT = Design(0.25, 0.3,"),
    (CONFTEST, "GROWN = Design(tolerated=0.8, false_alarm=0.02,", "GROWN = Design(0.8, 0.3,"),
    (
        CONFTEST,
        "ALLOCATOR_DESIGN = Design(tolerated=-0.15, false_alarm=0.03,",
        "ALLOCATOR_DESIGN = Design(-0.15, 0.3,",
    ),
    # A busy machine makes one pair disagree now and then: there is a second look.
    (CONFTEST, "ROUNDS = (7, 12, 18)", "ROUNDS = (3, 7)"),
    (CONFTEST, "SETTLING = 13.0", "SETTLING = 0.1"),
]
NO_WORK = (CONFTEST, "FLOATS = (20_000, 60_000, 120_000, 250_000)", "FLOATS = (4, 4, 4, 4)")
#: Without time and loads jemalloc holds what it got.
NO_LOADS = (CONFTEST, "LOADS = 5", "LOADS = 0")
LITTLE_WORK = (CONFTEST, NO_WORK[1], "FLOATS = (20_000, 20_000, 20_000, 20_000)")
LEAK = (
    "model_repository/echo/1/model.py",
    "    def execute(self, requests):\n",
    "    kept = []\n\n"
    "    def execute(self, requests):\n"
    "        self.kept.append(bytes([1]) * 2**22)\n",
)
WRONG_LIBRARY = (CONFTEST, "server.allocator(each)", "server.allocator(each) + '.gone'")
FULL_OF_ALLOCATORS = (
    CONFTEST,
    "        must_run_with(fresh, None, _known_allocators())",
    "        must_run_with(fresh, None, ['/lib/x86_64-linux-gnu/libc.so.6'])",
)


def verdict_and_reason(run, claim):
    cell = run.cell(claim)
    return cell.verdict.value, cell.reason


def test_bursts_that_leave_nothing_refute_that_memory_is_kept(run_altered):
    run = run_altered(KEEPS, edits=[*QUICK, NO_WORK])
    verdict, reason = verdict_and_reason(run, KEEPS)
    assert verdict == "refuted"
    assert "holds no more than before" in reason


def test_a_leak_is_no_memory_that_is_kept(run_altered):
    run = run_altered(KEEPS, edits=[*QUICK, LITTLE_WORK, LEAK])
    verdict, reason = verdict_and_reason(run, KEEPS)
    assert verdict == "refuted"
    assert "further bursts raise what it holds" in reason


def test_an_allocator_that_gives_nothing_back_is_refuted(run_altered):
    run = run_altered(JEMALLOC, edits=[*QUICK, NO_LOADS])
    verdict, reason = verdict_and_reason(run, JEMALLOC)
    assert verdict == "refuted"
    assert "jemalloc holds no less in any workload tried" in reason
    assert {"memory over time, by allocator"} == {
        each.title for each in run.cell(JEMALLOC).pictures
    }


def test_an_allocator_that_was_not_loaded_proves_nothing(run_altered):
    run = run_altered(JEMALLOC, edits=[*QUICK, WRONG_LIBRARY])
    verdict, reason = verdict_and_reason(run, JEMALLOC)
    assert verdict == "error"
    assert "libjemalloc.so.2.gone, and has none of" in reason


def test_the_systems_allocator_must_be_alone(run_altered):
    run = run_altered(KEEPS, edits=[*QUICK, FULL_OF_ALLOCATORS])
    verdict, reason = verdict_and_reason(run, KEEPS)
    assert verdict == "error"
    assert "should run with no other allocator" in reason
