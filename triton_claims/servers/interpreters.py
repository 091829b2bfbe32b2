"""Which Python runs the models.

Triton's Python backend starts a stub, a program that is linked with one Python's shared library. So
a Python serves only if the server has a stub for it and its ``libpython3.X.so.1.0`` can be found,
or fetched, or comes with the server.
"""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from triton_claims.errors import Blocked
from triton_claims.secrets import redact
from triton_claims.servers.cache import Progress, build_once, cache_root, silent
from triton_claims.servers.distribution import (
    PackageUnavailableError,
    fetch_packages,
    older_release,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# The newest one first where nothing else speaks for one; all can have NumPy 1 but the last.
_WITH_NUMPY_1 = ("3.12", "3.11", "3.10")
SUPPORTED = (*_WITH_NUMPY_1, "3.13")

# libpython3.11.so.1.0, or libpython3-419a3a08.13.so.1.0: as wheels rename what they bring along
_LIBPYTHON = re.compile(rb"libpython3(?:-[0-9a-f]+)?\.(?P<minor>\d+)\.so.*")
_ELF64_LITTLE_ENDIAN = b"\x7fELF\x02\x01"
_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_NEEDED, _DT_STRTAB = 1, 5

_PROBE = """
import json, platform, sys, sysconfig
variable = sysconfig.get_config_var
print(json.dumps({
    "executable": getattr(sys, "_base_executable", None) or sys.executable,
    "release": platform.python_version(),
    "version": "%d.%d" % sys.version_info[:2],
    "implementation": platform.python_implementation(),
    "free_threaded": bool(variable("Py_GIL_DISABLED")),
    "prefix": sys.base_prefix,
    "library": variable("LIBDIR"),
    "multiarch": variable("MULTIARCH"),
}))
"""


class Fetch(Protocol):
    """Unpacks packages of the distribution, or of an older release of it, into a directory."""

    def __call__(self, packages: Sequence[str], directory: Path, codename: str = "", /) -> None:
        """Raises PackageUnavailableError where it can't."""


@dataclass(frozen=True, slots=True)
class Python:
    """A Python of this machine.

    Attributes:
        executable: The interpreter itself, not that of a virtual environment.
        version: Major and minor version, such as ``3.11``.
        release: The whole version, such as ``3.11.7``.
        prefix: Its installation prefix.
    """

    executable: Path
    version: str
    release: str
    prefix: Path


@dataclass(frozen=True, slots=True)
class Interpreter(Python):
    """A Python that can run models.

    Attributes:
        libpython: The directory of its ``libpython3.X.so.1.0``.
    """

    libpython: Path


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A Python on this machine, and where its shared library may lie."""

    executable: Path
    version: str
    release: str
    prefix: Path
    implementation: str
    folders: tuple[Path, ...]

    @property
    def is_of_the_system(self) -> bool:
        """Whether it belongs to the distribution, as then its package with the library does too."""
        return self.prefix == Path("/usr")

    def libpython(self) -> Path | None:
        name = f"libpython{self.version}.so.1.0"
        return next((folder for folder in self.folders if (folder / name).exists()), None)

    def __str__(self) -> str:
        return f"Python {self.release} ({self.executable})"


def stub_python(stub: Path) -> str | None:
    """The Python that a stub is linked with, such as ``3.11``; None where the file is no stub."""
    linked = _linked(stub)
    return f"3.{int(linked['minor'])}" if linked else None


def linked_library(stub: Path) -> str | None:
    """The name under which a stub looks for Python's shared library; None where it is no stub.

    Some stubs don't look for ``libpython3.X.so.1.0`` but for a copy that their wheel brings along
    under another name. Such a copy does not fit every Python (those of Debian and Ubuntu have
    modules built in that are then found nowhere): the chosen Python's own library must be put
    under that name before it.
    """
    linked = _linked(stub)
    return linked.group().decode() if linked else None


def _linked(stub: Path) -> re.Match[bytes] | None:
    names = (_LIBPYTHON.fullmatch(name) for name in _needed_libraries(stub.read_bytes()))
    return next((name for name in names if name), None)


def _needed_libraries(elf: bytes) -> list[bytes]:
    """The libraries that a 64-bit little-endian ELF file is linked with; none of any other file.

    The names can't be searched for: those that a wheel's maker renamed are still in the file.
    """
    if not elf.startswith(_ELF64_LITTLE_ENDIAN):
        return []
    try:
        (headers,) = struct.unpack_from("<Q", elf, 32)
        size, count = struct.unpack_from("<HH", elf, 54)
        # p_type, p_flags, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align
        segments = [
            struct.unpack_from("<IIQQQQQQ", elf, headers + number * size) for number in range(count)
        ]
        entries = [
            struct.unpack_from("<qQ", elf, offset)
            for kind, _, start, _, _, length, _, _ in segments
            if kind == _PT_DYNAMIC
            for offset in range(start, start + length, 16)
        ]
    except (struct.error, OverflowError):  # truncated, or no ELF file after all
        return []
    tables = [value for tag, value in entries if tag == _DT_STRTAB]
    strings = [
        table - address + start
        for table in tables
        for kind, _, start, address, _, length, _, _ in segments
        if kind == _PT_LOAD and address <= table < address + length
    ]
    if not strings:
        return []
    needed = [strings[0] + value for tag, value in entries if tag == _DT_NEEDED]
    return [elf[name : elf.find(b"\0", name)] for name in needed]


def find_interpreter(
    stubs: Sequence[str],
    *,
    executables: Iterable[Path] | None = None,
    fetch: Fetch = fetch_packages,
    progress: Progress = silent,
) -> Interpreter:
    """Chooses the Python for a server's models.

    The running Python comes first, then the newest; but one whose shared library is there goes
    before one whose library has to be fetched from the distribution. Where none serves, an older
    Python is fetched from the distribution, into the cache and without root.

    A Python that NumPy 1 was never built for (3.13) is taken only by a server that has no stub for
    an older one: a server that has can't be relied on to work with NumPy 2.

    Args:
        stubs: The Pythons that the server has a stub for, such as ``("3.8", "3.11")``.
        executables: The Pythons to choose from; by default those found on this machine.
        fetch: Unpacks packages of the distribution into a directory.
        progress: Told what takes its time.

    Raises:
        Blocked: None serves; the reason names each and what it lacks.
    """
    lacking: dict[str, str] = {}
    serving: list[tuple[_Candidate, Path | None]] = []
    for candidate in _candidates(executables):
        if why_not := _unfit(candidate, stubs):
            lacking[str(candidate)] = why_not
        else:
            serving.append((candidate, candidate.libpython()))
    for candidate, libpython in sorted(serving, key=lambda pair: pair[1] is None):
        try:
            return _interpreter(
                candidate, libpython or _fetched_libpython(candidate, fetch, progress)
            )
        except PackageUnavailableError as problem:
            lacking[str(candidate)] = redact(str(problem))
    try:
        return _fetched_interpreter(stubs, fetch, progress)
    except PackageUnavailableError as problem:
        lacking["an older Python of the distribution"] = redact(str(problem))
    raise Blocked(
        "no Python here can run the models: "
        + "; ".join(f"{name} {why}" for name, why in lacking.items()),
        unblock=_what_to_install(stubs),
    )


def find_python(
    versions: Sequence[str],
    whom: str,
    *,
    executables: Iterable[Path] | None = None,
    fetch: Fetch = fetch_packages,
    progress: Progress = silent,
) -> Python:
    """Chooses the Python for a program that needs no shared library.

    The running Python comes first, then the newest. Where none serves, an older Python is fetched
    from the distribution, into the cache and without root.

    Args:
        versions: The Pythons that it runs on, such as ``("3.10", "3.11")``.
        whom: What runs on it, for the error.
        executables: The Pythons to choose from; by default those found on this machine.
        fetch: Unpacks packages of the distribution into a directory.
        progress: Told what takes its time.

    Raises:
        Blocked: None serves; the reason names what is here.
    """
    here: list[str] = []
    for each in _candidates(executables):
        if each.implementation == "CPython" and each.version in versions:
            return Python(each.executable, each.version, each.release, each.prefix)
        here.append(str(each))
    try:
        return _fetched_interpreter(versions, fetch, progress)
    except PackageUnavailableError as problem:
        here.append(f"an older Python of the distribution {redact(str(problem))}")
    raise Blocked(
        f"{whom} runs on Python {', '.join(versions)}, and here is: {'; '.join(here)}",
        unblock=f"install Python {' or '.join(versions)}",
    )


def _unfit(candidate: _Candidate, stubs: Sequence[str]) -> str | None:
    if candidate.implementation != "CPython":
        return f"is {candidate.implementation}, and the stubs need CPython"
    if candidate.version not in stubs:
        return f"has no stub in this server, which has {', '.join(stubs) or 'none'}"
    if candidate.version not in _wanted(stubs):
        return f"has no NumPy 1, unlike {', '.join(_wanted(stubs))}, which the server has stubs for"
    return None


def _wanted(stubs: Sequence[str]) -> tuple[str, ...]:
    """The Pythons that serve, the newest one first."""
    with_numpy_1 = tuple(version for version in _WITH_NUMPY_1 if version in stubs)
    return with_numpy_1 or tuple(version for version in SUPPORTED if version in stubs)


def _what_to_install(stubs: Sequence[str]) -> str:
    wanted = _wanted(stubs)
    if not wanted:
        return "use another server: this one has stubs for Python " + (", ".join(stubs) or "none")
    return (
        f"install Python {' or '.join(wanted)} with its shared library "
        f"(on Debian and Ubuntu: apt-get install libpython{wanted[0]})"
    )


def _interpreter(candidate: _Candidate, libpython: Path) -> Interpreter:
    return Interpreter(
        candidate.executable, candidate.version, candidate.release, candidate.prefix, libpython
    )


def _fetched_libpython(candidate: _Candidate, fetch: Fetch, progress: Progress) -> Path:
    library = f"libpython{candidate.version}.so.1.0"
    # A library fits the modules of the very build that it comes from.
    if not candidate.is_of_the_system:
        raise PackageUnavailableError(f"was built without a shared library ({library})")

    def build(directory: Path) -> None:
        progress(f"fetching {library} for {candidate}")
        try:
            fetch([f"libpython{candidate.version}"], directory)
        except PackageUnavailableError as problem:
            raise PackageUnavailableError(
                f"has no shared library ({library}), and its package can't be fetched: {problem}"
            ) from None
        _in(directory, library)

    name = f"libpython{candidate.version}-{candidate.release}"
    return _in(build_once(cache_root() / "libraries" / name, build, progress=progress), library)


def _in(directory: Path, library: str) -> Path:
    for found in directory.rglob(library):
        return found.parent
    raise PackageUnavailableError(f"has no shared library, and its package holds no {library}")


def _fetched_interpreter(stubs: Sequence[str], fetch: Fetch, progress: Progress) -> Interpreter:
    older = older_release(_wanted(stubs))
    if older is None:
        raise PackageUnavailableError("that serves is not known here")
    version = older.python

    def build(directory: Path) -> None:
        progress(f"fetching Python {version} of {older.codename}")
        packages = ("python{}-minimal", "libpython{}-minimal", "libpython{}-stdlib", "libpython{}")
        try:
            fetch([name.format(version) for name in packages], directory, older.codename)
        except PackageUnavailableError as problem:
            raise PackageUnavailableError(f"can't be fetched: {problem}") from None

    name = f"python{version}-{older.codename}"
    directory = build_once(cache_root() / "interpreters" / name, build, progress=progress)
    candidate = _ask(directory / "usr" / "bin" / f"python{version}")
    if candidate is None:
        raise PackageUnavailableError(f"was fetched into {directory}, and doesn't run here")
    return _interpreter(candidate, _in(directory, f"libpython{version}.so.1.0"))


def _candidates(executables: Iterable[Path] | None) -> list[_Candidate]:
    """Asks each Python what it is; the same one under several names counts once."""
    candidates: dict[Path, _Candidate] = {}
    seen: set[Path] = set()
    for executable in _executables() if executables is None else executables:
        real = executable.resolve()
        if real in seen:
            continue
        seen.add(real)
        candidate = _ask(executable)
        if candidate:
            candidates.setdefault(candidate.executable.resolve(), candidate)
    return list(candidates.values())


def _executables() -> list[Path]:
    """The Pythons of this machine, the best guess first."""
    home = Path.home()
    found = [Path(getattr(sys, "_base_executable", "") or sys.executable)]
    folders = [Path(folder) for folder in os.get_exec_path() if folder]
    for version in SUPPORTED:
        name = f"python{version}"
        # pyenv's shims answer slowly, and only for the versions that are switched on.
        found += [folder / name for folder in folders if folder.name != "shims"]
        pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
        found += sorted(pyenv.glob(f"versions/{version}*/bin/{name}"), reverse=True)
        uv = Path(
            os.environ.get("UV_PYTHON_INSTALL_DIR")
            or Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share") / "uv/python"
        )
        found += sorted(uv.glob(f"cpython-{version}*/bin/{name}"), reverse=True)
    return [path for path in found if os.access(path, os.X_OK)]


def _ask(executable: Path) -> _Candidate | None:
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    try:
        answer = subprocess.run(
            [executable, "-I", "-c", _PROBE],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        told = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None  # what doesn't answer is no Python that could be used
    prefix = Path(told["prefix"])
    folders = [prefix / "lib", prefix / "lib64"]
    if told["library"] and Path(told["library"]).is_relative_to(prefix):
        folders.insert(0, Path(told["library"]))
    if prefix == Path("/usr") and told["multiarch"]:
        folders += [Path("/usr/lib") / told["multiarch"], Path("/lib") / told["multiarch"]]
    return _Candidate(
        executable=Path(told["executable"]),
        version=told["version"],
        release=told["release"],
        prefix=prefix,
        implementation="free-threaded" if told["free_threaded"] else told["implementation"],
        folders=tuple(folders),
    )
