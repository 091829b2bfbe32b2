"""GenAI-Perf's Python environments, apart from the suite's: it wants NumPy 1 and more of its time.

What GenAI-Perf needs is the same for several of its versions, and large. So it is installed once
for each Python, and each version has an environment that holds itself alone and sees the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from os.path import relpath
from typing import TYPE_CHECKING

from triton_claims.errors import Blocked
from triton_claims.servers.cache import build_once, cache_root, downloads, silent
from triton_claims.servers.digests import file_digest
from triton_claims.servers.environments import run_python
from triton_claims.servers.interpreters import find_python
from triton_claims.servers.pip_command import PIP, pip_for, run_pip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from triton_claims.notes.releases import GenAiPerfPackage
    from triton_claims.servers.cache import Progress
    from triton_claims.servers.interpreters import Python

_TOLD_EVERY = 100_000_000  # bytes fetched
#: Packages' own tests, some of which are no Python that every version can compile.
_NOT_COMPILED = "/tests?/"


@dataclass(frozen=True, slots=True)
class ToolEnvironment:
    """An environment with GenAI-Perf in it.

    Attributes:
        folder: Where it is, in the cache.
        python: Its Python.
        release: That Python's version, such as ``3.11.7``.
        version: The version of GenAI-Perf.
    """

    folder: Path
    python: Path
    release: str
    version: str


def genai_perf_environment(
    package: GenAiPerfPackage,
    *,
    python: Python | None = None,
    progress: Progress = silent,
    pip: Sequence[str] = PIP,
) -> ToolEnvironment:
    """The environment of a GenAI-Perf, in the cache; made where it is not there yet.

    Args:
        package: Which GenAI-Perf, with what it needs.
        python: The Python; by default the best of this machine.
        progress: Told what takes its time, line by line.
        pip: The command that stands for pip.

    Raises:
        Blocked: No Python here is for it, its packages are neither in the cache nor to be fetched,
            or the cache can't be written.
        BrokenError: The Python can't make virtual environments.
    """
    called = f"GenAI-Perf {package.version}"
    python = python or find_python(package.pythons, called, progress=progress)
    # Two Pythons of one version, or one that was updated, must not share an environment.
    whose = _digest(f"{python.executable} {python.release} {file_digest(package.requirements)}")
    environments = cache_root() / "environments"
    shared = environments / f"genai-perf-packages-python{python.version}-{whose}"
    own = environments / (
        f"genai-perf-{package.version}-python{python.version}-{_digest(whose + package.sha256)}"
    )

    def build_shared(directory: Path) -> None:
        progress(f"making an environment for {called}: Python {python.release}; 1 GB, once")
        requirements = package.requirements.read_text(encoding="utf-8")
        _install(requirements, directory, final=shared, python=python, progress=progress, pip=pip)

    def build_own(directory: Path) -> None:
        progress(f"adding {called} on Python {python.release}")
        requirement = f"genai-perf=={package.version} --hash=sha256:{package.sha256}\n"
        _install(requirement, directory, final=own, python=python, progress=progress, pip=pip)
        # A path in such a file counts from its folder: the cache may be moved.
        packages = _packages(own, python)
        (_packages(directory, python) / "shared.pth").write_text(
            f"{relpath(_packages(shared, python), packages)}\n", encoding="utf-8"
        )

    build_once(shared, build_shared, progress=progress)
    build_once(own, build_own, progress=progress)
    return ToolEnvironment(own, own / "bin" / "python3", python.release, package.version)


def _install(
    requirements: str,
    directory: Path,
    *,
    final: Path,
    python: Python,
    progress: Progress,
    pip: Sequence[str],
) -> None:
    """Makes an environment with pinned packages in a directory that will be renamed."""
    run_python(python, ["-m", "venv", "--without-pip", "--symlinks", str(directory)])
    fetching = directory / ".fetching"
    fetching.mkdir()
    (fetching / "requirements.txt").write_text(requirements, encoding="utf-8")
    local = downloads()
    failure = run_pip(
        [
            *("install", "--no-deps", "--only-binary", ":all:", "--no-compile"),
            *("--no-warn-script-location", "--require-hashes"),
            *(("--find-links", str(local)) if local.is_dir() else ()),
            *("--requirement", "requirements.txt"),
        ],
        scratch=fetching,
        fetched=_telling(progress),
        pip=pip_for(directory / "bin" / "python3", pip),
    )
    if failure:
        raise Blocked(
            f"what GenAI-Perf needs is not in the cache and can't be fetched: {failure.reason}; "
            f"looked in {cache_root()} and in the package index that pip is configured for",
            unblock=f"connect once, or put the wheels that are pinned into {local}",
        )
    (fetching / "requirements.txt").unlink()
    fetching.rmdir()
    for program in (directory / "bin").iterdir():
        # They name the directory as it is now; what is run is run by the Python.
        if not program.name.startswith("python"):
            program.unlink()
    run_python(
        python,
        [
            *("-m", "compileall", "-q", "-x", _NOT_COMPILED),
            *("-s", str(directory), "-p", str(final)),  # what is told of errors names the end
            str(_packages(directory, python)),
        ],
    )


def _packages(environment: Path, python: Python) -> Path:
    return environment / "lib" / f"python{python.version}" / "site-packages"


def _telling(progress: Progress) -> Callable[[int, int], None]:
    """Tells of many files as of one: how much has come so far."""
    fetched, told = 0, 0

    def tell(done: int, total: int) -> None:
        nonlocal fetched, told
        if done < total:
            return
        fetched += total
        if fetched - told >= _TOLD_EVERY:
            told = fetched
            progress(f"  {fetched / 1e6:.0f} MB fetched")

    return tell


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:8]
