"""The models' Python environments, apart from the suite's: the server decides which NumPy works.

Up to 2.51.0, Triton's Python backend returns empty tensors with NumPy 2, while the suite's own
clients want NumPy 2.
"""

from __future__ import annotations

import os
import subprocess
from hashlib import sha256
from typing import TYPE_CHECKING

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers.cache import Progress, build_once, cache_root, downloads, silent
from triton_claims.servers.pip_command import PIP, run_pip

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from triton_claims.servers.interpreters import Interpreter, Python

# By NumPy's major version and the Python: the release, and the SHA-256 of its wheel for _PLATFORM.
_NUMPY = {
    (1, "3.10"): ("1.26.4", "ffa75af20b44f8dba823498024771d5ac50620e6915abac414251bd971b4529f"),
    (1, "3.11"): ("1.26.4", "666dbfb6ec68962c033a450943ded891bed2d54e6755e35e5835d63f4f6931d5"),
    (1, "3.12"): ("1.26.4", "675d61ffbfa78604709862923189bad94014bef562cc35cf61d3a07bba02a7ed"),
    (2, "3.10"): ("2.2.6", "fc7b73d02efb0e18c000e9ad8b83480dfcd5dfd11065997ed4c6747470ae8915"),
    (2, "3.11"): ("2.2.6", "ba10f8411898fc418a521833e014a77d3ca01c15b0c6cdcce6a0d2897e6dbbdf"),
    (2, "3.12"): ("2.2.6", "fd83c01228a688733f1ded5201c678f0c53ecc1006ffbc404db9f7a899ac6249"),
    (2, "3.13"): ("2.2.6", "1bc23a79bfabc5d056d106f9befb8d50c31ced2fbc70eedb8155aec74a45798f"),
}
_PLATFORM = "manylinux2014_x86_64"
_TIMEOUT = 300.0  # seconds, for making or compiling an environment


def numpy_release(interpreter: Interpreter, numpy_major: int = 1) -> str:
    """The NumPy that :func:`model_environment` gives a Python, such as ``1.26.4``."""
    return _pinned(interpreter, numpy_major)[0]


def model_environment(
    interpreter: Interpreter,
    numpy_major: int = 1,
    *,
    progress: Progress = silent,
    pip: Sequence[str] = PIP,
) -> Path:
    """A virtual environment for models, in the cache; made where it is not there yet.

    It holds NumPy and nothing else, not even pip. A Python that NumPy 1 was never built for (3.13)
    gets NumPy 2.

    Args:
        interpreter: The Python.
        numpy_major: The NumPy wanted: 1 or 2.
        progress: Told what takes its time, line by line.
        pip: The command that stands for pip.

    Returns:
        The environment: its ``bin/python3`` is what the server has to find first on PATH.

    Raises:
        Blocked: NumPy is neither in the cache nor to be fetched, or the cache can't be written.
        BrokenError: The Python can't make virtual environments.
    """
    release, digest = _pinned(interpreter, numpy_major)
    # Two Pythons of one version, or one that was updated, must not share an environment.
    whose = sha256(f"{interpreter.executable} {interpreter.release}".encode()).hexdigest()[:8]
    name = f"python{interpreter.version}-numpy{release}-{whose}"

    def build(directory: Path) -> None:
        progress(f"making the models' environment: Python {interpreter.release}, NumPy {release}")
        run_python(interpreter, ["-m", "venv", "--without-pip", "--symlinks", str(directory)])
        packages = directory / "lib" / f"python{interpreter.version}" / "site-packages"
        _install_numpy(interpreter.version, release, digest, packages, pip)
        # Here and now: a server's first start would pay for it otherwise, and starts are measured.
        run_python(interpreter, ["-m", "compileall", "-q", "-x", "/tests/", str(packages)])

    return build_once(cache_root() / "environments" / name, build, progress=progress)


def environment_for_elsewhere(
    executable: str,
    version: str,
    numpy_major: int,
    *,
    progress: Progress = silent,
    pip: Sequence[str] = PIP,
) -> Path:
    """The same for a Python that is not of this machine: of an image, where it gets mounted.

    It is laid out as a virtual environment, without that Python's help.

    Args:
        executable: The Python, as the image knows it.
        version: Its major and minor version.
        numpy_major: The NumPy wanted: 1 or 2.
        progress: Told what takes its time, line by line.
        pip: The command that stands for pip.

    Raises:
        Blocked: There is no such NumPy for it, or it is neither in the cache nor to be fetched.
    """
    pinned = _NUMPY.get((numpy_major, version))
    if pinned is None:
        raise Blocked(
            f"there is no NumPy {numpy_major} for models on Python {version}",
            unblock="an image with another Python",
        )
    release, digest = pinned
    whose = sha256(executable.encode()).hexdigest()[:8]

    def build(directory: Path) -> None:
        progress(f"making an environment for an image: Python {version}, NumPy {release}")
        home, _, _ = executable.rpartition("/")
        packages = directory / "lib" / f"python{version}" / "site-packages"
        packages.mkdir(parents=True)
        (directory / "bin").mkdir()
        for name in ("python3", "python", f"python{version}"):
            (directory / "bin" / name).symlink_to(executable)
        (directory / "pyvenv.cfg").write_text(f"home = {home}\n", encoding="utf-8")
        _install_numpy(version, release, digest, packages, pip)

    name = f"image-python{version}-numpy{release}-{whose}"
    return build_once(cache_root() / "environments" / name, build, progress=progress)


def _pinned(interpreter: Interpreter, numpy_major: int) -> tuple[str, str]:
    version = interpreter.version
    pinned = _NUMPY.get((numpy_major, version)) or _NUMPY.get((2, version))
    if pinned is None:
        raise Blocked(
            f"there is no environment for models on Python {version}",
            unblock="use Python " + ", ".join(sorted({known for _, known in _NUMPY})),
        )
    return pinned


def run_python(interpreter: Python, arguments: Sequence[str]) -> None:
    """Has a Python make or compile an environment, apart from the suite's own.

    Args:
        interpreter: The Python.
        arguments: What it is to do.

    Raises:
        BrokenError: It failed, or did not end.
    """
    hidden = ("LD_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE")
    try:
        run = subprocess.run(
            [interpreter.executable, "-I", *arguments],
            env={name: value for name, value in os.environ.items() if name not in hidden},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise BrokenError(f"{interpreter.executable} {' '.join(arguments)}: {problem}") from problem
    if run.returncode:
        said = run.stdout.strip().splitlines() or ["it said nothing"]
        raise BrokenError(
            f"{interpreter.executable} {' '.join(arguments)} ended with exit code "
            f"{run.returncode}: {said[-1]}"
        )


def _install_numpy(
    version: str, release: str, digest: str, packages: Path, pip: Sequence[str]
) -> None:
    fetching = packages / ".fetching"
    fetching.mkdir()
    requirements = fetching / "requirements.txt"
    requirements.write_text(f"numpy=={release} --hash=sha256:{digest}\n", encoding="utf-8")
    local = downloads() / _wheel_name(version, release)
    failure = run_pip(
        [
            *("install", "--no-deps", "--only-binary", ":all:", "--no-compile"),
            *("--implementation", "cp", "--python-version", version, "--platform", _PLATFORM),
            *(("--no-index", "--find-links", str(downloads())) if local.is_file() else ()),
            *("--require-hashes", "--requirement", str(requirements), "--target", str(packages)),
        ],
        scratch=fetching,
        pip=pip,
    )
    if failure:
        raise Blocked(
            f"NumPy {release} for the models is not in the cache and can't be fetched: "
            f"{failure.reason}; looked in {cache_root()} and in the package index that pip is "
            "configured for",
            unblock=f"connect once, or put the file {local.name} into {downloads()}",
        )
    requirements.unlink()
    fetching.rmdir()


def _wheel_name(version: str, release: str) -> str:
    tag = f"cp{version.replace('.', '')}"
    return f"numpy-{release}-{tag}-{tag}-manylinux_2_17_x86_64.{_PLATFORM}.whl"
