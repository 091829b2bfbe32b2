"""The files of shards: read from the folders of their reports, and put together in a new one."""

from __future__ import annotations

import filecmp
import json
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from triton_claims.errors import InputError
from triton_claims.report.derived import DERIVED, replace_file
from triton_claims.report.own_files import is_own_file
from triton_claims.verdicts.ledger import LedgerWriter, read_ledger
from triton_claims.verdicts.merging import place_in_merge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from triton_claims.verdicts.cell import Cell, Picture
    from triton_claims.verdicts.ledger import Ledger

#: What a merge writes, by which a later one knows what it may replace.
MANIFEST = "merged-files.json"
_LEDGER = "ledger.jsonl"
_ALLURE = "allure-results"
_CATEGORIES = f"{_ALLURE}/categories.json"
#: Of Allure's files, those that tell of one run or job; the merged ones are made anew, or left out.
_OF_ONE_RUN = frozenset({"executor.json"})
#: Folders that go with their shard, each into a sub-folder of the run's name.
_OF_A_SHARD = ("pictures", "logs")


@dataclass(frozen=True, slots=True)
class Shard:
    """A run's reports.

    Attributes:
        ledger: Its ledger; of its pictures it names those that are there.
        folder: The folder of its reports; None where only the ledger was given.
        missing: How many pictures its ledger names that are not there.
    """

    ledger: Ledger
    folder: Path | None
    missing: int


def read_shard(path: Path) -> Shard:
    """Reads what a run left.

    Args:
        path: The folder of its reports, or its ledger alone.

    Raises:
        InputError: There is no ledger, or it is damaged.
    """
    folder = path if _is_folder(path) else None
    ledger = read_ledger(path / _LEDGER if folder else path)
    cells = []
    missing = 0
    for index, cell in enumerate(ledger.cells):
        there = tuple(_pictures_there(cell, folder, ledger.where(index)))
        missing += len(cell.pictures) - len(there)
        cells.append(replace(cell, pictures=there))
    return Shard(replace(ledger, cells=tuple(cells)), folder, missing)


def _pictures_there(cell: Cell, folder: Path | None, where: str) -> Iterator[Picture]:
    for picture in cell.pictures:
        first, *rest = PurePosixPath(picture.file).parts or ("",)
        if first != "pictures" or not rest or ".." in rest or "\0" in picture.file:
            raise InputError(
                f"pictures: found {picture.file[:80]!r}, expected a file in pictures/", where=where
            )
        if folder is not None and is_own_file(folder / picture.file, folder):
            yield picture


def write_merged(out: Path, merged: Ledger, shards: Sequence[Shard]) -> None:
    """Writes the merged ledger, what is derived from it, and the files of the shards.

    Pictures and logs get into a sub-folder for each shard; Allure's results lie side by side. What
    an earlier merge wrote there is replaced. Nothing is written where something is refused.

    Args:
        out: The folder; a new one, an empty one or an earlier merge's.
        merged: The ledger of all shards.
        shards: The shards.

    Raises:
        InputError: The folder holds something else or cannot be written to, or two shards have
            different files where one can be.
        OSError: A file could not be copied.
    """
    copies = _copies(shards)
    categories = _categories(shards)
    written = {*copies, *DERIVED, _LEDGER, *([_CATEGORIES] if categories else [])}
    # Before anything goes: what cannot be made of a ledger must not cost an earlier merge.
    derived = {name: make(merged) for name, make in DERIVED.items()}
    earlier = _earlier(out)
    for name in sorted(written - earlier) if _is_folder(out) else ():
        if (out / name).exists():
            raise InputError(
                f"holds a file {name!r} that no merge wrote: move it away", where=str(out)
            )
    _probe(out)
    # First of all: whatever happens next, a later merge knows what is whose.
    _write_json(out / MANIFEST, sorted(written | earlier))
    for name in earlier:
        (out / name).unlink(missing_ok=True)
    for name, source in copies.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, out / name)
    writer = LedgerWriter(out / _LEDGER, merged.header["run"])
    writer.header(merged.header)
    for claim in merged.unchecked:
        writer.unchecked(claim)
    for cell in merged.cells:
        writer.cell(cell)
    writer.footer(merged.footer or {})
    writer.close()
    for name, text in derived.items():
        replace_file(out / name, text)
    if categories:
        _write_json(out / _CATEGORIES, categories)
    _remove_empty_folders(out, earlier - written)
    _write_json(out / MANIFEST, sorted(written))


def _copies(shards: Iterable[Shard]) -> dict[str, Path]:
    """What is copied, by where it goes to."""
    copies: dict[str, Path] = {}
    for shard in shards:
        if shard.folder is None:
            continue
        run = shard.ledger.header["run"]
        for name in _OF_A_SHARD:
            for path in _files(shard.folder, f"{name}/**/*"):
                file = path.relative_to(shard.folder).as_posix()
                copies[place_in_merge(file, run)] = path
        for path in _files(shard.folder, f"{_ALLURE}/*"):
            file = f"{_ALLURE}/{path.name}"
            if path.name in _OF_ONE_RUN or file == _CATEGORIES or file in DERIVED:
                continue
            twin = copies.setdefault(file, path)
            if twin is not path and not filecmp.cmp(twin, path, shallow=False):
                raise InputError(
                    f"differs from {twin}: expected Allure results of different names",
                    where=str(path),
                )
    return copies


def _files(folder: Path, glob: str) -> Iterator[Path]:
    return (path for path in sorted(folder.glob(glob)) if is_own_file(path, folder))


def _categories(shards: Iterable[Shard]) -> list[Any]:
    """Allure's categories of defects: each once, in the order of the shards."""
    categories: list[Any] = []
    for shard in shards:
        path = (shard.folder or Path()) / _CATEGORIES
        if shard.folder is None or not is_own_file(path, shard.folder):
            continue
        categories += (each for each in _json_list(path) if each not in categories)
    return categories


def _earlier(out: Path) -> set[str]:
    """What an earlier merge wrote there."""
    manifest = out / MANIFEST
    if _is_folder(out) and manifest.is_file():
        names = _json_list(manifest)
        for name in names:
            if not isinstance(name, str) or not _is_below(name, out):
                raise InputError(
                    f"found {str(name)[:80]!r}, expected a file of this folder", where=str(manifest)
                )
        return set(names)
    if _is_folder(out) and any(out.iterdir()):
        raise InputError(
            f"{str(out)!r} is neither empty nor an earlier merge's: expected a folder for the "
            "merge alone",
            where="--output",
        )
    return set()


def _is_below(name: str, folder: Path) -> bool:
    """Whether a name, put to a folder, leads to a place inside of it."""
    if "\0" in name or ".." in PurePosixPath(name).parts:
        return False
    return (folder / name).parent.resolve().is_relative_to(folder.resolve())


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # such as a name that is too long
        return False


def _json_list(path: Path) -> list[Any]:
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise InputError("found something else than a JSON list, expected one", where=str(path))
    return found


def _write_json(path: Path, found: list[Any]) -> None:
    replace_file(path, json.dumps(found, indent=2) + "\n")


def _probe(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except (OSError, ValueError) as problem:  # ValueError: a NUL byte in the path
        reason = getattr(problem, "strerror", None) or problem
        raise InputError(f"cannot write into {str(out)!r}: {reason}", where="--output") from None


def _remove_empty_folders(out: Path, gone: Iterable[str]) -> None:
    folders = {folder for name in gone for folder in PurePosixPath(name).parents}
    for folder in sorted(folders - {PurePosixPath()}, key=lambda each: -len(each.parts)):
        path = out / folder
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
