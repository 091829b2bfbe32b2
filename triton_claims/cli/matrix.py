"""The command that shows claims by servers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from triton_claims.cli.saying import say_all
from triton_claims.report.matrix import matrix_lines
from triton_claims.verdicts.ledger import read_ledger

if TYPE_CHECKING:
    import argparse

    from triton_claims.cli.commands import AddCommand


def add_commands(command: AddCommand) -> None:
    """Adds ``matrix``."""
    matrix = command("matrix", _matrix, "shows claims by servers, as a table in Markdown")
    matrix.add_argument("ledger", metavar="LEDGER", type=Path, help="a run's ledger.jsonl")


def _matrix(options: argparse.Namespace) -> int:
    say_all(matrix_lines(read_ledger(options.ledger)))
    return 0
