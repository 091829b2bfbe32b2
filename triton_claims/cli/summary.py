"""The command that shows a ledger again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from triton_claims.cli.commands import BAD_NEWS, json_lines
from triton_claims.cli.saying import say_all
from triton_claims.errors import InputError
from triton_claims.report.junit import junit_xml
from triton_claims.report.sentence import sentences
from triton_claims.report.summary import summary_markdown
from triton_claims.report.table import table_lines
from triton_claims.verdicts.ledger import read_ledger
from triton_claims.verdicts.outcome import counts_of

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from triton_claims.cli.commands import AddCommand
    from triton_claims.verdicts.ledger import Ledger


def add_commands(command: AddCommand) -> None:
    """Adds ``summary``."""
    summary = command("summary", _summary, "shows what a ledger tells; exit code 1 if it's bad")
    summary.add_argument("ledger", metavar="LEDGER", type=Path, help="a run's ledger.jsonl")
    summary.add_argument(
        "-o", "--output", metavar="DIR", type=Path, help="writes summary.md and junit.xml there"
    )
    summary.add_argument("--json", action="store_true", help="as one JSON object")


def _summary(options: argparse.Namespace) -> int:
    ledger = read_ledger(options.ledger)
    if options.json:
        say_all(json_lines(_object(ledger)))
    else:
        say_all((*table_lines(ledger), "", *sentences(ledger)))
    if options.output is not None:
        try:
            options.output.mkdir(parents=True, exist_ok=True)
            for name, text in (
                ("summary.md", summary_markdown(ledger)),
                ("junit.xml", junit_xml(ledger)),
            ):
                (options.output / name).write_text(text, encoding="utf-8")
        except (OSError, ValueError) as problem:  # ValueError: a NUL byte in the path
            reason = getattr(problem, "strerror", None) or problem
            raise InputError(
                f"cannot write into {str(options.output)!r}: {reason}", where="--output"
            ) from None
    return 0 if ledger.passes else BAD_NEWS


def _object(ledger: Ledger) -> dict[str, Any]:
    """What the table and the sentences tell, as an object that JSON can hold."""
    return {
        "run": ledger.header["run"],
        "passes": ledger.passes,
        "counts": counts_of(ledger.cells, len(ledger.unchecked)),
        "sentences": list(sentences(ledger)),
        "cells": [cell.to_record() for cell in ledger.cells],
        "unchecked": [each.claim for each in ledger.unchecked],
    }
