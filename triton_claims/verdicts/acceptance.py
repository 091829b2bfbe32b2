"""Failing cells that somebody has looked into: ``releases/acceptances.toml``.

An accepted cell stays what it is and stays visible; it only does not fail the run. An acceptance
that no longer fits what is seen fails it, so that none outlives its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from triton_claims.notes.structure import check_structure
from triton_claims.notes.tomlfile import Document
from triton_claims.notes.versions import ServerVersion, VersionRange
from triton_claims.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from triton_claims.notes.knowledge import Knowledge
    from triton_claims.verdicts.cell import Cell

_GLOB_CHARACTERS = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One accepted verdict.

    Attributes:
        claim: The claim's id.
        verdict: What was looked into.
        target: A glob over target ids.
        versions: The server versions it speaks of.
        reason: Why it is as it is.
        link: Where it was looked into.
        date: When it was accepted, ``YYYY-MM-DD``.
        where: Its ``FILE:LINE``.
    """

    claim: str
    verdict: Verdict
    target: str
    versions: VersionRange
    reason: str
    link: str
    date: str
    where: str

    def concerns(self, cell: Cell) -> bool:
        """Whether it speaks of the cell at all, whatever the cell's verdict."""
        return (
            cell.claim == self.claim
            and fnmatchcase(cell.target, self.target)
            and _in_range(cell, self.versions)
        )

    def covers(self, cell: Cell) -> bool:
        """Whether it accepts the cell as it is."""
        return self.concerns(cell) and cell.verdict is self.verdict

    def __str__(self) -> str:
        """For the cell's ``accepted``."""
        return f"{self.reason} ({self.link}, accepted {self.date})"


def _in_range(cell: Cell, versions: VersionRange) -> bool:
    version = _version(cell)
    if version is None:
        # An acceptance for any version may speak of a server nobody knows, a bounded one not.
        return versions == VersionRange()
    return version in versions


def _version(cell: Cell) -> ServerVersion | None:
    """The server's version; None where no server answered, or one with something else."""
    try:
        return ServerVersion.parse(cell.server_version or "")
    except ValueError:
        return None


def load_acceptances(knowledge: Knowledge) -> tuple[Acceptance, ...]:
    """Reads the acceptances, if there are any.

    Raises:
        InputError: The file is not as it should be, names a claim that does not exist or has no
            check, covers only versions that no release has, is dated on a day that never was, or
            stands in it twice.
    """
    path = knowledge.root / "releases" / "acceptances.toml"
    if not path.exists():
        return ()
    return tuple(_read(path, knowledge))


def _read(path: Path, knowledge: Knowledge) -> Iterable[Acceptance]:
    document = Document(path)
    check_structure(document, "acceptances")
    entries: list[dict[str, Any]] = document.data.get("acceptance", [])
    lines: dict[tuple[str, ...], int] = {}
    for index, entry in enumerate(entries):
        place = ("acceptance", index)
        claim = entry["claim"]
        if claim not in knowledge.catalogue:
            raise document.error(
                f"found {claim!r}, expected the id of a claim in the catalogue", *place, "claim"
            )
        if claim not in knowledge.checks:
            raise document.error(
                f"found {claim!r}, which has no check: there is nothing to accept", *place, "claim"
            )
        since, until = (
            ServerVersion.parse(entry[end]) if end in entry else None for end in ("since", "until")
        )
        try:
            versions = VersionRange(since, until)
        except ValueError as problem:
            raise document.error(str(problem), *place, "since") from None
        if not any(release.server in versions for release in knowledge.releases.values()):
            raise document.error(
                f"found {versions.describe()}, in which there is no release", *place, "since"
            )
        try:
            date.fromisoformat(entry["date"])
        except ValueError:
            raise document.error(
                f"found {entry['date']!r}, expected a day of the calendar", *place, "date"
            ) from None
        same = (claim, entry["verdict"], entry["target"], versions.describe())
        first = lines.setdefault(same, document.line_of(*place))
        if first != document.line_of(*place):
            raise document.error(f"found the acceptance in line {first} again", *place, "claim")
        yield Acceptance(
            claim=claim,
            verdict=Verdict(entry["verdict"]),
            target=entry["target"],
            versions=versions,
            reason=entry["reason"],
            link=entry["link"],
            date=entry["date"],
            where=document.where(*place),
        )


def acceptance_of(cell: Cell, acceptances: Iterable[Acceptance]) -> Acceptance | None:
    """The acceptance that covers a cell, if one does."""
    return next((each for each in acceptances if each.covers(cell)), None)


def stale_acceptances(acceptances: Iterable[Acceptance], cells: Sequence[Cell]) -> list[str]:
    """What is to be said of acceptances that the run's cells contradict.

    An acceptance whose claim or target was not part of the run is not judged: a run on one
    target must not fail for what was accepted on another.
    """
    return [
        f"{each.where}: the acceptance of {each.claim!r} as {each.verdict.value} {why}: remove it"
        for each in acceptances
        if (why := _why_stale(each, cells))
    ]


def _why_stale(acceptance: Acceptance, cells: Sequence[Cell]) -> str | None:
    tried = [
        cell
        for cell in cells
        if cell.claim == acceptance.claim and fnmatchcase(cell.target, acceptance.target)
    ]
    concerned = [cell for cell in tried if acceptance.concerns(cell)]
    if not concerned:
        # A glob may name servers of many versions; the id of one target names a single one. But
        # where no server answered, nobody knows whether it is of these versions.
        names_one = not _GLOB_CHARACTERS & set(acceptance.target)
        answered = any(_version(cell) is not None for cell in tried)
        return "matches no cell" if answered and names_one else None
    # An acceptance names no GPU and no protocol: it fits a target as long as it covers one of
    # its cells.
    still_needed = {cell.target for cell in concerned if acceptance.covers(cell)}
    for cell in concerned:
        if cell.target not in still_needed and cell.verdict.is_decided and not cell.verdict.fails:
            return f"no longer fits: {cell.target} is {cell.verdict.value}"
    if not still_needed and all(cell.verdict.is_decided for cell in concerned):
        return f"matches no cell: {concerned[0].target} is {concerned[0].verdict.value}"
    return None
