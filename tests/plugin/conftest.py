"""A small project of its own, with real release data and checks written for the occasion."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from staged.staging import stage
from triton_claims.servers.gpu_leases import VARIABLE as LEASES_VARIABLE
from triton_claims.servers.staged_gpus import STAGED_VARIABLE
from triton_claims.verdicts.ledger import read_ledger

ROOT = Path(__file__).resolve().parents[2]

#: One check that does what the environment variable of its name says.
CHECK = """
    import os

    import pytest

    from triton_claims.errors import Blocked, Undecided


    def behave(how):
        if how == "does not hold":
            assert 1 == 2, "seen otherwise"
        elif how == "blocked":
            raise Blocked("there is no GPU", unblock="add one")
        elif how == "undecided":
            raise Undecided("3 samples", needed="40 more")
        elif how == "broke":
            raise ValueError("the check is wrong")
        elif how == "skip":
            pytest.skip("not today")
        elif how == "fail":
            pytest.fail("Timeout >1.0s")
        elif how == "exit process":
            os._exit(7)


    @pytest.mark.claim("correlation-id-string")
    def test_ranged(server):
        behave(os.environ.get("RANGED", "holds"))


    @pytest.mark.claim("server-version")
    def test_always(server, evidence):
        evidence.show("seen", "with password=hunter2222 in it")
        evidence.measure("latency", 1.5, "ms")
        behave(os.environ.get("ALWAYS", "holds"))
"""


class Project:
    """A project that pytester runs, and what came of it."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self.reports = self.path / "reports"
        # what was accepted of the real checks is no matter of these
        shutil.copytree(
            ROOT / "releases",
            self.path / "releases",
            ignore=shutil.ignore_patterns("acceptances.toml"),
        )
        (self.path / "model_repository").mkdir()
        self.check(CHECK)
        pytester.makeini(
            "[pytest]\naddopts = --strict-markers --import-mode=importlib -p no:randomly"
        )

    def check(self, source: str, name: str = "test_checks.py") -> Path:
        """Writes a file of checks."""
        path = self.path / "suites" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(_dedented(source), encoding="utf-8")
        return path

    def stage(self, name: str, **knobs) -> str:
        """Stages a server and gives its target."""
        return f"install:{stage(self.path / name, **knobs)}"

    def stage_gpus(self, capabilities: dict[str, str]) -> None:
        """Stages GPUs: their compute capabilities by UUID."""
        (self.path / "gpus.toml").write_text(
            "".join(
                f'[[gpu]]\nuuid = "{uuid}"\ncompute_capability = "{capability}"\n'
                for uuid, capability in capabilities.items()
            ),
            encoding="utf-8",
        )

    def run(self, *arguments: str, in_process: bool = False) -> pytest.RunResult:
        """Runs pytest with the plugin."""
        command = ("-p", "fixtures.plugin", *arguments)
        if in_process:
            return self.pytester.runpytest_inprocess(*command)
        return self.pytester.runpytest_subprocess(*command)

    def ledger(self):
        """The ledger of the last run."""
        return read_ledger(self.reports / "ledger.jsonl")

    def verdicts(self) -> dict[str, str]:
        """The last run's verdicts by claim; of the only target there was."""
        return {cell.claim: cell.verdict.value for cell in self.ledger().cells}

    def allure(self) -> dict[str, dict]:
        """The last run's Allure results by claim."""
        results = {}
        for path in (self.reports / "allure-results").glob("*-result.json"):
            result = json.loads(path.read_text(encoding="utf-8"))
            story = next(each["value"] for each in result["labels"] if each["name"] == "story")
            results[story] = result
        return results


def _dedented(source: str) -> str:
    lines = source.strip("\n").splitlines()
    margin = len(lines[0]) - len(lines[0].lstrip())
    return "\n".join(line[margin:] for line in lines) + "\n"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with two checks: of a claim since 2.54.0, and of one of every version."""
    variables = ("RANGED", "ALWAYS", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")
    for variable in variables:
        monkeypatch.delenv(variable, raising=False)
    no_gpus = pytester.path / "gpus.toml"  # whatever there is on this machine
    no_gpus.touch()
    monkeypatch.setenv(STAGED_VARIABLE, str(no_gpus))
    monkeypatch.setenv(LEASES_VARIABLE, str(pytester.path / "leases"))
    return Project(pytester)
