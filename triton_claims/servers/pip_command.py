"""Runs pip on our behalf: progress forwarded, failures told in one line, nothing secret in it.

The user's own configuration of pip (index, proxy, certificates) holds; only what would make a run
hang, ask or install elsewhere is set.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from triton_claims.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

PIP: tuple[str, ...] = (sys.executable, "-m", "pip")


def pip_for(python: Path, pip: Sequence[str] = PIP) -> tuple[str, ...]:
    """The command for pip to install into another environment, which needs no pip of its own.

    Args:
        python: The Python of that environment.
        pip: The command that stands for pip.
    """
    return (*pip, "--python", str(python))


# One retry and a bounded wait: without a network, the answer should come in seconds.
_PATIENCE = ("--retries", "1", "--timeout", "15")
_QUIET = ("--no-input", "--disable-pip-version-check", "--progress-bar", "raw")
_RAW_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_UNREACHABLE = re.compile(
    r"connection broken by|NewConnectionError|NameResolutionError|ConnectTimeout|ProxyError"
    r"|Network is unreachable|Could not fetch URL",
)
_WHY_UNREACHABLE = re.compile(
    r"\[Errno -?\d+\] [\w ]+|CERTIFICATE_VERIFY_FAILED|timed out|40[137] [A-Z][\w ]+"
)
_NO_SUCH_FILE = re.compile(r"No matching distribution found")
_WRONG_HASH = re.compile(r"DO NOT MATCH THE HASHES")
WRONG_HASH = "what was fetched has another SHA-256 than the one pinned"
_BETWEEN_LINES = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class PipFailure:
    """Why pip did not do what it was asked for.

    Attributes:
        reason: One line, without secrets.
        absent: Nothing to be had where pip looks: trying again is of no use.
    """

    reason: str
    absent: bool


def run_pip(
    arguments: Sequence[str],
    *,
    scratch: Path,
    fetched: Callable[[int, int], None] = lambda _done, _total: None,
    pip: Sequence[str] = PIP,
) -> PipFailure | None:
    """Runs pip to its end.

    Args:
        arguments: pip's command and its arguments; the settled options are put behind the command.
        scratch: A directory of the caller's that pip runs in and keeps its temporary files in.
        fetched: Told the bytes fetched and the bytes in all, at most once a second and at the end.
        pip: The command that stands for pip.

    Returns:
        None where it succeeded.
    """
    command = [*pip, arguments[0], *_QUIET, *_PATIENCE, *arguments[1:]]
    environment = {
        **os.environ,
        "TMPDIR": str(scratch),  # so that a killed pip leaves nothing outside the cache
        "PIP_USER": "0",
        "PIP_REQUIRE_VIRTUALENV": "0",
        "PYTHONUNBUFFERED": "1",
        "LC_ALL": "C.UTF-8",
    }
    said: deque[str] = deque(maxlen=200)
    # A package that lies in the current directory would be taken for pip's own.
    with _running(command, scratch, environment) as process:
        told = time.monotonic()
        for line in process.stdout or ():
            if progress := _RAW_PROGRESS.match(line):
                done, total = map(int, progress.groups())
                if done >= total or time.monotonic() - told >= _BETWEEN_LINES:
                    told = time.monotonic()
                    fetched(done, total)
            else:
                said.append(line.strip())
    return None if process.returncode == 0 else _failure(said, process.returncode)


@contextmanager
def _running(
    command: list[str], directory: Path, environment: dict[str, str]
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    with process:
        try:
            yield process
        except BaseException:
            # With --python, pip is a process below the one that was started.
            with suppress(psutil.NoSuchProcess):
                for each in psutil.Process(process.pid).children(recursive=True):
                    each.kill()
            process.kill()
            raise


def _failure(said: Sequence[str], returncode: int) -> PipFailure:
    everything = "\n".join(said)
    if _WRONG_HASH.search(everything):
        return PipFailure(WRONG_HASH, absent=False)
    if unreachable := _UNREACHABLE.search(everything):
        why = _WHY_UNREACHABLE.search(everything) or unreachable
        reason = f"the package index can't be reached ({why[0]})"
    else:
        reason = _error_line(said) or f"pip ended with exit code {returncode} and said nothing"
    return PipFailure(redact(reason), absent=bool(_NO_SUCH_FILE.search(everything)))


def _error_line(said: Sequence[str]) -> str:
    """What pip itself calls the error, or the last thing that it said."""
    errors = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: ")]
    last = errors or [line for line in said if line]
    return last[-1] if last else ""
