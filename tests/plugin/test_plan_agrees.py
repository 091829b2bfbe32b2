"""What ``triton-claims plan`` tells is what a real collection of all checks comes to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from triton_claims import cli
from triton_claims.servers.staged_gpus import STAGED_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 180
GPUS = """\
[[gpu]]
uuid = "GPU-aa11"
compute_capability = "10.0"

[[gpu]]
uuid = "GPU-aa22"
compute_capability = "10.0"

[[gpu]]
uuid = "GPU-bb33"
compute_capability = "9.0"
mig_mode = true

[[gpu]]
uuid = "MIG-bb33"
compute_capability = "9.0"
mig_parent = "GPU-bb33"
"""


def collected(path, options):
    answer = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "suites", "--collect-only", "-q"),
            *("-p", "plugin.collected_cells", "-p", "no:randomly", "-p", "no:cacheprovider"),
            *options,
        ],
        cwd=ROOT,
        env={**os.environ, "COLLECTED_CELLS": str(path), "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout[-2000:] + answer.stderr
    return sorted(map(repr, json.loads(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize(
    ("gpus", "options"),
    [
        pytest.param("", ("--target=wheel:24.10",), id="no GPUs"),
        pytest.param(
            GPUS,
            ("--target=wheel:24.10", "--target=genai-perf:0.0.10", "--target=ngc:25.01"),
            id="GPUs, tools and containers",
        ),
    ],
)
def test_every_cell_agrees(gpus, options, tmp_path, monkeypatch, capsys):
    inventory = tmp_path / "gpus.toml"
    inventory.write_text(gpus, encoding="utf-8")
    monkeypatch.setenv(STAGED_VARIABLE, str(inventory))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody-listens")
    monkeypatch.chdir(ROOT)
    assert cli.main(["plan", "--json", *options]) == 0
    # what a run lacks in options it finds out later: a collection does not tell of it
    later = ("no baseline is given", "no limits are given", "the check looks into an image")
    planned = []
    for cell in json.loads(capsys.readouterr().out)["cells"]:
        where = [cell[name] for name in ("claim", "target", "gpu", "protocol")]
        reasons = [each["reason"] for each in cell["missing"]]
        planned.append([*where, [each for each in reasons if not each.startswith(later)]])
    assert sorted(map(repr, planned)) == collected(tmp_path / "cells.json", options)
    assert len(planned) > 100
