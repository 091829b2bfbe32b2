"""The command that records limits from a run."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from triton_claims.cli.commands import knowledge_here
from triton_claims.cli.saying import say
from triton_claims.errors import InputError
from triton_claims.notes.ceilings import load_ceilings
from triton_claims.report.ceilings_file import ceilings_text
from triton_claims.report.derived import replace_file
from triton_claims.report.sentence import count
from triton_claims.verdicts.ledger import read_ledger

if TYPE_CHECKING:
    import argparse

    from triton_claims.cli.commands import AddCommand


def add_commands(command: AddCommand) -> None:
    """Adds ``ceilings record``."""
    recording = command(
        "ceilings record",
        _record_ceilings,
        "records limits from a run's ledger, for pytest's --ceilings",
    )
    recording.add_argument("ledger", metavar="LEDGER", type=Path, help="a run's ledger.jsonl")
    recording.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        default=Path("ceilings.toml"),
        help="default: ceilings.toml",
    )
    recording.add_argument(
        "--margin",
        metavar="SHARE",
        type=float,
        default=0.2,
        help="by how much the limits are wider than what was measured; default: 0.2",
    )
    recording.add_argument(
        "--for-releases",
        metavar="GLOB",
        help="the releases they are for, such as '*'; default: the one measured",
    )
    recording.add_argument("--force", action="store_true", help="overwrite the file")


def _record_ceilings(options: argparse.Namespace) -> int:
    margin = options.margin
    if not 0 <= margin < math.inf:
        raise InputError(f"found {margin}, expected a share such as 0.2", where="--margin")
    releases = options.for_releases
    if releases is not None and not re.fullmatch("[0-9.*?]{1,20}", releases):
        raise InputError(
            f"{releases!r} matches no release: expected a container version, or a glob such as "
            "'24.*' or '*'",
            where="--for-releases",
        )
    text = ceilings_text(
        read_ledger(options.ledger), knowledge_here().releases, margin=margin, release=releases
    )
    output: Path = options.output
    try:
        if os.path.lexists(output) and not options.force:
            raise InputError(
                f"{str(output)!r} is there already: name another file, or overwrite it by --force",
                where="--output",
            )
        if output.is_dir():
            raise InputError(f"{str(output)!r} is a folder", where="--output")
        replace_file(output, text)
    except (OSError, ValueError) as problem:  # ValueError: a NUL byte in the path
        reason = getattr(problem, "strerror", None) or problem
        raise InputError(f"cannot write {str(output)!r}: {reason}", where="--output") from None
    recorded = load_ceilings(output)
    say(
        f"{count(len(recorded.loads), 'load')} and {count(len(recorded.starts), 'start')} "
        f"limited: {output}"
    )
    return 0
