"""The check of gRPC clients that give up: on a server with the fault, and with other models."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("suites-grpc-cancellation")

CLAIM = "grpc-cancellation-at-completion"
CHECK = "suites/protocols/test_grpc_cancellation.py"
MODEL = "model_repository/timed_answer/1/model.py"
RELEASE = ("--release=24.12",)

PAUSE = "time.sleep(int(tensor.as_numpy()[0]) / 1e6)"
#: Answers long after their clients have given up: no cancellation ever meets one.
LATE = (MODEL, PAUSE, "time.sleep(0.01 * bool(tensor.as_numpy()[0]))")
PATIENCE = "patience = 0.002 + 2 * must_answer(server)"
HASTY = (CHECK, PATIENCE, "patience = 0.003")
#: Answers at once, and the clients are patient.
AT_ONCE = (MODEL, PAUSE, "pass")
PATIENT = (CHECK, PATIENCE, "patience = 5.0")
IMPORT = (MODEL, "import time\n", "import os\nimport time\n")
SHORT = [
    (CHECK, "LONGEST_TRIAL = 30.0", "LONGEST_TRIAL = 0.1"),
    (CHECK, "SILENCE = 3.0", "SILENCE = 0.1"),
]
#: Writes into the server's log what a server would that has met so many coincidences.
TALL_TALES = (
    MODEL,
    "self.cancelled = 0\n",
    "self.cancelled = 0\n"
    "        for _ in range(20):\n"
    '            print("InferResponseComplete, 0 step ISSUED")\n'
    '            print("skipping response generation as grpc transaction was cancelled", '
    "flush=True)\n",
)


@pytest.fixture
def cell_with(run_altered):
    """The claim's cell, with some lines of the project replaced."""
    return lambda *edits: run_altered(CLAIM, edits=edits, options=RELEASE).cell(CLAIM)


def test_a_server_with_the_fault_is_lost(cell_with):
    cell = cell_with()
    assert cell.verdict.value == "baseline", cell.reason
    assert "cancellations that come as answers get ready take the server down" in cell.reason
    assert "was killed by SIG" in cell.reason
    figures = {each.name: each.value for each in cell.measurements}
    assert figures["servers lost by them"] >= 2


def test_a_server_that_is_never_lost_has_the_fix(cell_with):
    cell = cell_with(TALL_TALES, (MODEL, PAUSE, "time.sleep(0.02 * (self.requests > 40))"))
    assert cell.verdict.value == "premature", cell.reason
    figures = {each.name: each.value for each in cell.measurements}
    assert figures == {"cancellations as answers got ready": 20, "servers lost by them": 0}


def test_a_server_that_heeds_no_cancellation_is_noticed(cell_with):
    cell = cell_with(LATE, HASTY, *SHORT, (MODEL, "and request.is_cancelled()", "and False"))
    assert cell.verdict.value == "baseline", cell.reason
    assert "the server heeded none of " in cell.reason


def test_too_few_coincidences_decide_nothing(cell_with):
    cell = cell_with(LATE, HASTY, *SHORT)
    assert cell.verdict.value == "undecided", cell.reason
    assert "to decide: more such cancellations" in cell.reason


@pytest.mark.parametrize(
    ("edits", "reason"),
    [
        ([(MODEL, PAUSE, 'raise RuntimeError("no")')], "the check's control failed: INTERNAL"),
        ([AT_ONCE, PATIENT, *SHORT], "the check's control failed, no client gave up"),
        (
            [IMPORT, (MODEL, PAUSE, "os.kill(os.getppid(), 9 * (self.requests > 40))")],
            "was killed by SIGKILL (exit status -9), and not by what the claim is about",
        ),
    ],
    ids=["refuses", "gives nobody a reason to give up", "kills its server"],
)
def test_what_the_claim_is_not_about_breaks_the_check(cell_with, edits, reason):
    cell = cell_with(*edits)
    assert cell.verdict.value == "error", cell.reason
    assert reason in cell.reason
