"""The commands about what is claimed."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from triton_claims.cli.commands import json_lines, knowledge_here
from triton_claims.cli.saying import say_all
from triton_claims.errors import InputError
from triton_claims.notes.catalogue import Kind
from triton_claims.notes.choosing import chosen_claims
from triton_claims.notes.knowledge import release_to_check
from triton_claims.report.differences import verdict_words
from triton_claims.report.table import aligned
from triton_claims.verdicts.acceptance import load_acceptances
from triton_claims.verdicts.ledger import read_ledger

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from typing import Any

    from triton_claims.cli.commands import AddCommand
    from triton_claims.notes.catalogue import Claim
    from triton_claims.notes.knowledge import Knowledge
    from triton_claims.notes.releases import Release

_WIDTH = 100


def add_commands(command: AddCommand) -> None:
    """Adds ``list`` and ``show``."""
    listing = command("list", _list, "shows a release's claims and where their checks are")
    listing.add_argument("claims", metavar="CLAIM", nargs="*", help="only these: ids, or globs")
    listing.add_argument("--release", metavar="YY.MM", help="default: the newest with its notes")
    listing.add_argument(
        "--kind",
        choices=[str(each) for each in Kind],
        action="append",
        help="only claims of this kind; repeatable",
    )
    listing.add_argument(
        "--area",
        metavar="FOLDER",
        action="append",
        help="only claims whose check is in this folder of suites/; repeatable",
    )
    listing.add_argument(
        "--needs", metavar="WORD", action="append", help="only claims that need this; repeatable"
    )
    whether = listing.add_mutually_exclusive_group()
    whether.add_argument("--checked", action="store_true", help="only claims with a check")
    whether.add_argument("--unchecked", action="store_true", help="only claims without one")
    listing.add_argument("--json", action="store_true", help="as one JSON object")

    showing = command("show", _show, "shows all that is known of a claim")
    showing.add_argument("claim", metavar="CLAIM", help="its id")
    showing.add_argument(
        "--ledger", metavar="LEDGER", type=Path, help="with the verdicts of this run"
    )
    showing.add_argument("--json", action="store_true", help="as one JSON object")


def _list(options: argparse.Namespace) -> int:
    knowledge = knowledge_here()
    release = release_to_check(knowledge, options.release, where="--release")
    chosen = chosen_claims(options.claims, release.claims, where="CLAIM")
    claims = _filtered(knowledge, [knowledge.catalogue[each] for each in chosen], options)
    if options.json:
        say_all(json_lines(_listing(knowledge, release, claims)))
        return 0
    rows = [("claim", "kind", "versions", "needs", "check")]
    for claim in claims:
        needs = ", ".join(claim.needs) or "-"
        where = _place(knowledge, claim) or "unchecked"
        rows.append((claim.id, str(claim.kind), claim.versions.describe(), needs, where))
    say_all(aligned(rows))
    return 0


def _filtered(
    knowledge: Knowledge, claims: Sequence[Claim], options: argparse.Namespace
) -> list[Claim]:
    """Those that all filters let through; a word that no claim has is told."""
    areas = {check.area for check in knowledge.checks.values()}
    needs = {need for claim in knowledge.catalogue.values() for need in claim.needs}
    for option, given, known in (
        ("--area", options.area, areas),
        ("--needs", options.needs, needs),
    ):
        for word in given or ():
            if word not in known:
                raise InputError(
                    f"found {word!r}, expected one of {', '.join(sorted(known)) or 'none'}",
                    where=option,
                )

    def passes(claim: Claim) -> bool:
        check = knowledge.checks.get(claim.id)
        return (
            (options.kind is None or str(claim.kind) in options.kind)
            and (options.area is None or (check is not None and check.area in options.area))
            and (options.needs is None or not set(options.needs).isdisjoint(claim.needs))
            and not (options.checked and check is None)
            and not (options.unchecked and check is not None)
        )

    return [claim for claim in claims if passes(claim)]


def _place(knowledge: Knowledge, claim: Claim) -> str | None:
    check = knowledge.checks.get(claim.id)
    return f"{check.path}:{check.line}" if check else None


def _listing(knowledge: Knowledge, release: Release, claims: Sequence[Claim]) -> dict[str, Any]:
    return {
        "release": {"container": release.container, "server": str(release.server)},
        "claims": [_claim_object(knowledge, claim) for claim in claims],
    }


def _claim_object(knowledge: Knowledge, claim: Claim) -> dict[str, Any]:
    check = knowledge.checks.get(claim.id)
    since, until = claim.versions.since, claim.versions.until
    return {
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


def _show(options: argparse.Namespace) -> int:
    knowledge = knowledge_here()
    if options.claim not in knowledge.catalogue:
        found = chosen_claims([options.claim], knowledge.catalogue, where="CLAIM")
        raise InputError(f"{options.claim!r} matches {', '.join(found)}: name one", where="CLAIM")
    told = _all_of(knowledge, knowledge.catalogue[options.claim], options.ledger)
    say_all(json_lines(told) if options.json else _shown(told))
    return 0


def _all_of(knowledge: Knowledge, claim: Claim, ledger: Path | None) -> dict[str, Any]:
    told = {
        **_claim_object(knowledge, claim),
        "versions": claim.versions.describe(),
        "value": claim.value,
        "sources": list(claim.sources),
        "notes": [
            {
                "release": release.container,
                "section": note.section,
                "position": note.position,
                "parent": note.parent,
            }
            for release in knowledge.releases.values()
            for note in release.notes
            if claim.id in note.claims
        ],
        "asked_of_every_release": next(
            (each.reason for each in knowledge.standing if each.claim == claim.id), None
        ),
        "acceptances": [
            {
                "verdict": each.verdict.value,
                "target": each.target,
                "versions": each.versions.describe(),
                "reason": each.reason,
                "link": each.link,
                "date": each.date,
            }
            for each in load_acceptances(knowledge)
            if each.claim == claim.id
        ],
    }
    if ledger is not None:
        told["verdicts"] = [
            {
                "target": cell.target,
                "server_version": cell.server_version,
                "gpu": cell.gpu,
                "protocol": cell.protocol,
                "verdict": verdict_words(cell),
                "reason": cell.reason,
            }
            for cell in read_ledger(ledger).cells
            if cell.claim == claim.id
        ]
    return told


def _shown(told: dict[str, Any]) -> Iterator[str]:
    yield told["id"]
    yield from textwrap.wrap(told["statement"], _WIDTH, initial_indent="  ", subsequent_indent="  ")
    check = told["check"]
    yield ""
    yield from aligned(
        [
            ("kind", told["kind"]),
            ("holds in", told["versions"]),
            ("needs", ", ".join(told["needs"]) or "nothing"),
            (
                "check",
                f"{check['path']}:{check['line']} {check['function']}" if check else "unchecked",
            ),
        ]
    )
    yield from _part("sources", told["sources"])
    yield from _part("notes", map(_note_words, told["notes"]))
    if told["asked_of_every_release"]:
        yield from _part("asked of every release", [told["asked_of_every_release"]])
    yield from _part(
        "accepted",
        (
            f"{each['verdict']} on {each['target']}, {each['versions']}: {each['reason']} "
            f"({each['link']}, {each['date']})"
            for each in told["acceptances"]
        ),
    )
    if "verdicts" in told:
        cells = [
            " ".join(filter(None, (each["target"], each["gpu"], each["protocol"])))
            + f": {each['verdict']}: {' '.join(each['reason'].split())}"
            for each in told["verdicts"]
        ]
        yield from _part("verdicts", cells or ["the run has no cell of it"])


def _note_words(note: dict[str, Any]) -> str:
    position = f"{note['parent']}.{note['position']}" if note["parent"] else note["position"]
    return f"{note['release']}, {note['section']} {position}"


def _part(title: str, texts: Any) -> Iterator[str]:
    texts = list(texts)
    if texts:
        yield ""
        yield title
    for text in texts:
        yield from textwrap.wrap(
            text,
            _WIDTH,
            initial_indent="  - ",
            subsequent_indent="    ",
            break_long_words=False,  # addresses
            break_on_hyphens=False,
        )
