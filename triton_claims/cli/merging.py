"""The command that makes one record of shards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from triton_claims.cli.commands import BAD_NEWS, knowledge_here
from triton_claims.cli.saying import say, say_all
from triton_claims.report.sentence import count, sentences
from triton_claims.report.shards import read_shard, write_merged
from triton_claims.report.table import table_lines
from triton_claims.verdicts.acceptance import load_acceptances
from triton_claims.verdicts.merging import merge
from triton_claims.verdicts.outcome import Require

if TYPE_CHECKING:
    import argparse

    from triton_claims.cli.commands import AddCommand


def add_commands(command: AddCommand) -> None:
    """Adds ``merge``."""
    merging = command("merge", _merge, "makes one record of shards; exit code 1 if it's bad")
    merging.add_argument(
        "shards",
        metavar="DIR",
        nargs="+",
        type=Path,
        help="the reports of a run that did a part, or its ledger alone",
    )
    merging.add_argument(
        "-o", "--output", metavar="OUT", type=Path, required=True, help="a new or empty folder"
    )
    merging.add_argument(
        "--require",
        choices=[each.value for each in Require],
        help="fail unless every cell of the whole is decided, or confirmed",
    )
    merging.add_argument(
        "--allow-different-suites",
        action="store_true",
        help="take shards of different versions of the suite for one run",
    )


def _merge(options: argparse.Namespace) -> int:
    shards = [read_shard(path) for path in options.shards]
    merged = merge(
        [shard.ledger for shard in shards],
        acceptances=load_acceptances(knowledge_here()),
        require=Require(options.require) if options.require else None,
        allow_different_suites=options.allow_different_suites,
    )
    write_merged(options.output, merged, shards)
    say_all((*table_lines(merged), "", *sentences(merged), ""))
    for shard in shards:
        if shard.missing:
            say(f"{shard.ledger.path}: {count(shard.missing, 'picture')} missing, left out")
    say(f"{count(len(shards), 'shard')} merged: {options.output}")
    return 0 if merged.passes else BAD_NEWS
