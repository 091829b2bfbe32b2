"""Which files of a run's folder are its own: a ledger may name any."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def is_own_file(path: Path, folder: Path) -> bool:
    """Whether it is a file of the folder, and no link to what may be anybody's."""
    try:
        return path.is_file() and path.resolve() == folder.resolve() / path.relative_to(folder)
    except OSError:  # such as a name that is too long
        return False
