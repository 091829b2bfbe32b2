"""Tells at once what on this machine can't work, before anything is installed.

Standard library only, and readable by every Python from 3.8 on: ``scripts/set-up`` runs this very
file with whatever Python is there (``python3 triton_claims/servers/host.py [pytest's arguments]``)
before it makes the virtual environment.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

OLDEST_PYTHON = (3, 10)
NEWEST_PYTHON = (3, 13)
# The wheels of the embedded servers are tagged manylinux_2_35_x86_64.
OLDEST_GLIBC = (2, 35)

_ELSEWHERE = (
    "run on such a machine or in such a container, or name another target: "
    "--target install:DIRECTORY (a server that is there), ngc:YY.MM, image:REFERENCE or url:ADDRESS"
)


def c_library() -> str:
    """The C library here: as ``glibc 2.36``, ``musl``, or empty where it doesn't say."""
    try:
        stated = os.confstr("CS_GNU_LIBC_VERSION")  # "glibc 2.36"; only glibc knows the name
    except (AttributeError, OSError, ValueError):
        stated = None
    if stated:
        return stated
    return "musl" if list(Path("/lib").glob("ld-musl-*")) else ""


def _python_obstacle(python: tuple[int, int]) -> str | None:
    if OLDEST_PYTHON <= python <= NEWEST_PYTHON:
        return None
    here, oldest, newest = (
        ".".join(map(str, version)) for version in (python, OLDEST_PYTHON, NEWEST_PYTHON)
    )
    return (
        f"Python {here} is what is here, and Python {oldest} to {newest} is needed: "
        "install one of them, or name one: make check PYTHON=/path/to/python3"
    )


def _c_library_obstacle(libc: str) -> str | None:
    needed = f"glibc {OLDEST_GLIBC[0]}.{OLDEST_GLIBC[1]} or newer is needed"
    name, _, version = libc.partition(" ")
    if name != "glibc":
        return f"{libc or 'an unknown C library'} is what is here, and {needed}: {_ELSEWHERE}"
    numbers = [int(part) for part in version.split(".")[:2] if part.isdigit()]
    if len(numbers) == 2 and tuple(numbers) >= OLDEST_GLIBC:
        return None
    return f"{libc} is what is here, and {needed} (Debian 12, Ubuntu 22.04, or newer): {_ELSEWHERE}"


def obstacles(
    *,
    system: str | None = None,
    machine: str | None = None,
    libc: str | None = None,
    python: tuple[int, int] | None = None,
    embedded: bool = True,
) -> list[str]:
    """What keeps the suite from working here: what is here, what is needed and what to do.

    Args:
        system: The operating system, as ``platform.system()`` names it.
        machine: The processor, as ``platform.machine()`` names it.
        libc: The C library, as :func:`c_library` names it.
        python: Python's major and minor version.
        embedded: Whether servers out of wheels are to run; nothing but Python matters without them.

    Returns:
        One line each; none where everything can work.
    """
    system = platform.system() if system is None else system
    machine = platform.machine() if machine is None else machine
    libc = c_library() if libc is None else libc
    found = [_python_obstacle(sys.version_info[:2] if python is None else python)]
    if embedded:
        if system != "Linux":
            found.append(
                f"{system or 'an unknown system'} is what is here, and the embedded servers "
                f"need Linux: {_ELSEWHERE}"
            )
        else:  # elsewhere the C library is beside the point
            found.append(_c_library_obstacle(libc))
        if machine not in ("x86_64", "AMD64"):
            found.append(
                f"the processor here is {machine or 'unknown'}, and the embedded servers "
                f"need x86_64: {_ELSEWHERE}"
            )
    return [line for line in found if line]


def wants_embedded(arguments: Sequence[str]) -> bool:
    """Whether pytest's arguments ask for a server out of a wheel: the default is one."""
    option = "--target"
    targets = [text[len(option) + 1 :] for text in arguments if text.startswith(option + "=")]
    pairs = zip(arguments, arguments[1:])  # noqa: B905, RUF007 - Python 3.8 has neither
    targets += [value for name, value in pairs if name == option]
    return not targets or any(target.startswith("wheel") for target in targets)


def main(arguments: Sequence[str]) -> int:
    """Prints the obstacles.

    Args:
        arguments: What pytest will be started with: a ``--target`` that is no wheel needs less.

    Returns:
        The exit code: 1 where there are obstacles.
    """
    found = obstacles(embedded=wants_embedded(arguments))
    for line in found:
        print(f"triton-claims can't run here: {line}", file=sys.stderr)  # noqa: T201 - its purpose
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
