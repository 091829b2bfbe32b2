"""What it costs to run the suite's servers in containers instead of as processes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triton_claims.notes.knowledge import load_knowledge
from triton_claims.servers.docker_host import default_host
from triton_claims.servers.local_image import build_local_image
from triton_claims.verdicts.ledger import read_ledger

if TYPE_CHECKING:
    from triton_claims.servers.pool import ServerPool
    from triton_claims.verdicts.ledger import Ledger

ROOT = Path(__file__).resolve().parents[1]


def measure(_pool: ServerPool, target: str) -> dict[str, Any]:
    """Runs all checks on a target's servers as processes, and on the same server in containers.

    Args:
        target: The target; the local image of its release is what it is compared with.
    """
    release = load_knowledge(ROOT).releases[target.partition(":")[2]]
    image = f"image:{build_local_image(default_host(), release, print)}"
    ledgers = {each: _run(each) for each in (target, image)}
    seconds = {each: ledger.footer["seconds"] for each, ledger in ledgers.items()}
    verdicts = [_verdicts(ledger) for ledger in ledgers.values()]
    differ = sorted(
        cell for cell, verdict in verdicts[0].items() if verdicts[1].get(cell) != verdict
    )
    figures = {
        "cells": len(verdicts[0]),
        "seconds": seconds,
        "ratio": round(seconds[image] / seconds[target], 3),
        "server_starts": {each: x.footer["server_starts"] for each, x in ledgers.items()},
        "cells with another verdict": [" ".join(filter(None, cell)) for cell in differ],
    }
    print(figures)
    return figures


def _run(target: str) -> Ledger:
    with tempfile.TemporaryDirectory() as reports:
        subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "suites", "-p", "no:randomly"),
                *("--target", target, "--reports", reports, "--gpu", "none"),
            ],
            cwd=ROOT,
            check=False,  # what it came to is in the ledger
        )
        return read_ledger(Path(reports, "ledger.jsonl"))


def _verdicts(ledger: Ledger) -> dict[tuple[str, str | None], tuple[str, bool]]:
    return {
        (cell.claim, cell.protocol): (cell.verdict.value, cell.accepted is not None)
        for cell in ledger.cells
    }
