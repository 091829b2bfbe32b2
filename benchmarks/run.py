"""Figures of this project itself, on a real server: ``make bench [ARGS="PART... --target T"]``.

Prints each part's figures as they come, and writes them to ``reports/bench.json``, after each part.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import ceilings
import comparisons
import datatype_cases
import growth
import in_containers
import latency
import load_engines

from triton_claims.notes.knowledge import load_knowledge
from triton_claims.report.provenance import host_facts, suite_commit
from triton_claims.servers.installation import prepare
from triton_claims.servers.pool import ServerPool
from triton_claims.servers.targets import parse_target

ROOT = Path(__file__).resolve().parents[1]
PARTS = {
    "datatype-cases": datatype_cases.measure,
    "alike": comparisons.alike,
    "slower": comparisons.slower,
    "leak": growth.leak,
    "no-leak": growth.no_leak,
    "in-containers": in_containers.measure,
    "load-engines": load_engines.measure,
    "latency-alike": latency.alike,
    "latency-tenth-slower": latency.tenth_slower,
    "latency-twentieth-slower": latency.twentieth_slower,
    "ceilings-at-limit": ceilings.at_limit,
    "ceilings-inside": ceilings.inside,
}


def main() -> None:
    """Measures, prints, writes."""
    knowledge = load_knowledge(ROOT)
    newest = knowledge.releases.newest_with_wheel().container
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--target", default=f"wheel:{newest}")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"found {', '.join(sorted(unknown))}, expected some of {', '.join(PARTS)}")
    target = parse_target(options.target, knowledge.releases)
    installation = prepare(target, print)
    figures = {
        "target": str(target),
        "suite_commit": suite_commit(ROOT),
        "host": host_facts(),
    }
    path = ROOT / "reports" / "bench.json"
    for part in options.parts or PARTS:
        pool = ServerPool(ROOT / "model_repository", lambda _specification: installation)
        try:
            figures[part] = PARTS[part](pool, str(target))
        finally:
            pool.close()
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(f"written to {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
