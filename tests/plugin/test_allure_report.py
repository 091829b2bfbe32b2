"""What Allure makes of a run, with this project's configuration of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from report.browser import opened, real_browser

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "reports" / "allurerc.mjs"
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
    """Runs Allure on what the project's run wrote: ``allure("generate")``."""

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
        return ended, output

    return run


def test_a_failure_on_one_gpu_is_not_hidden_behind_a_pass_on_another(allure, project):
    (project.path / "gpus.toml").write_text(
        "".join(
            f'[[gpu]]\nuuid = "{uuid}"\ncompute_capability = "{capability}"\n'
            for uuid, capability in GPUS.items()
        ),
        encoding="utf-8",
    )
    project.check(ON_ONE_GPU)
    project.run("suites", "--target", project.stage("server"))
    assert {cell.gpu: cell.verdict.value for cell in project.ledger().cells} == {
        "hopper": "refuted",
        "blackwell": "confirmed",
    }
    ended, output = allure("generate")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    summary = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    assert summary["stats"]["failed"] == 1, summary
    assert summary["stats"]["passed"] == 1, summary
    assert summary["status"] == "failed"
    assert summary["retryTests"] == []
    page = output / "index.html"
    script = ROOT / "scripts" / "without-analytics"
    subprocess.run([sys.executable, str(script), str(page)], check=True)
    with real_browser() as browser, opened(browser, page, ready="text=Triton 25.01") as shown:
        assert shown.get_by_text("hopper").count()
        assert shown.get_by_text("blackwell").count()


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
