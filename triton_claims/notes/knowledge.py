"""All that is known before a run: releases, catalogue and checks, free of contradictions."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from triton_claims.errors import InputError
from triton_claims.notes.catalogue import Catalogue, load_catalogue
from triton_claims.notes.checks import CheckLocation, find_checks
from triton_claims.notes.every_release import StandingClaim, load_standing_claims
from triton_claims.notes.images import Images, load_images
from triton_claims.notes.releases import Releases, load_releases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from triton_claims.notes.releases import Note, Release

_OWN_ROOT = Path(__file__).resolve().parents[2]
_CATALOGUE = Path("releases", "claims.toml")


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is claimed, and which checks decide it.

    Args:
        releases: The releases by container version.
        catalogue: The claims by id.
        checks: The check of each claim that has one, by claim id.
        root: The project's root.
        images: The images that releases are shipped in; None where the data tell of none.
        standing: What is asked of every release.
    """

    releases: Releases
    catalogue: Catalogue
    checks: Mapping[str, CheckLocation]
    root: Path
    images: Images | None = None
    standing: tuple[StandingClaim, ...] = ()


def find_root(folder: Path) -> Path:
    """Give the project whose data are meant: the folder's own, else the one this code belongs to.

    Args:
        folder: Where the user is.

    Raises:
        InputError: There is no catalogue in either; an installation holds code and no data.
    """
    for root in (folder, _OWN_ROOT):
        if (root / _CATALOGUE).is_file():
            return root
    raise InputError(
        f"found no {_CATALOGUE} here, expected to be started in the project's folder",
        where=str(folder),
    )


def release_to_check(knowledge: Knowledge, container: str | None, *, where: str) -> Release:
    """Give the release whose notes are to be checked.

    Args:
        knowledge: All that is known.
        container: Its container version; None for the newest with notes.
        where: The option that names it, for the error.

    Raises:
        InputError: It is unknown, or its notes are not mapped yet.
    """
    if container is None:
        return knowledge.releases.newest_with_notes()
    release = knowledge.releases.get(container)
    if release is not None and release.notes:
        return release
    known = ", ".join(each.container for each in knowledge.releases.values() if each.notes)
    why = "is no release we know" if release is None else "has no notes in releases/ yet"
    raise InputError(f"{container!r} {why}: expected one of {known or 'none'}", where=where)


def load_knowledge(root: Path) -> Knowledge:
    """Read ``releases/`` and ``suites/`` of a project and hold them against each other.

    Args:
        root: The project's root.

    Raises:
        InputError: One of the files is not as it should be, a note maps to no claim or to an
            unknown one, a claim belongs to no note and is not asked of every release, an unknown
            one is, or a check decides an unknown claim.
    """
    images = root / "releases" / "images.toml"
    standing = load_standing_claims(root / "releases" / "every-release.toml")
    knowledge = Knowledge(
        releases=load_releases(
            root / "releases", tuple((each.claim, each.origin) for each in standing)
        ),
        catalogue=load_catalogue(root / "releases" / "claims.toml"),
        checks=find_checks(root / "suites", root),
        root=root,
        images=load_images(images) if images.exists() else None,
        standing=standing,
    )
    _check_notes(knowledge)
    _check_standing(knowledge)
    _check_claims(knowledge)
    _check_checks(knowledge)
    return knowledge


def _check_notes(knowledge: Knowledge) -> None:
    for release in knowledge.releases.values():
        for index, note in enumerate(release.notes, start=1):
            where = f"{release.path}:{note.line}"
            if note.claims and note.no_claim:
                raise InputError(
                    f"note#{index}.no_claim: found it beside claims, expected one of the two",
                    where=where,
                )
            if not note.claims and not note.no_claim:
                place = spell_note_option(release, note)
                raise InputError(
                    f"note#{index}.claims: found a note that maps to no claim; next: name the "
                    "claims it maps to, or make one with triton-claims new-claim ID --kind KIND "
                    f"--note '{place}' --suite AREA, or tell in no_claim why it promises nothing "
                    "that could be false",
                    where=where,
                )
            for claim, line in zip(note.claims, note.claim_lines, strict=True):
                if claim not in knowledge.catalogue:
                    raise InputError(
                        f"note#{index}.claims: found {claim!r}, expected the id of a claim in "
                        f"{knowledge.catalogue.path.name}{near(claim, knowledge.catalogue)}",
                        where=f"{release.path}:{line}",
                    )


def spell_note_option(release: Release, note: Note) -> str:
    """Spell a note as ``--note`` takes it: ``25.01:known issues:22``, ``...:22.1`` below it."""
    position = note.position if note.parent is None else f"{note.parent}.{note.position}"
    return f"{release.container}:{note.section}:{position}"


def near(claim: str, catalogue: Catalogue) -> str:
    """Give the ids that an unknown one may mean, as the end of a message; nothing without any."""
    alike = difflib.get_close_matches(claim, list(catalogue), n=2, cutoff=0.75)
    return f"; did you mean {' or '.join(alike)}?" if alike else ""


def _check_standing(knowledge: Knowledge) -> None:
    for index, standing in enumerate(knowledge.standing, start=1):
        if standing.claim not in knowledge.catalogue:
            raise InputError(
                f"asked#{index}.claim: found {standing.claim!r}, expected the id of a claim in "
                f"{knowledge.catalogue.path.name}",
                where=standing.where,
            )


def _check_claims(knowledge: Knowledge) -> None:
    mapped = {claim for release in knowledge.releases.values() for claim in release.claims}
    mapped.update(standing.claim for standing in knowledge.standing)
    for index, claim in enumerate(knowledge.catalogue.values(), start=1):
        if claim.id not in mapped:
            raise InputError(
                f"claim#{index}.id: found {claim.id!r}, which no note of any release maps to; "
                "next: add it to the claims of its note in a release's file",
                where=f"{knowledge.catalogue.path}:{claim.line}",
            )


def _check_checks(knowledge: Knowledge) -> None:
    for check in knowledge.checks.values():
        if check.claim not in knowledge.catalogue:
            raise InputError(
                f"{check.function}: found a check of {check.claim!r}, expected the id of a claim "
                f"in {knowledge.catalogue.path.name}{near(check.claim, knowledge.catalogue)}",
                where=f"{knowledge.root / check.path}:{check.line}",
            )
