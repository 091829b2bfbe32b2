"""The tree of commands, with all modules that have some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from triton_claims import __version__
from triton_claims.cli import (
    adding,
    ceilings,
    claims,
    completion,
    matrix,
    merging,
    notes,
    page,
    plan,
    runs,
    summary,
    upkeep,
)
from triton_claims.cli.commands import EXIT_CODES, CommandParser

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

#: Each has ``add_commands(command: AddCommand)``; in the order of the help.
_MODULES = (
    claims,
    plan,
    summary,
    matrix,
    runs,
    merging,
    ceilings,
    page,
    notes,
    adding,
    upkeep,
    completion,
)
#: The groups of commands whose names are of two words.
_GROUPS = {
    "ceilings": "limits of latency and start-up time",
    "notes": "what is in a release's notes, and what is new there",
}


def command_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; ``command`` of what it parses does the work."""
    parser = CommandParser(
        prog="triton-claims",
        description="The claims of NVIDIA Triton's release notes; `make check` decides them.",
        epilog=EXIT_CODES,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"triton-claims {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    groups: dict[str, Any] = {}

    def command(
        name: str, run: Callable[[argparse.Namespace], int], words: str
    ) -> argparse.ArgumentParser:
        group, _, action = name.rpartition(" ")
        if group and group not in groups:
            groups[group] = commands.add_parser(
                group, help=_GROUPS[group], description=_GROUPS[group], allow_abbrev=False
            ).add_subparsers(required=True, metavar="ACTION")
        added: argparse.ArgumentParser = (groups[group] if group else commands).add_parser(
            action, help=words, description=words, epilog=EXIT_CODES, allow_abbrev=False
        )
        added.set_defaults(command=run)
        return added

    for module in _MODULES:
        module.add_commands(command)
    return parser
