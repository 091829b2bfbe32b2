"""A new release's file, begun: its notes by place and digest, and the claims they already have.

Texts of older notes are not kept in the data. So a note that is word for word that of an older
release is known by its digest; one that was reworded only where the older file is at hand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from triton_claims.notes.likeness import ALIKE, Texts, pair_up
from triton_claims.notes.mapping import (
    NO_LONGER_LISTED,
    joined,
    sentence_runs,
    spell_place_of,
    texts_of,
)
from triton_claims.notes.releases import TO_BE_WRITTEN
from triton_claims.notes.tomlfile import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from triton_claims.notes.parsing import NoteText, ParsedNotes
    from triton_claims.notes.releases import Note, Release


@dataclass(frozen=True, slots=True)
class Mapped:
    """One note of a new release, and what is known of it.

    Args:
        text: The note; several sentences in a row are one.
        claims: The claims it maps to; none where it is still to be written.
        no_claim: Why it promises nothing, as an older release's file tells.
        remark: Where that is known from, or what is to be done.
    """

    text: NoteText
    claims: tuple[str, ...]
    no_claim: str | None
    remark: str


@dataclass(frozen=True, slots=True)
class Scaffold:
    """A new release's file, begun.

    Args:
        notes: Its notes, in the order of the text they are from.
        dropped: The notes of the release before that it does not list word for word, with that
            release.
        again: Notes that the text has twice; the data take each once.
    """

    notes: tuple[Mapped, ...]
    dropped: tuple[tuple[Release, Note], ...]
    again: tuple[NoteText, ...]

    @property
    def to_be_written(self) -> int:
        """How many notes have neither claims nor a reason for having none."""
        return sum(not (each.claims or each.no_claim) for each in self.notes)


def begin(
    parsed: ParsedNotes,
    container: str,
    releases: Mapping[str, Release],
    like: Sequence[tuple[Release, ParsedNotes]],
) -> Scaffold:
    """Map the notes of a file as far as older releases tell.

    Args:
        parsed: The new notes.
        container: The release they are of.
        releases: What is known.
        like: The texts of older releases, for notes that were reworded.
    """
    older = [each for each in releases.values() if each.notes and each.container != container]
    known: dict[str, tuple[Release, Note]] = {}
    for release in older:  # oldest first: the newest one decides
        known.update((note.digest, (release, note)) for note in _own(release))
    units, again = _units(parsed, known, like)
    unknown = [each for each in units if each.digest not in known]
    reworded = list(_reworded(unknown, like, container))
    suggested = {id(each.text): each for each, _ in reworded}
    notes = []
    for text in units:
        if text.digest in known:
            release, note = known[text.digest]
            remark = f"as in {release.container}, {spell_place_of(note)}"
            notes.append(Mapped(text, note.claims, note.no_claim, remark))
        else:
            notes.append(suggested.get(id(text), _open(text)))
    before = [each for each in older if each.container < container]
    has = {text.digest for text in units} | {note.digest for _, note in reworded}
    dropped = [
        (release, note)
        for release in before[-1:]
        for note in _own(release)
        if note.digest not in has
    ]
    return Scaffold(tuple(notes), tuple(dropped), tuple(again))


def _own(release: Release) -> list[Note]:
    """The notes of a release's own text."""
    return [
        note
        for note in release.notes
        if note.origin == "release-notes" and note.section != NO_LONGER_LISTED
    ]


def _open(text: NoteText) -> Mapped:
    return Mapped(text, (), None, f"to be written: line {text.line} of the notes")


def _units(
    parsed: ParsedNotes,
    known: Mapping[str, tuple[Release, Note]],
    like: Sequence[tuple[Release, ParsedNotes]],
) -> tuple[list[NoteText], list[NoteText]]:
    """The notes as the data have them, numbered so; and those that are there a second time."""
    taken = _known_runs(parsed, known, like)
    units: list[NoteText] = []
    again: list[NoteText] = []
    seen: set[str] = set()
    counts: dict[str, int] = {}
    for note in parsed.notes:
        run = taken.get(id(note), (note,) if note.promises else ())
        if not run or run[0] is not note:  # a lead-in, a pointer, or the rest of a run
            continue
        unit = replace(note, text=joined(run)) if len(run) > 1 else note
        if unit.digest in seen:
            again.append(unit)
            continue
        seen.add(unit.digest)
        if note.paragraph is not None:
            # The sentences of a section come after what is listed there: the title.
            listed = sum(
                each.section == note.section and each.parent is None for each in parsed.listed
            )
            counts[note.section] = counts.get(note.section, listed) + 1
            unit = replace(unit, position=counts[note.section])
        units.append(unit)
    return units, again


def _known_runs(
    parsed: ParsedNotes,
    known: Mapping[str, tuple[Release, Note]],
    like: Sequence[tuple[Release, ParsedNotes]],
) -> dict[int, tuple[NoteText, ...]]:
    """The sentences in a row that an older release took for one note, by each one's identity."""
    runs = sentence_runs([note for note in parsed.notes if note.paragraph is not None])
    texts = Texts([parsed.container, *(file.container for _, file in like)])
    taken: dict[int, tuple[NoteText, ...]] = {}

    def free(run: Sequence[NoteText]) -> bool:
        return not any(id(each) in taken for each in run)

    def take(run: tuple[NoteText, ...]) -> None:
        taken.update((id(each), run) for each in run)

    for digest, run in sorted(runs.items(), key=lambda item: -len(item[1])):
        if digest in known and free(run):
            take(run)
    for old in (text for release, file in like for _, text in texts_of(file, release)):
        if old.paragraph is not None:
            scored = [
                (texts.score(old.text, joined(run)), -at, run)
                for at, run in enumerate(runs.values())
                if run[0].section == old.section and free(run)
            ]
            score, _, best = max(scored, key=lambda each: each[:2], default=(0.0, 0, ()))
            if score >= ALIKE:
                take(best)
    return taken


def _reworded(
    units: Sequence[NoteText], like: Sequence[tuple[Release, ParsedNotes]], container: str
) -> Iterator[tuple[Mapped, Note]]:
    """What the texts of older releases, the first one first, tell of notes not known by digest."""
    left = list(units)
    for release, file in like:
        older = texts_of(file, release)
        notes = {id(text): note for note, text in older}
        found = pair_up([text for _, text in older], left, (release.container, container))
        for pair in found.pairs:
            note = notes[id(pair.old)]
            where = f"{release.container}, {spell_place_of(note)}"
            claims = ", ".join(note.claims)
            how = f"{pair.score:.2f} like {where}"
            if pair.figures_differ:
                remark = f"{how}, with other figures; the claims there: {claims or 'none'}"
                remark = f"to be written: line {pair.new.line} of the notes; {remark}"
                yield Mapped(pair.new, (), None, remark), note
            else:
                remark = f"reworded, {how}: do these claims still fit line {pair.new.line}?"
                yield Mapped(pair.new, note.claims, note.no_claim, remark), note
        left = list(found.appeared)


def scaffold_text(
    scaffold: Scaffold, *, container: str, server: str | None, source: str | None, notes_from: str
) -> str:
    """Give the file of a release that was begun.

    Args:
        scaffold: Its notes.
        container: The release.
        server: Its server's version, if that is known.
        source: Where the two are known from, if that is.
        notes_from: What the notes are of: the file and its digest.
    """
    open_source = f"{TO_BE_WRITTEN}: where the two versions are known from"
    lines = [
        "#:schema ./schema/release.schema.json",
        "#",
        f"# {container}. Each note is kept as its place and the digest of its normalised text.",
        "# The text stays upstream. Comments are ours. A note may map to several claims, and a",
        "# claim may come from several notes.",
        "",
        f'container = "{container}"',
        f'server = "{server or TO_BE_WRITTEN}"',
        f"source = {quoted(f'{source or open_source}; notes: {notes_from}')}",
    ]
    section = ""
    for each in scaffold.notes:
        if each.text.section != section:
            section = each.text.section
            lines += ["", f"# --- {section} ---"]
        lines += ["", f"# {each.remark}", "[[note]]", f'section = "{section}"']
        if each.text.parent is not None:
            lines.append(f"parent = {each.text.parent}")
        lines += [f"position = {each.text.position}", f'digest = "{each.text.digest}"']
        lines += claims_lines(each.claims)
        if each.no_claim:
            lines.append(f"no_claim = {quoted(each.no_claim)}")
    if scaffold.dropped:
        release = scaffold.dropped[0][0]
        lines += [
            "",
            f"# --- {NO_LONGER_LISTED} ---",
            "#",
            f"# In {release.container}, and not word for word in these. Silence is a promise:",
            "# it may say that a known issue is mended. Such a note goes here, with its old digest",
            "# and the claim of its cure.",
            "#",
        ]
        lines += [
            f"# {spell_place_of(note)}: {', '.join(note.claims)}" for _, note in scaffold.dropped
        ]
    return "\n".join(lines) + "\n"


def claims_lines(claims: Sequence[str]) -> list[str]:
    """Give ``claims = [...]`` on one line, or on several where it is too long for one."""
    line = f"claims = [{', '.join(map(quoted, claims))}]"
    if len(line) <= 100:
        return [line]
    return ["claims = [", *(f'    "{each}",' for each in claims), "]"]
