"""The commands about what is claimed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from triton_claims.cli.commands import knowledge_here
from triton_claims.cli.saying import say_all
from triton_claims.notes.knowledge import release_to_check
from triton_claims.report.table import aligned

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import Any

    from triton_claims.cli.commands import AddCommand
    from triton_claims.notes.catalogue import Claim
    from triton_claims.notes.knowledge import Knowledge
    from triton_claims.notes.releases import Release


def add_commands(command: AddCommand) -> None:
    """Adds ``list``."""
    listing = command("list", _list, "shows a release's claims and where their checks are")
    listing.add_argument("--release", metavar="YY.MM", help="default: the newest with its notes")
    listing.add_argument("--json", action="store_true", help="as one JSON object")


def _list(options: argparse.Namespace) -> int:
    knowledge = knowledge_here()
    release = release_to_check(knowledge, options.release, where="--release")
    claims = [knowledge.catalogue[each] for each in release.claims]
    if options.json:
        say_all(json.dumps(_listing(knowledge, release, claims), indent=2).splitlines())
        return 0
    rows = [("claim", "kind", "versions", "needs", "check")]
    for claim in claims:
        check = knowledge.checks.get(claim.id)
        where = f"{check.path}:{check.line}" if check else "unchecked"
        needs = ", ".join(claim.needs) or "-"
        rows.append((claim.id, str(claim.kind), claim.versions.describe(), needs, where))
    say_all(aligned(rows))
    return 0


def _listing(knowledge: Knowledge, release: Release, claims: Sequence[Claim]) -> dict[str, Any]:
    listed = []
    for claim in claims:
        check = knowledge.checks.get(claim.id)
        since, until = claim.versions.since, claim.versions.until
        listed.append(
            {
                "id": claim.id,
                "kind": str(claim.kind),
                "statement": claim.statement,
                "since": str(since) if since else None,
                "until": str(until) if until else None,
                "needs": claim.needs,
                "check": {
                    "path": check.path.as_posix(),
                    "line": check.line,
                    "function": check.function,
                }
                if check
                else None,
            }
        )
    return {
        "release": {"container": release.container, "server": str(release.server)},
        "claims": listed,
    }
