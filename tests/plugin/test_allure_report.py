"""What Allure makes of a run, with this project's configuration of it."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from plugin.staged_fleet import ARCHITECTURES, run_fleet
from report.browser import opened, real_browser, serious_problems

from triton_claims.notes.knowledge import load_knowledge
from triton_claims.verdicts.verdict import Verdict

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "reports" / "allurerc.mjs"
FINISH = ROOT / "scripts" / "finish-allure-report"
NEW, OLD = "2.54.0", "2.51.0"
GPUS = {"GPU-aa11": "9.0", "GPU-bb22": "10.0"}
ON_ONE_GPU = """
    import pytest


    @pytest.mark.claim("server-version")
    @pytest.mark.needs("gpu")
    def test_one_gpu(server, request):
        gpu = request.node.callspec.params["gpu"]
        assert gpu != "hopper", "it fails on this one"
"""

SEARCH = "[data-testid='search-input']"
#: From the search to the first result: filters, and what can be opened and closed.
MOST_TABS = 60
#: Parts of a result, and what shows when they are open.
PARTS_OF_RESULT = {
    "Attachments": "test-result-attachment",
    "Environments": "test-result-env-item",
}
PARTS = {
    "categories": "Refuted: what is claimed does not hold",
    "charts": "Current status",
    "timeline": "Selected",
    "metrics": "Performance metrics",
}
OVER_ONE_PROTOCOL = """
    import pytest


    @pytest.mark.claim("server-version")
    def test_over_one_protocol(server, client, request):
        assert request.node.callspec.params["protocol"] != "grpc", "it fails over this one"
"""


@pytest.fixture(scope="module")
def program():
    """Allure's program: of reports/node_modules, or on PATH."""
    own = ROOT / "reports" / "node_modules" / ".bin" / "allure"
    found = str(own) if own.exists() else shutil.which("allure")
    if found is None:
        pytest.skip("there is no Allure here: npm --prefix reports install")
    return found


@pytest.fixture
def allure(program, project):
    """Runs Allure on what the project's run wrote: ``allure("generate")`` makes a finished page."""

    def run(command):
        results = project.path / "reports" / "allure-results"
        output = project.path / "allure-report"
        ended = subprocess.run(
            [program, command, "--config", str(CONFIGURATION), str(results)],
            cwd=project.path,
            env={
                **os.environ,
                "RESULTS": str(results),
                "OUTPUT": str(output),
                "HISTORY": str(project.path / "history.jsonl"),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if command == "generate":
            assert ended.returncode == 0, ended.stdout + ended.stderr
            subprocess.run([sys.executable, str(FINISH), str(output / "index.html")], check=True)
        return ended, output

    return run


def test_a_failure_on_one_gpu_is_not_hidden_behind_a_pass_on_another(allure, project):
    project.stage_gpus(GPUS)
    project.check(ON_ONE_GPU)
    project.run("suites", "--target", project.stage("server"))
    assert {cell.gpu: cell.verdict.value for cell in project.ledger().cells} == {
        "hopper": "refuted",
        "blackwell": "confirmed",
    }
    _, output = allure("generate")
    summary = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    assert summary["stats"]["failed"] == 1, summary
    assert summary["stats"]["passed"] == 1, summary
    assert summary["status"] == "failed"
    assert summary["retryTests"] == []
    page = output / "index.html"
    with real_browser() as browser, opened(browser, page, ready="text=Triton 25.01") as shown:
        assert shown.get_by_text("hopper").count()
        assert shown.get_by_text("blackwell").count()


def test_each_protocol_is_a_test_case(project):
    project.check(OVER_ONE_PROTOCOL)
    project.run("suites", "--target", project.stage("server"))
    folder = project.reports / "allure-results"
    results = [json.loads(path.read_text("utf-8")) for path in folder.glob("*-result.json")]
    assert sorted(result["name"][-6:] for result in results) == ["[grpc]", "[http]"]
    assert len({result["testCaseId"] for result in results}) == 2


def test_a_failure_over_one_protocol_is_not_hidden_behind_a_pass_over_another(allure, project):
    """Among the results in each environment, of which Allure shows one for each test case."""
    project.check(OVER_ONE_PROTOCOL)
    project.run("suites", "--target", project.stage("server"))
    assert {cell.protocol: cell.verdict.value for cell in project.ledger().cells} == {
        "grpc": "refuted",
        "http": "confirmed",
    }
    _, output = allure("generate")
    embedded = re.findall(
        r'"data/test-env-groups/[^"]*","([^"]*)"', (output / "index.html").read_text("utf-8")
    )
    cases = [json.loads(base64.b64decode(each)) for each in embedded]
    assert sorted(case["status"] for case in cases) == ["failed", "passed"]
    assert sorted(case["name"][-6:] for case in cases) == ["[grpc]", "[http]"]


@pytest.mark.parametrize(
    ("claims", "servers", "odd_in"),
    [
        pytest.param(24, 2, 4, id="hundreds of cells"),
        pytest.param(
            104,
            11,
            100,
            id="thousands of cells",
            marks=pytest.mark.skipif(
                "TRITON_CLAIMS_SLOW_TESTS" not in os.environ,
                reason="takes minutes: TRITON_CLAIMS_SLOW_TESTS=1 make test",
            ),
        ),
    ],
)
def test_what_people_do_with_the_report_of_a_fleet(allure, project, claims, servers, odd_in):
    known = load_knowledge(ROOT)
    versions = [str(release.server) for release in known.releases.values()][::-1]
    chosen = [NEW, OLD, *(version for version in versions if version not in {NEW, OLD})]
    cells = run_fleet(project, list(known.checks)[:claims], chosen[:servers], odd_in=odd_in)
    assert {cell.verdict for cell in cells} == set(Verdict)
    assert {cell.gpu for cell in cells} == set(ARCHITECTURES)
    _, output = allure("generate")
    page = output / "index.html"
    with real_browser() as browser:
        for scheme in ("light", "dark"):
            with opened(browser, page, ready=SEARCH, color_scheme=scheme) as shown:
                _look_around(shown, cells)


def _look_around(shown, cells):
    """Searches, filters, opens a result by keyboard alone, and visits the other parts."""
    from playwright.sync_api import expect  # noqa: PLC0415 - slow to import

    total = shown.locator("[data-testid='tab-all'] [data-testid='counter']")
    expect(total).to_have_text(str(len(cells)))
    assert serious_problems(shown) == []

    refuted = sorted({cell.claim for cell in cells if cell.verdict is Verdict.REFUTED})
    one, other = refuted[0], refuted[-1]
    story = shown.get_by_test_id("tree-section-title")
    expect(story.get_by_text(other, exact=True).first).to_be_visible()
    shown.fill(SEARCH, one)
    expect(story.get_by_text(other, exact=True)).to_have_count(0)
    expect(story.get_by_text(one, exact=True).first).to_be_visible()
    shown.fill(SEARCH, "")
    expect(story.get_by_text(other, exact=True).first).to_be_visible()

    here = [cell for cell in cells if cell.gpu == "hopper" and cell.target.endswith(NEW)]
    shown.get_by_test_id("environment-picker-button").click()
    assert serious_problems(shown) == []
    shown.get_by_test_id("environment-picker-item").filter(has_text=f"{NEW} hopper").click()
    expect(total).to_have_text(str(len(here)))

    shown.locator(SEARCH).focus()
    for _ in range(MOST_TABS):
        shown.keyboard.press("Tab")
        if shown.evaluate("document.activeElement.dataset.testid") == "tree-leaf":
            break
    shown.keyboard.press("Enter")
    expect(shown.get_by_test_id("test-result-info-title")).to_be_visible()
    assert serious_problems(shown) == []
    for tab, ready in PARTS_OF_RESULT.items():
        shown.get_by_role("button", name=re.compile(f"^{tab}")).first.click()
        expect(shown.get_by_test_id(ready).first).to_be_visible()
        assert serious_problems(shown) == []
    address = shown.url.partition("#")[0]
    for part, ready in PARTS.items():
        shown.goto(f"{address}#{part}")
        expect(shown.get_by_text(ready).first).to_be_visible()
        assert serious_problems(shown) == []


@pytest.mark.parametrize(
    ("version", "does"),
    [
        (NEW, "holds"),
        (OLD, "does not hold"),
        (NEW, "does not hold"),
        (OLD, "holds"),
        (NEW, "undecided"),
        (NEW, "blocked"),
    ],
)
def test_the_quality_gate_says_what_pytest_s_exit_code_says(
    allure, project, monkeypatch, version, does
):
    monkeypatch.setenv("RANGED", does)
    chosen = ["--claim", "correlation-id-string"]
    result = project.run("suites", *chosen, "--target", project.stage("server", version=version))
    ended, _ = allure("quality-gate")
    told = ended.stdout + ended.stderr
    assert ended.returncode == result.ret, told
    assert "Internal Error" not in told
    assert ("cells" in told) == (result.ret != 0), told
