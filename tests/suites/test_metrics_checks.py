"""The check of custom metrics, on a real server whose model is not what it thinks."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("suites-metrics")

CLAIM = "python-metrics-let-threads-run"
MODEL = "model_repository/metric_updates/1/model.py"
RELEASE = ("--release=24.10",)

INCREMENT = "lambda: counter.increment(1)"
METRIC = "counter = self.counters.Metric(labels={})"


def test_updates_that_stop_other_threads_are_noticed(run_altered):
    edits = [
        (MODEL, INCREMENT, "lambda: sum(range(1000))"),
        (MODEL, METRIC, f"{METRIC}\n        counter.increment(300)"),
    ]
    cell = run_altered(CLAIM, edits=edits, options=RELEASE).cell(CLAIM)
    assert cell.verdict.value == "refuted", cell.reason
    assert cell.reason.endswith("no other thread ran in 300 calls of increment")


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        ((INCREMENT, "lambda: time.sleep(0)"), "the server's metric updates is"),
        (("lambda: time.sleep(0.0005)", "lambda: None"), "in 0 of 300 calls that let it"),
        (("lambda: sum(range(10_000))", "lambda: time.sleep(0.0005)"), "that do not"),
    ],
)
def test_a_control_that_fails_breaks_the_check(run_altered, edit, reason):
    cell = run_altered(CLAIM, edits=[(MODEL, *edit)], options=RELEASE).cell(CLAIM)
    assert cell.verdict.value == "error", cell.reason
    assert "the check's control failed" in cell.reason
    assert reason in cell.reason
