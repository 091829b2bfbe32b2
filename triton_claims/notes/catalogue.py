"""The catalogue of claims: ``releases/claims.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from triton_claims.notes.releases import TO_BE_WRITTEN
from triton_claims.notes.structure import check_structure
from triton_claims.notes.tomlfile import Document, shown
from triton_claims.notes.versions import ServerVersion, VersionRange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Kind(str, Enum):
    """What sort of promise a claim is."""

    FEATURE = "feature"
    FIX = "fix"
    KNOWN_ISSUE = "known-issue"
    GUIDANCE = "guidance"
    REQUIREMENT = "requirement"
    PACKAGING = "packaging"

    def __str__(self) -> str:
        """Spell the kind as the data do, on every Python."""
        return self.value


@dataclass(frozen=True, slots=True)
class Claim:
    """One falsifiable statement drawn from a note.

    Args:
        id: Its id; stable for ever.
        kind: What sort of promise it is.
        statement: One sentence in our own words; true or false of a server.
        versions: The server versions in which the notes imply that it holds.
        needs: What deciding it takes, out of the schema's closed vocabulary.
        sources: Where it comes from: notes, upstream's source, measurements.
        line: The line of its ``[[claim]]`` in the catalogue.
        value: What the statement says that something has, such as the version of a component.
    """

    id: str
    kind: Kind
    statement: str
    versions: VersionRange
    needs: tuple[str, ...]
    sources: tuple[str, ...]
    line: int
    value: str | None = None


class Catalogue(Mapping[str, Claim]):
    """All claims by id, in the file's order.

    Args:
        claims: The claims; their ids are unique.
        path: The file they come from.
    """

    def __init__(self, claims: tuple[Claim, ...], path: Path) -> None:
        self.path = path
        self._by_id = {claim.id: claim for claim in claims}

    def __getitem__(self, claim: str) -> Claim:
        """Give the claim of an id."""
        return self._by_id[claim]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the ids, in the file's order."""
        return iter(self._by_id)

    def __len__(self) -> int:
        """Count the claims."""
        return len(self._by_id)


def load_catalogue(path: Path) -> Catalogue:
    """Read the catalogue.

    Raises:
        InputError: It is missing or not as it should be, or an id stands in it twice.
    """
    document = Document(path)
    _check_written(document)
    check_structure(document, "claims")
    entries: list[dict[str, Any]] = document.data["claim"]
    lines: dict[str, int] = {}
    for index, entry in enumerate(entries):
        line = document.line_of("claim", index)
        first = lines.setdefault(entry["id"], line)
        if first != line:
            raise document.error(
                f"found {entry['id']!r}, which the claim in line {first} has already",
                "claim",
                index,
                "id",
            )
    return Catalogue(
        tuple(
            Claim(
                id=entry["id"],
                kind=Kind(entry["kind"]),
                statement=entry["statement"],
                versions=_read_range(document, index),
                needs=tuple(entry["needs"]),
                sources=tuple(entry["sources"]),
                line=document.line_of("claim", index),
                value=_read_value(document, index),
            )
            for index, entry in enumerate(entries)
        ),
        path,
    )


def _check_written(document: Document) -> None:
    """Refuse what a new claim left open, before the schema does in general words."""
    entries: Any = document.data.get("claim")
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if not isinstance(entry, dict):
            continue
        if str(entry.get("statement", "")).startswith(TO_BE_WRITTEN):
            raise document.error(
                f"the claim {shown(entry.get('id'))} is still to be written; next: write here one "
                "sentence of our own that is true or false of a server, and the same as the "
                "docstring of its check",
                "claim",
                index,
                "statement",
            )


def _read_value(document: Document, index: int) -> str | None:
    entry = document.data["claim"][index]
    value: str | None = entry.get("value")
    if value is not None and value not in entry["statement"]:
        raise document.error(
            f"found {value!r}, which is not in the statement, expected what that says",
            "claim",
            index,
            "value",
        )
    return value


def _read_range(document: Document, index: int) -> VersionRange:
    entry = document.data["claim"][index]
    since, until = (
        ServerVersion.parse(entry[end]) if end in entry else None for end in ("since", "until")
    )
    try:
        return VersionRange(since, until)
    except ValueError as error:
        raise document.error(
            f"{error}, expected the first and the last version in which it holds",
            "claim",
            index,
            "since",
        ) from error
