"""A new claim, begun: its entry in the catalogue, its place at a note, and a check that fails.

What is begun is not finished: the catalogue refuses a statement that is still to be written, and
the check ends as an error of the suite's, never as a verdict.
"""

from __future__ import annotations

import difflib
import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from triton_claims.errors import BrokenError, InputError
from triton_claims.notes.catalogue import Kind
from triton_claims.notes.mapping import spell_place_of
from triton_claims.notes.releases import TO_BE_WRITTEN, load_release
from triton_claims.notes.scaffold import claims_lines
from triton_claims.notes.tomlfile import Document, parsed_toml, quoted

if TYPE_CHECKING:
    from pathlib import Path

    from triton_claims.notes.releases import Note, Release

_ID = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_NOTE = re.compile(r"([0-9]{2}\.[0-9]{2}):([a-z][a-z0-9 -]*):(?:([0-9]{1,3})\.)?([0-9]{1,3})")
_STATEMENT = f"{TO_BE_WRITTEN}: one sentence of our own that is true or false of a server."


@dataclass(frozen=True, slots=True)
class Draft:
    """The files that a new claim changes or adds, whole.

    Args:
        catalogue: The catalogue, and its text.
        release: The release's file, and its text.
        check: The check's file, and its text.
        place: The note for people: ``25.03, known issues 4``.
        since: The first version that the entry says it holds in.
    """

    catalogue: tuple[Path, str]
    release: tuple[Path, str]
    check: tuple[Path, str]
    place: str
    since: str | None


def draft_claim(
    root: Path, claim: str, *, kind: Kind, note: str, area: str, statement: str | None = None
) -> Draft:
    """Begin a claim; nothing is written.

    Args:
        root: The project.
        claim: Its id.
        kind: What sort of promise it is.
        note: The note it is drawn from: ``25.03:known issues:4``, ``25.03:known issues:22.1``.
        area: The folder of ``suites/`` that its check goes to.
        statement: Its sentence; None where that is still to be written.

    Raises:
        InputError: One of them is not as it should be: which, and what to do next.
    """
    if len(claim) > 60 or not _ID.fullmatch(claim):
        raise InputError(
            f"found {claim!r}, expected an id of at most 60 characters: lower-case words joined by "
            "hyphens, such as python-no-restart",
            where="ID",
        )
    if statement is not None and not (statement.isprintable() and statement.strip()):
        raise InputError("expected one sentence, without line breaks", where="--statement")
    catalogue = Document(root / "releases" / "claims.toml")
    _refuse_taken(catalogue, claim)
    document, release, index = _find_note(root, note)
    found = release.notes[index]
    check = _check_path(root, claim, area)
    source = f"notes {release.container}, {spell_place_of(found)}"
    since = None if kind in {Kind.GUIDANCE, Kind.REQUIREMENT} else str(release.server)
    entry = [
        "[[claim]]",
        f'id = "{claim}"',
        f'kind = "{kind}"',
        f"statement = {quoted(statement or _STATEMENT)}",
        *([f'since = "{since}"'] if since else []),
        "needs = []",
        f'sources = ["{source}"]',
    ]
    text = catalogue.path.read_text(encoding="utf-8").rstrip("\n")
    text = "\n".join([text, "", *entry, ""])
    return Draft(
        catalogue=(catalogue.path, _valid(text, catalogue.path)),
        release=(document.path, _with_claim(document, index, found, claim)),
        check=(check, check_text(claim, kind, statement or _STATEMENT)),
        place=f"{release.container}, {spell_place_of(found)}",
        since=since,
    )


def check_text(claim: str, kind: Kind, statement: str) -> str:
    """Give the file of a check that is still to be written."""
    says = '"""' + "\n    ".join(textwrap.wrap(statement, 93, break_on_hyphens=False))
    says += '\n    """' if "\n" in says or len(says) > 90 else '"""'
    name = claim.replace("-", "_")
    return f'''"""A {str(kind).replace("-", " ")} of the notes: the check of {claim}."""

from __future__ import annotations

import pytest

from triton_claims.errors import BrokenError


@pytest.mark.claim("{claim}")
def test_{name}(server, evidence):
    {says}
    with evidence.step("control: something that is true of every server"):
        raise BrokenError(
            f"the check is not written yet, and says nothing of {{server.version}}; next: write it "
            "here, as CONTRIBUTING.md tells"
        )
'''


def _refuse_taken(catalogue: Document, claim: str) -> None:
    entries: list[Any] = catalogue.data.get("claim", [])
    for index, entry in enumerate(entries):
        if isinstance(entry, dict) and entry.get("id") == claim:
            raise InputError(
                f"found {claim!r}, which is a claim already; next: choose another id, or, where "
                "the note promises the same, add this one to the note's claims by hand",
                where=catalogue.where("claim", index),
            )


def _find_note(root: Path, note: str) -> tuple[Document, Release, int]:
    match = _NOTE.fullmatch(note)
    if match is None:
        raise InputError(
            f"found {note!r}, expected RELEASE:SECTION:POSITION such as '25.03:known issues:4', "
            "or ...:22.1 for a bullet below another one",
            where="--note",
        )
    container, section, parent, position = match.groups()
    path = root / "releases" / f"{container}.toml"
    if not path.is_file():
        raise InputError(
            f"found no {path.name} in {path.parent}; next: begin it with triton-claims notes "
            f"scaffold FILE --release {container}",
            where="--note",
        )
    release = load_release(path)
    wanted = (section, int(parent) if parent else None, int(position))
    for index, each in enumerate(release.notes):
        if (each.section, each.parent, each.position) == wanted:
            return Document(path), release, index
    places = [f"{spell_place_of(each)}" for each in release.notes]
    meant = difflib.get_close_matches(f"{section} {position}", places, n=1)
    raise InputError(
        f"found no such note in {path.name}, expected one of its {len(places)}"
        + (f", such as {meant[0]}" if meant else ""),
        where="--note",
    )


def _check_path(root: Path, claim: str, area: str) -> Path:
    folders = sorted(
        each.name
        for each in (root / "suites").glob("*")
        if each.is_dir() and not each.name.startswith((".", "_"))
    )
    if area not in folders:
        raise InputError(
            f"found {area!r}, expected a folder of suites/: {', '.join(folders) or 'none yet'}; "
            "next: name one, or make the folder first",
            where="--suite",
        )
    path = root / "suites" / area / f"test_{claim.replace('-', '_')}.py"
    if path.exists():
        raise InputError(
            f"found {path}, which would be written over; next: move it, or choose another id",
            where="ID",
        )
    return path


def _with_claim(document: Document, index: int, note: Note, claim: str) -> str:
    """The release's file with one more claim at a note; its comments stay, save inside the list."""
    lines = document.path.read_text(encoding="utf-8").split("\n")
    start = document.line_of("note", index, "claims") - 1
    end = start
    while "]" not in lines[end].partition("#")[0]:
        end += 1
    lines[start : end + 1] = claims_lines([*note.claims, claim])
    text = _valid("\n".join(lines), document.path)
    expected = [list(each["claims"]) for each in document.data["note"]]
    expected[index].append(claim)
    if [each["claims"] for each in parsed_toml(text).get("note", [])] != expected:
        raise BrokenError(f"{document.path}: the claim could not be added; add it by hand")
    return text


def _valid(text: str, path: Path) -> str:
    try:
        parsed_toml(text)
    except ValueError as error:
        raise BrokenError(f"{path}: would no longer be TOML: {error}; add it by hand") from error
    return text
