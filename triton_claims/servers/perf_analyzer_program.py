"""Perf Analyzer as this machine can run it: out of the client's wheel, with libraries it runs on.

It is built on a newer system than many machines have. Where the distribution here is known, the
libraries of a newer release of it are fetched and unpacked into the cache, and Perf Analyzer is
started with them; nothing is installed.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from triton_claims.errors import Blocked
from triton_claims.servers.cache import build_once, cache_root
from triton_claims.servers.distribution import (
    PackageUnavailableError,
    fetch_packages,
    newer_release,
)
from triton_claims.servers.wheels import fetch_program

if TYPE_CHECKING:
    from pathlib import Path

    from triton_claims.notes.releases import ClientPackage
    from triton_claims.servers.cache import Progress

PROGRAM = "perf_analyzer"
#: What it is linked with, and what that is linked with.
_PACKAGES = ("libc6", "libssl3t64", "libstdc++6", "libgcc-s1", "zlib1g", "libzstd1")
_LOADER = "ld-linux-x86-64.so.2"
_SMOKE_TIMEOUT = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class PerfAnalyzerProgram:
    """A Perf Analyzer that runs here.

    Attributes:
        command: The command that starts it, to which arguments are added.
        version: The version it tells.
    """

    command: tuple[str, ...]
    version: str


class _DoesNotRunError(Exception):
    """Why the program does not run here, in one line."""


def perf_analyzer_program(
    wheel: ClientPackage, progress: Progress, *, way_out: str | None = None
) -> PerfAnalyzerProgram:
    """Makes Perf Analyzer ready to be run.

    Args:
        wheel: The client's wheel that brings it along.
        progress: Told what takes its time, line by line.
        way_out: What unblocks the caller besides a machine that it runs on, if anything does.

    Raises:
        Blocked: It cannot be fetched, or does not run here.
    """
    try:
        return _made_ready(wheel, progress)
    except _DoesNotRunError as problem:
        machine = f"a machine with glibc {wheel.glibc}"
        raise Blocked(
            f"Perf Analyzer {wheel.version} does not run here: {problem}",
            unblock=f"{machine}, or {way_out}" if way_out else machine,
        ) from None


def _made_ready(wheel: ClientPackage, progress: Progress) -> PerfAnalyzerProgram:
    program = str(fetch_program(wheel, PROGRAM, progress))
    version, problem = _smoke((program,))
    if version:
        return PerfAnalyzerProgram((program,), version)
    command = _with_newer_libraries(program, wheel, problem, progress)
    version, problem = _smoke(command)
    if version is None:
        raise _DoesNotRunError(problem)
    return PerfAnalyzerProgram(command, version)


def _with_newer_libraries(
    program: str, wheel: ClientPackage, problem: str, progress: Progress
) -> tuple[str, ...]:
    major, _, minor = wheel.glibc.partition(".")
    release = newer_release((int(major), int(minor)))
    if release is None:
        raise _DoesNotRunError(problem)

    def build(directory: Path) -> None:
        progress(f"fetching libraries of {release.codename} for Perf Analyzer {wheel.version}")
        try:
            fetch_packages(_PACKAGES, directory, release.codename)
        except PackageUnavailableError as unavailable:
            raise _DoesNotRunError(f"{problem}; no newer libraries: {unavailable}") from None

    root = build_once(
        cache_root() / "libraries" / f"{PROGRAM}-{release.codename}", build, progress=progress
    )
    found = next(iter(sorted(root.glob(f"**/{_LOADER}"))), None)
    if found is None:
        raise _DoesNotRunError(f"{problem}; the libraries of {release.codename} have no {_LOADER}")
    folders = sorted({str(path.parent) for path in root.rglob("lib*.so.*")})
    return (str(found), "--library-path", ":".join(folders), program)


def _smoke(command: tuple[str, ...]) -> tuple[str | None, str]:
    """The version that it tells, or else in one line why it does not."""
    try:
        answer = subprocess.run(
            [*command, "--version"],
            env={"LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_SMOKE_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        return None, str(problem)
    said = answer.stdout.strip().splitlines() or ["it said nothing"]
    words = said[0].split()  # Perf Analyzer Version X (commit ...)
    if answer.returncode or words[:3] != ["Perf", "Analyzer", "Version"]:
        return None, said[-1].removeprefix(f"{command[-1]}: ")
    return words[3], ""
