"""The command that writes a page of ledgers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from triton_claims.cli.commands import knowledge_here
from triton_claims.cli.saying import say
from triton_claims.errors import InputError
from triton_claims.report.derived import replace_file
from triton_claims.report.sentence import count
from triton_claims.verdicts.ledger import read_ledger

if TYPE_CHECKING:
    import argparse

    from triton_claims.cli.commands import AddCommand


def add_commands(command: AddCommand) -> None:
    """Adds ``report``."""
    reporting = command("report", _report, "writes one page of HTML that shows ledgers")
    reporting.add_argument(
        "ledgers", metavar="LEDGER", nargs="+", type=Path, help="runs' ledgers, side by side"
    )
    reporting.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        required=True,
        help="index.html is written there",
    )
    reporting.add_argument(
        "--earlier", metavar="LEDGER", type=Path, help="a run before, which cells are held against"
    )


def _report(options: argparse.Namespace) -> int:
    # Templates are slow to import, and no other command needs them.
    from triton_claims.report.page.facts import facts_of  # noqa: PLC0415
    from triton_claims.report.page.writing import page_html  # noqa: PLC0415

    ledgers = [read_ledger(path) for path in options.ledgers]
    earlier = read_ledger(options.earlier) if options.earlier is not None else None
    facts = facts_of(ledgers, knowledge_here(), earlier)
    output: Path = options.output
    try:
        output.mkdir(parents=True, exist_ok=True)
        replace_file(output / "index.html", page_html(facts))
    except (OSError, ValueError) as problem:  # ValueError: a NUL byte in the path
        reason = getattr(problem, "strerror", None) or problem
        raise InputError(f"cannot write into {str(output)!r}: {reason}", where="--output") from None
    missing = sum(not embedded for embedded in facts["pictures"].values())
    if missing:
        say(f"{count(missing, 'picture')} not beside the ledger: left out")
    say(f"{count(len(facts['cells']), 'cell')} on one page: {output / 'index.html'}")
    return 0
