"""The checks of auto-complete, on servers for which what they look for is not so."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

pytestmark = pytest.mark.xdist_group("suites-startup")

COSTS, SAVED = "autocomplete-start-time", "autocomplete-disabled-start"
#: Fewer starts, and less sure: what is shown here is not to be missed.
QUICK = (
    "suites/startup/conftest.py",
    "DESIGN = Design(tolerated=0.05)",
    "DESIGN = Design(tolerated=0.9, false_alarm=0.3, looks=(2,))",
)
NEVER_COMPLETES = 'set -- "$@" --disable-auto-complete-config'
ALWAYS_COMPLETES = (
    "for argument; do shift; "
    '[ "$argument" = --disable-auto-complete-config ] || set -- "$@" "$argument"; done'
)
#: Slower with an option that changes nothing: the comparison's control.
SLOW_FOR_NO_REASON = 'case "$*" in *--log-info=true*) sleep 2;; esac'


@pytest.fixture(scope="module")
def targets(wrap_server):
    return {
        "never": wrap_server(NEVER_COMPLETES),
        "always": wrap_server(ALWAYS_COMPLETES),
        "slow": wrap_server(SLOW_FOR_NO_REASON),
    }


@pytest.fixture(scope="module")
def run(run_altered, targets):
    return run_altered(COSTS, SAVED, edits=[QUICK], targets=targets.values())


def test_a_start_that_auto_complete_does_not_lengthen_refutes_its_cost(run, targets):
    cell = run.cell(COSTS, target=targets["never"])
    assert cell.verdict.value == "refuted"
    assert "ready as soon as without" in cell.reason


def test_what_auto_complete_cannot_configure_tells_nothing_of_what_it_saves(run, targets):
    cell = run.cell(SAVED, target=targets["never"])
    assert cell.verdict.value == "error"
    assert "exited with status 1 before it was ready" in cell.reason


def test_a_model_that_is_imported_twice_all_the_same_refutes_the_saving(run, targets):
    cell = run.cell(SAVED, target=targets["always"])
    assert cell.verdict.value == "refuted"
    assert "the model was imported (2, 2, " in cell.reason


@pytest.mark.parametrize("claim", [COSTS, SAVED])
def test_a_measurement_that_cries_wolf_decides_nothing(run, targets, claim):
    cell = run.cell(claim, target=targets["slow"])
    assert cell.verdict.value == "error"
    assert "the check's control failed: servers started alike" in cell.reason


def test_starts_are_shown_in_a_picture_beside_the_ledger(run, targets):
    (picture,) = run.cell(COSTS, target=targets["never"]).pictures
    assert (run.reports / picture.file).read_text(encoding="utf-8").count("<svg") == 1
    linked = unquote((run.reports / "summary.md").read_text(encoding="utf-8"))
    assert f"]({picture.file})" in linked


def test_starts_are_measured_once_for_both_claims(run):
    # a shared server and 10 starts for each target and both claims, and few more for the controls
    assert run.ledger.footer["server_starts"] < 3 * (10 + 4)


def test_nothing_is_left(run):
    assert [path for path in run.leftovers() if "pytest" not in path] == []
