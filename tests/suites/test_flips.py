"""Claims of what a release brought, on real servers before and after it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from triton_claims.notes.every_release import load_standing_claims
from triton_claims.notes.knowledge import load_knowledge

pytestmark = pytest.mark.xdist_group("suites-flips")

ROOT = Path(__file__).resolve().parents[2]
PROMISED = [
    each
    for each in load_standing_claims(ROOT / "releases" / "every-release.toml")
    if each.brought_by
]
CLAIMS = [each.claim for each in PROMISED]
#: One of each release that brought something: the last in the file.
ONE_OF_EACH = sorted({each.brought_by: each.claim for each in PROMISED}.values())
OLDEST, NEWEST = "wheel:23.07", "wheel:24.10"
REPORT = "model_repository/request_report/1/model.py"


def test_the_oldest_server_lacks_what_the_newest_has(run_altered):
    run = run_altered(*ONE_OF_EACH, targets=[OLDEST, NEWEST])
    told = {(cell.claim, cell.target): cell.verdict.value for cell in run.ledger.cells}
    sides = ((OLDEST, "baseline"), (NEWEST, "confirmed"))
    assert told == {(claim, target): verdict for claim in ONE_OF_EACH for target, verdict in sides}


@pytest.mark.skipif(
    "TRITON_CLAIMS_SLOW_TESTS" not in os.environ,
    reason="one of many that take long: TRITON_CLAIMS_SLOW_TESTS=1 make test",
)
def test_each_claim_flips_once_on_the_embedded_servers(run_altered):
    wheels = [r.container for r in load_knowledge(ROOT).releases.values() if r.wheel]
    targets = [f"wheel:{container}" for container in wheels]
    run = run_altered(*CLAIMS, targets=targets)
    for claim in CLAIMS:
        told = [
            "/".join(
                {
                    c.verdict.value
                    for c in run.ledger.cells
                    if (c.claim, c.target) == (claim, target)
                }
            )
            for target in targets
        ]
        flips = told.count("baseline")
        assert 0 < flips < len(told), claim
        assert told == ["baseline"] * flips + ["confirmed"] * (len(told) - flips), claim


def test_what_does_not_hold_on_the_newest_server_is_refuted(run_altered):
    edits = [
        (REPORT, "return trace.get_context() if", "return None if"),
        (
            "suites/model_control/test_versions_kept.py",
            "text.replace(ONE, TWO)",
            'text.replace(ONE, TWO + \' parameters { key: "a" value { string_value: "b" } }\')',
        ),
    ]
    run = run_altered("python-trace-context", "versions-not-reloaded", edits=edits)
    verdicts = {cell.claim: (cell.verdict.value, cell.reason) for cell in run.ledger.cells}
    assert verdicts == {
        "python-trace-context": ("refuted", "the model got no context"),
        "versions-not-reloaded": ("refuted", "the version that was loaded was loaded again"),
    }


def test_controls_that_fail_break_the_checks(run_altered):
    edits = [
        (REPORT, 'json.loads(request.parameters() or "{}")', "{}"),
        ("model_repository/dlpack_echo/config.pbtxt.j2", 'name: "OUT" data', 'name: "OTHER" data'),
        ("suites/metrics/test_pending_requests.py", "if answered != REQUESTS:", "if answered:"),
    ]
    claims = ("ensemble-parameters", "python-bf16-dlpack", "pending-requests-metric")
    run = run_altered(*claims, edits=edits)
    assert {cell.verdict.value for cell in run.ledger.cells} == {"error"}
    assert {cell.claim for cell in run.ledger.cells} == set(claims)
