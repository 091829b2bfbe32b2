"""The checks of the Python backend, on a real server whose models are not what they think."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("suites-python-backend")

BLOCKED = "decoupled-unload-blocked"
CLEAN = "decoupled-unload-clean"
NO_RESTART = "python-no-restart"
NUMPY2 = "python-numpy2"

SENDER = "model_repository/decoupled_sender/1/model.py"
PROCESS = "model_repository/process_id"
TENSORS = "model_repository/numpy_tensors/1/model.py"
NUMPY_CHECK = "suites/python_backend/test_numpy.py"

#: Models for which the claims do not hold; of NumPy 2, one for which its claim holds too early.
UNTRUE = [
    # finishes what it keeps, of its own accord and a while after the client has gone
    (
        SENDER,
        "while not self.asked_to_finish.exists():\n            time.sleep(0.05)\n",
        "while not self.kept:\n            time.sleep(0.05)\n        time.sleep(0.5)\n",
    ),
    # has a finalize that does not come to its end
    (SENDER, 'print(f"{self.name}: finalize", flush=True)', 'raise RuntimeError("no end")'),
    # has a second process, which goes on answering
    (f"{PROCESS}/config.pbtxt.j2", "count: 1", "count: 2"),
    # runs with NumPy 1, and calls it NumPy 2
    (NUMPY_CHECK, "numpy=2)", "numpy=1)"),
    (TENSORS, '"numpy": np.__version__', '"numpy": "2.0.0"'),
]
#: Models that do not do what is true of every server.
UNCONTROLLED = [
    # answers nothing where it finishes and drops its sender
    (
        SENDER,
        "            sender.send(pb_utils.InferenceResponse(",
        "            if self.keeps or not self.finishes:\n"
        "                sender.send(pb_utils.InferenceResponse(",
    ),
    # does not finish what it keeps when it is asked to
    (SENDER, "            sender.send(flags=FINAL)\n        self.kept.clear()", "            pass"),
    # answers once: after the death of another model's process, this one fails, too
    (
        f"{PROCESS}/1/model.py",
        "    def execute(self, requests):\n",
        "    asked = 0\n\n    def execute(self, requests):\n"
        "        self.asked += 1\n"
        "        assert self.asked == 1\n",
    ),
    # returns another tensor than it should, with every NumPy
    (TENSORS, "array[::-1]", "array"),
]


@pytest.fixture(scope="module")
def untrue(run_altered):
    return run_altered(BLOCKED, CLEAN, NO_RESTART, NUMPY2, edits=UNTRUE, options=["-n2"])


@pytest.fixture(scope="module")
def uncontrolled(run_altered):
    return run_altered(BLOCKED, CLEAN, NO_RESTART, NUMPY2, edits=UNCONTROLLED, options=["-n2"])


@pytest.mark.parametrize(
    ("claim", "verdict", "reason"),
    [
        (BLOCKED, "refuted", "with a sender that is unfinished"),
        (CLEAN, "refuted", "it was unloaded and has not run its finalize once"),
        (NO_RESTART, "refuted", "was answered after its process had died"),
        (NUMPY2, "premature", "the claim holds on server"),
    ],
)
def test_the_contrary_is_noticed(untrue, claim, verdict, reason):
    cell = untrue.cell(claim)
    assert cell.verdict.value == verdict, cell.reason
    assert reason in cell.reason


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        (BLOCKED, "the check's control failed: something else holds the model, too"),
        (CLEAN, "the check's control failed: decoupled_sender-finished-dropped is READY"),
        (NO_RESTART, "the check's control failed: process_id-bystander: "),
        (NUMPY2, "the check's control failed, with NumPy 1:"),
    ],
)
def test_a_control_that_fails_breaks_the_check(uncontrolled, claim, reason):
    cell = uncontrolled.cell(claim)
    assert cell.verdict.value == "error", cell.reason
    assert reason in cell.reason


def test_all_that_is_done_to_senders_is_told(uncontrolled):
    (evidence, *_) = (piece for piece in uncontrolled.cell(BLOCKED).evidence)
    for arm in ("unfinished and kept", "finished and kept", "unfinished and dropped"):
        assert f"sender {arm}: " in evidence.text


def test_another_numpy_than_was_asked_for_breaks_the_check(run_altered):
    run = run_altered(NUMPY2, edits=[(NUMPY_CHECK, "numpy=2)", "numpy=1)")])
    cell = run.cell(NUMPY2)
    assert cell.verdict.value == "error", cell.reason
    assert "the models run with NumPy 1." in cell.reason
    assert "instead of NumPy 2" in cell.reason


def test_without_a_numpy_1_to_compare_with_a_loss_is_blocked(run_altered):
    run = run_altered(NUMPY2, edits=[(NUMPY_CHECK, "fresh(numpy=1)", "fresh(numpy=2)")])
    cell = run.cell(NUMPY2)
    assert cell.verdict.value == "blocked", cell.reason
    assert "the models' Python has no NumPy 1" in cell.reason
