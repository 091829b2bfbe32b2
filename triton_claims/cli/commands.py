"""What the modules with commands share: how one is added, what its exit code says."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from triton_claims.errors import InputError
from triton_claims.notes.knowledge import Knowledge, find_root, load_knowledge

if TYPE_CHECKING:
    from collections.abc import Callable

BAD_NEWS = 1
BAD_INPUT = 2
INTERRUPTED = 130

#: What every command says of its exit codes.
EXIT_CODES = (
    "exit codes: 0 the answer is good; 1 it is bad news, or the command could not do its work; "
    "2 the input is wrong, and one line on stderr says how; 130 ended by Ctrl-C"
)


class AddCommand(Protocol):
    """Adds a command; ``add_commands`` of each module with commands is given one."""

    def __call__(
        self, name: str, run: Callable[[argparse.Namespace], int], words: str
    ) -> argparse.ArgumentParser:
        """Adds a command.

        Args:
            name: Its name; of two words where it is one action of a group, as ``ceilings record``.
            run: What it does; gives the exit code.
            words: What it does, in one line of its help.

        Returns:
            Its parser, for its arguments.
        """


class CommandParser(argparse.ArgumentParser):
    """Leaves it to the caller to tell what is wrong: in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Raises what is wrong.

        Raises:
            InputError: Always.
        """
        raise InputError(f"{message} (see {self.prog} --help)")


def knowledge_here() -> Knowledge:
    """What is known before a run, from the project around the working folder."""
    return load_knowledge(find_root(Path.cwd()))


def json_lines(told: Any) -> list[str]:
    """The lines of an object in JSON, as every ``--json`` prints it."""
    return json.dumps(told, indent=2).splitlines()
