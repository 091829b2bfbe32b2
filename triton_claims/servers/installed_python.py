"""The Python that a server's machine already has for its models, as an image ships it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROBE = """
import json, sys, sysconfig, numpy
print(json.dumps({
    "version": "%d.%d" % sys.version_info[:2],
    "executable": sys.executable,
    "libraries": sysconfig.get_config_var("LIBDIR"),
    "numpy": int(numpy.__version__.split(".")[0]),
}))
"""
_TIMEOUT = 60.0  # seconds; importing NumPy from a cold disk takes a while


@dataclass(frozen=True, slots=True)
class InstalledPython:
    """A Python with NumPy that is there already.

    Attributes:
        executable: The real one: a stub that looks for ``python3`` on PATH is led astray by shims.
        libraries: The folder of its shared library, where it has one of its own.
        numpy: NumPy's major version.
    """

    executable: Path
    libraries: Path | None
    numpy: int


def find_installed_python(version: str, path: Sequence[str]) -> InstalledPython | None:
    """Looks at the ``python3`` of a PATH.

    Args:
        version: The Python the server's stub is linked with, such as ``3.12``.
        path: The folders to look in, without the suite's own environment.

    Returns:
        It, if it is of that version and has NumPy; else None.
    """
    command = shutil.which("python3", path=os.pathsep.join(path))
    if command is None:
        return None
    try:
        answer = subprocess.run(
            [command, "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        told = json.loads(answer.stdout) if answer.returncode == 0 else {}
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    if told.get("version") != version or not told.get("executable"):
        return None
    libraries = Path(told["libraries"] or "/")
    has_own = (libraries / f"libpython{version}.so.1.0").exists()
    return InstalledPython(Path(told["executable"]), libraries if has_own else None, told["numpy"])
