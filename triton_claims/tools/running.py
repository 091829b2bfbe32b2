"""Runs a program to its end, with all that it starts, and takes what it says."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from triton_claims.errors import BrokenError
from triton_claims.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_TAIL_LINES = 60
_TAIL_CHARACTERS = 600


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that has ended.

    Attributes:
        command: The command, as a user would give it.
        returncode: Its exit code; negative for the signal that ended it.
        stdout: All it printed there.
        stderr: All it printed there.
        seconds: How long it took.
    """

    command: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def output(self) -> str:
        """All it printed: what went to stdout, then what went to stderr."""
        return self.stdout + self.stderr

    @property
    def command_line(self) -> str:
        """The command, to be pasted into a shell; without secrets."""
        return redact(shlex.join(self.command))

    def must_have_succeeded(self) -> None:
        """Sees to it that the run went well: no judgement comes of one that did not.

        Raises:
            BrokenError: It ended with another exit code than 0; with the end of what it said.
        """
        if self.returncode:
            said = redact(self.output)[-_TAIL_CHARACTERS:]
            raise BrokenError(f"{' '.join(self.command[:2])} ended with {self.returncode}: {said}")

    def describe(self) -> str:
        """What it was, how it ended and the end of what it said; without secrets."""
        return "\n".join(
            [
                f"$ {self.command_line}",
                *_tail("stdout", self.stdout),
                *_tail("stderr", self.stderr),
                f"exit code {self.returncode} after {self.seconds:.1f} s",
            ]
        )


def run_program(
    command: Sequence[str],
    *,
    called: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    timeout: float,
) -> Finished:
    """Runs a program in a process group of its own, of which nothing is left at the end.

    Args:
        command: The command.
        called: The same, as a user would give it.
        folder: Its working folder.
        environment: Its environment variables, and no others.
        timeout: Seconds until it must have ended.

    Raises:
        BrokenError: It cannot be started, or did not end in time.
    """
    began = time.perf_counter()
    # Not through pipes: what it leaves behind would keep them open, and us waiting.
    with TemporaryFile(dir=folder.parent) as stdout, TemporaryFile(dir=folder.parent) as stderr:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        except OSError as problem:
            raise BrokenError(f"{called[0]} cannot be started: {problem}") from None
        try:
            returncode: int | None = process.wait(timeout)
        except subprocess.TimeoutExpired:
            returncode = None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        finished = Finished(
            tuple(called),
            process.returncode if returncode is None else returncode,
            _read(stdout),
            _read(stderr),
            time.perf_counter() - began,
        )
    if returncode is None:
        raise BrokenError(f"{called[0]} did not end within {timeout:g} s:\n{finished.describe()}")
    return finished


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def _tail(name: str, text: str) -> list[str]:
    lines = redact(text).splitlines()
    left_out = len(lines) - _TAIL_LINES
    return [
        *([f"[{left_out} lines of {name}]"] if left_out > 0 else []),
        *(f"{name}: {line}" for line in lines[-_TAIL_LINES:]),
    ]
