"""The same server, as a process and in a container: every cell has the same verdict."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from triton_claims.notes.knowledge import load_knowledge
from triton_claims.verdicts.ledger import read_ledger
from triton_claims.verdicts.verdict import Verdict

# A group of many tests is begun early; alone, this one would be the last, and take minutes more.
pytestmark = pytest.mark.xdist_group("containers")

ROOT = Path(__file__).resolve().parents[2]
#: These take minutes; `make bench ARGS=in-containers` compares them, too.
MEASURING = ("malloc-", "allocator-", "autocomplete-")
#: Its checks are of a tool, and of no server.
OF_TOOLS = "suites/genai_perf"


def test_every_cell_has_the_same_verdict_in_a_container(server_image, image_release, tmp_path):
    knowledge = load_knowledge(ROOT)
    claims = [
        claim
        for claim in knowledge.releases.newest_with_notes().claims
        if claim in knowledge.checks
        and not claim.startswith(MEASURING)
        and OF_TOOLS not in knowledge.checks[claim].path.as_posix()
    ]
    as_process, as_container = f"wheel:{image_release.container}", f"image:{server_image}"
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "suites", "-p", "no:randomly", "--gpu", "none"),
            *("--target", as_process, "--target", as_container, "--reports", str(tmp_path)),
            *(f"--claim={claim}" for claim in claims),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    ledger = read_ledger(tmp_path / "ledger.jsonl")
    found = defaultdict(dict)
    for cell in ledger.cells:
        # Of an image nothing is implied before a server in it has answered; and a cell may be
        # blocked before the server's version is known (a process) or after (an image tells it).
        version = None if cell.verdict is Verdict.BLOCKED else cell.server_version
        implied = cell.expectation if version else None
        words = cell.verdict.value, cell.accepted, version, implied
        found[cell.claim, cell.protocol][cell.target] = words
    assert {claim for claim, _ in found} == set(claims)
    assert {
        place: each for place, each in found.items() if each[as_process] != each[as_container]
    } == {}, ended.stdout
    assert ended.returncode == 0, ended.stdout
