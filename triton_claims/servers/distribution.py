"""Fetches packages of the distribution and unpacks them, without root, without installing them.

For Debian and Ubuntu, by apt with a state of its own, so that neither root nor the system's package
lists are needed. Standard library only: ``scripts/make-venv`` runs this very file before anything
is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_TIMEOUT = 300  # seconds, for one step

# Hooks of the system's apt ("delete what was downloaded", "tell the desktop") fail without root and
# mean the system's directories; they must be cleared after apt has read its own configuration,
# which is what -c does.
_CONFIGURATION = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "1";
APT::Update::Error-Mode "any";
Acquire::http::Timeout "15";
Acquire::https::Timeout "15";
Dir::Cache "{work}/cache";
Dir::Log "{work}/log";
"""
_OWN_SOURCES = """\
Dir::Etc::SourceList "{work}/sources.list";
Dir::Etc::SourceParts "-";
"""
_OWN_LISTS = """\
Dir::State "{work}/state";
Dir::State::Lists "{work}/state/lists";
"""


class PackageUnavailableError(Exception):
    """The package can't be fetched here; the text says why, in one line."""


@dataclass(frozen=True)
class OlderRelease:
    """A release of this distribution whose Python models can run on.

    Attributes:
        codename: The release's.
        python: Its Python, such as ``3.11``.
    """

    codename: str
    python: str


# The newest one first; all of these Pythons have NumPy 1.
_OLDER = {
    "debian": (OlderRelease("bookworm", "3.11"),),
    "ubuntu": (OlderRelease("noble", "3.12"), OlderRelease("jammy", "3.10")),
}


@dataclass(frozen=True)
class NewerRelease:
    """A release of this distribution whose libraries programs can run on that are too new for it.

    Attributes:
        codename: The release's.
        glibc: Its glibc's numbers.
    """

    codename: str
    glibc: tuple[int, int]


# The oldest one first: the closer to what is here, the better.
_NEWER = {
    "debian": (NewerRelease("trixie", (2, 41)),),
    "ubuntu": (NewerRelease("noble", (2, 39)),),
}


def newer_release(glibc: tuple[int, int]) -> NewerRelease | None:
    """The release of this distribution to take a C library from that is as new, if there is one."""
    releases = _NEWER.get(_os_release().get("ID", ""), ())
    return next((release for release in releases if release.glibc >= glibc), None)


def older_release(pythons: Sequence[str]) -> OlderRelease | None:
    """The release of this distribution to take one of these Pythons from, if there is one."""
    releases = _OLDER.get(_os_release().get("ID", ""), ())
    return next((release for release in releases if release.python in pythons), None)


def fetch_packages(packages: Sequence[str], directory: Path, codename: str = "", /) -> None:
    """Unpacks packages' files.

    Args:
        packages: Their names, as apt knows them.
        directory: Where to; it exists. The files lie in it as they would below ``/``.
        codename: The release of the distribution to take them from; by default the one here.

    Raises:
        PackageUnavailableError: No apt here, no such package, or no network.
    """
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise PackageUnavailableError(f"there is no {tool} here")
    work = directory / ".apt"
    for part in ("cache/archives/partial", "state/lists/partial", "log"):
        (work / part).mkdir(parents=True, exist_ok=True)
    try:
        _download(packages, work, codename)
        for file in work.glob("*.deb"):
            run_step(["dpkg-deb", "--extract", str(file), str(directory)], work)
    finally:
        shutil.rmtree(str(work), ignore_errors=True)


def debian_mirror() -> str | None:
    """Where this system gets Debian's packages from; None where it is another distribution.

    Raises:
        PackageUnavailableError: No apt here, or it has no such source.
    """
    if _os_release().get("ID") != "debian":
        return None
    if shutil.which("apt-get") is None:
        raise PackageUnavailableError("there is no apt-get here")
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        (work / "system.conf").write_text(_CONFIGURATION.format(work=work), encoding="utf-8")
        return _mirror(work)


def _download(packages: Sequence[str], work: Path, codename: str) -> None:
    """Tries the system's package lists, then own ones: images often have none, or old ones."""
    system = _CONFIGURATION.format(work=work)
    (work / "system.conf").write_text(system, encoding="utf-8")
    own = system + _OWN_LISTS.format(work=work)
    if codename:
        own += _OWN_SOURCES.format(work=work)
        source = f"deb {_mirror(work)} {codename} main\n"
        (work / "sources.list").write_text(source, encoding="utf-8")
    (work / "own.conf").write_text(own, encoding="utf-8")
    if not codename and _download_all(packages, work, "system.conf") is None:
        return
    # Lists that could be had are used even if others could not: only one of them may be needed.
    no_lists = _attempt(["apt-get", "-c", "own.conf", "update"], work)
    no_package = _download_all(packages, work, "own.conf")
    if no_package is not None:
        raise no_lists or no_package


def _download_all(
    packages: Sequence[str], work: Path, configuration: str
) -> PackageUnavailableError | None:
    for package in packages:
        problems = []
        for name in _names(package):
            problem = _attempt(["apt-get", "-c", configuration, "download", name], work)
            if problem is None:
                break
            problems.append(problem)
        else:
            return problems[0]
    return None


def _attempt(command: list[str], directory: Path) -> PackageUnavailableError | None:
    try:
        run_step(command, directory)
    except PackageUnavailableError as problem:
        return problem
    return None


def _names(package: str) -> list[str]:
    """What a package may be called: the build installed here first, and its newer name.

    Newer releases of Debian and Ubuntu give libraries that were rebuilt for 64-bit times a suffix.
    """
    if not package.startswith("lib"):
        return [package]
    if not re.fullmatch(r"libpython3\.\d+", package):
        return [package, f"{package}t64"]
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", f"{package}-stdlib"],  # noqa: S607 - from PATH
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    installed = asked.stdout.strip() if asked.returncode == 0 else ""
    names = [package, f"{package}t64"]
    return [f"{name}={installed}" for name in names if installed] + names


def _mirror(work: Path) -> str:
    """Where this system gets its packages from."""
    codename = _os_release().get("VERSION_CODENAME", "")
    listed = run_step(["apt-get", "-c", "system.conf", "update", "--print-uris"], work)
    # 'https://mirror/debian/dists/trixie/InRelease' mirror_debian_dists_trixie_InRelease 0
    address = re.search(rf"^'(\S+)/dists/{re.escape(codename)}/InRelease'", listed, re.MULTILINE)
    if address is None:
        raise PackageUnavailableError(f"apt has no source for {codename or 'this release'} here")
    return address.group(1)


def _os_release() -> dict[str, str]:
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines)
    return {name: value.strip("\"'") for name, _, value in pairs}


def run_step(command: list[str], directory: Path, timeout: float = _TIMEOUT) -> str:
    """Runs one of the distribution's tools to its end, in a language that can be read.

    Args:
        command: The command.
        directory: Where.
        timeout: Seconds it may take.

    Returns:
        What it printed.

    Raises:
        PackageUnavailableError: It is not here, failed or took too long; in one line.
    """
    try:
        run = subprocess.run(
            command,
            check=False,
            cwd=str(directory),
            env={**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise PackageUnavailableError(f"{command[0]} took more than {timeout:g} s") from None
    except OSError as problem:
        raise PackageUnavailableError(str(problem)) from None
    if run.returncode:
        said = run.stdout.strip().splitlines()
        errors = [line for line in said if line.startswith("E:")] or said[-1:]
        raise PackageUnavailableError(f"{command[0]}: {(errors or ['it said nothing'])[0]}")
    return run.stdout


def main() -> int:
    """``distribution.py PACKAGE DIRECTORY``: the same, for scripts."""
    try:
        fetch_packages([sys.argv[1]], Path(sys.argv[2]).absolute())
    except PackageUnavailableError as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - its purpose
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
