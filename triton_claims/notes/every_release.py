"""Standing claims: ``releases/every-release.toml``, what users ask of every release.

No note promises them, for a release does not say of itself that it is no slower than the one
before. They are claims like all others, each with its entry in the catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from triton_claims.notes.releases import ASKED_OF_EVERY_RELEASE
from triton_claims.notes.structure import check_structure
from triton_claims.notes.tomlfile import Document

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class StandingClaim:
    """A claim that is asked of every release.

    Args:
        claim: The claim's id.
        reason: Why it is asked.
        where: ``FILE:LINE`` of its id.
        brought_by: The container version of the release that brought what it promises; None of what
            no release promises.
    """

    claim: str
    reason: str
    where: str
    brought_by: str | None = None

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        if self.brought_by is None:
            return ASKED_OF_EVERY_RELEASE
        return f"brought by {self.brought_by}"


def load_standing_claims(path: Path) -> tuple[StandingClaim, ...]:
    """Reads the standing claims, in the file's order.

    Args:
        path: The file; one that does not exist asks nothing.

    Raises:
        InputError: It is not as it should be, or a claim stands in it twice.
    """
    if not path.exists():
        return ()
    document = Document(path)
    check_structure(document, "every-release")
    entries: list[dict[str, Any]] = document.data["asked"]
    lines: dict[str, int] = {}
    for index, entry in enumerate(entries):
        line = document.line_of("asked", index, "claim")
        first = lines.setdefault(entry["claim"], line)
        if first != line:
            raise document.error(
                f"found {entry['claim']!r}, which stands in line {first} already",
                "asked",
                index,
                "claim",
            )
    return tuple(
        StandingClaim(
            entry["claim"],
            entry["reason"],
            document.where("asked", index, "claim"),
            entry.get("brought_by"),
        )
        for index, entry in enumerate(entries)
    )
