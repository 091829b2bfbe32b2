"""The commands about several runs: what changed, and what became of a claim."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from triton_claims.cli.commands import BAD_NEWS, json_lines
from triton_claims.cli.saying import complain, say_all
from triton_claims.errors import InputError
from triton_claims.notes.choosing import chosen_claims
from triton_claims.report.differences import (
    difference_lines,
    difference_markdown,
    difference_object,
    verdict_words,
)
from triton_claims.report.sentence import count
from triton_claims.report.table import aligned
from triton_claims.verdicts.changes import compare
from triton_claims.verdicts.history import pasts, read_runs
from triton_claims.verdicts.ledger import read_ledger

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from typing import Any

    from triton_claims.cli.commands import AddCommand
    from triton_claims.verdicts.history import Past


def add_commands(command: AddCommand) -> None:
    """Adds ``diff`` and ``history``."""
    diff = command("diff", _diff, "shows what changed between two runs; exit code 1 if for worse")
    diff.add_argument("old", metavar="OLD", type=Path, help="the ledger of the run before")
    diff.add_argument("new", metavar="NEW", type=Path, help="the ledger of the run now")
    diff.add_argument(
        "--rename",
        metavar="OLD=NEW",
        action="append",
        default=[],
        help="the target NEW stands for OLD, such as wheel:24.09=wheel:24.10; repeatable",
    )
    shown = diff.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="as one JSON object")
    shown.add_argument("--markdown", action="store_true", help="for the summary page of a CI job")

    history = command("history", _history, "shows the verdicts over all runs below a folder")
    history.add_argument("folder", metavar="DIR", type=Path, help="ledgers are looked for below it")
    history.add_argument(
        "claims",
        metavar="CLAIM",
        nargs="*",
        help="each run's verdict of these alone: ids, or globs of them",
    )
    history.add_argument("--json", action="store_true", help="as one JSON object")


def _diff(options: argparse.Namespace) -> int:
    renamed = dict(_renamings(options.rename))
    old, new = read_ledger(options.old), read_ledger(options.new)
    changes = compare(old, new, renamed)
    if options.json:
        say_all(json_lines(difference_object(old, new, changes)))
    else:
        say_all((difference_markdown if options.markdown else difference_lines)(old, new, changes))
    return BAD_NEWS if changes.are_bad else 0


def _renamings(texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        old, equals, new = text.partition("=")
        if not (old and equals and new):
            raise InputError(
                f"found {text!r}, expected OLD=NEW, such as wheel:24.09=wheel:24.10",
                where="--rename",
            )
        yield old, new


def _history(options: argparse.Namespace) -> int:
    runs = read_runs(options.folder)
    told = dict.fromkeys(cell.claim for ledger in runs.ledgers for cell in ledger.cells)
    found = pasts(runs.ledgers, chosen_claims(options.claims, told, where="CLAIM"))
    if options.json:
        say_all(json_lines({"cells": [_object(each) for each in found]}))
    else:
        say_all(aligned([*(_each_run(found) if options.claims else _overview(found))]))
        say_all(("", f"{count(len(runs.ledgers), 'run')} below {options.folder}"))
    for problem in runs.left_out:
        complain(f"left out: {problem}")
    return BAD_NEWS if runs.left_out else 0


def _overview(found: Sequence[Past]) -> Iterator[tuple[str, ...]]:
    yield "claim", "target", "gpu", "protocol", "runs", "verdict now", "since", "before"
    for past in found:
        yield (
            *_named(past),
            str(len(past.cells)),
            verdict_words(past.now),
            past.since.header["started"],
            verdict_words(past.before),
        )


def _each_run(found: Sequence[Past]) -> Iterator[tuple[str, ...]]:
    yield "claim", "target", "gpu", "protocol", "started", "notes", "server", "verdict"
    for past in found:
        for ledger, cell in past.cells:
            yield (
                *_named(past),
                ledger.header["started"],
                ledger.header["release"]["container"],
                cell.server_version or "-",
                verdict_words(cell),
            )


def _named(past: Past) -> tuple[str, str, str, str]:
    cell = past.now
    return cell.claim, cell.target, cell.gpu, cell.protocol or "-"


def _object(past: Past) -> dict[str, Any]:
    cell = past.now
    return {
        "claim": cell.claim,
        "target": cell.target,
        "gpu": cell.gpu,
        "protocol": cell.protocol,
        "since": past.since.header["started"],
        "runs": [
            {
                "run": ledger.header["run"],
                "started": ledger.header["started"],
                "release": ledger.header["release"]["container"],
                "ledger": str(ledger.path),
                "server_version": each.server_version,
                "verdict": each.verdict.value,
                "accepted": each.accepted,
            }
            for ledger, each in past.cells
        ],
    }
