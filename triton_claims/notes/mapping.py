"""A file of notes held against the data of its release, by digest alone: texts are not kept."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from triton_claims.notes.digest import note_digest, readable
from triton_claims.notes.parsing import spell_place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triton_claims.notes.parsing import NoteText, ParsedNotes
    from triton_claims.notes.releases import Note, Release

NO_LONGER_LISTED = "no longer listed"
"""The section of the data for notes of an older file that this one dropped."""


class Change(str, Enum):
    """How a note of the file and a note of the data differ."""

    NEW = "new"
    CHANGED = "changed"
    MOVED = "moved"
    REMOVED = "removed"
    LISTED_AGAIN = "listed again"


@dataclass(frozen=True, slots=True)
class Difference:
    """One note that is not the same in the file and in the data.

    Args:
        change: How it differs.
        text: The note in the file, unless it was removed.
        note: The note in the data, unless it is new.
    """

    change: Change
    text: NoteText | None
    note: Note | None

    @property
    def place(self) -> str:
        """Where the note is: in the file, or where it was removed, in the data."""
        if self.text is not None:
            return self.text.place
        return spell_place_of(self.note) if self.note else ""

    @property
    def words(self) -> int:
        """How many words the note in the file has."""
        return len(readable(self.text.text).split()) if self.text else 0


@dataclass(frozen=True, slots=True)
class Mapping:
    """What of a file the data have.

    Args:
        mapped: The notes of the data that the file has, at their places or moved.
        differences: All that differs: in the file's order, and then what was removed.
        elsewhere: How many notes of the data come from elsewhere: an announcement, older notes.
        left_out: The lines of the lead-ins and mere pointers of the file, of which no note of the
            data is one.
    """

    mapped: tuple[Note, ...]
    differences: tuple[Difference, ...]
    elsewhere: int
    left_out: tuple[int, ...]


def spell_place_of(note: Note) -> str:
    """Spell the place of a note of the data for people."""
    return spell_place(note.section, note.position, note.parent)


def compare(parsed: ParsedNotes, release: Release) -> Mapping:
    """Hold a file of notes against the data of a release.

    A note whose text is in both is the same one, even at another place. Where a text of the file
    stands between the same neighbours as a text of the data that is not in the file, it was
    changed. A note of the data may be several sentences in a row of one paragraph.
    """
    of_file = [
        note
        for note in release.notes
        if note.origin == "release-notes" and note.section != NO_LONGER_LISTED
    ]
    dropped = {note.digest: note for note in release.notes if note.section == NO_LONGER_LISTED}
    sentences = [note for note in parsed.notes if note.paragraph is not None]
    runs = sentence_runs(sentences)
    found_runs = {note.digest: runs[note.digest] for note in of_file if note.digest in runs}
    covered = {id(each) for run in found_runs.values() for each in run}
    texts = [
        each
        for each in parsed.notes
        if id(each) not in covered and (each.promises or each.paragraph is None)
    ]
    mapped = [note for note in of_file if note.digest in found_runs]
    rest = [note for note in of_file if note.digest not in found_runs]
    differences, same = _aligned(texts, rest)
    for index, difference in enumerate(differences):
        again = dropped.get(difference.text.digest) if difference.text else None
        if again is not None and difference.change is Change.NEW:
            differences[index] = Difference(Change.LISTED_AGAIN, difference.text, again)
    order = {id(each): at for at, each in enumerate(parsed.notes)}
    differences.sort(key=lambda each: order.get(id(each.text), len(order)))
    return Mapping(
        mapped=(*mapped, *same),
        differences=tuple(differences),
        elsewhere=len(release.notes) - len(of_file),
        left_out=tuple(
            each.line for each in sentences if not each.promises and id(each) not in covered
        ),
    )


def texts_of(parsed: ParsedNotes, release: Release) -> list[tuple[Note, NoteText]]:
    """Give the notes of the data that are in a file, each with its text there."""
    listed = {note.digest: note for note in parsed.listed}
    runs = sentence_runs([note for note in parsed.notes if note.paragraph is not None])
    found = []
    for note in release.notes:
        run = runs.get(note.digest)
        text = listed.get(note.digest) or (replace(run[0], text=joined(run)) if run else None)
        if text is not None and note.section != NO_LONGER_LISTED:
            found.append((note, text))
    return found


def _aligned(
    texts: Sequence[NoteText], notes: Sequence[Note]
) -> tuple[list[Difference], list[Note]]:
    """Tell how lists of notes differ; give the notes of the data that the file has as well."""
    by_digest = {text.digest: text for text in texts}
    same = [note for note in notes if note.digest in by_digest]
    differences = [
        Difference(Change.MOVED, text, note)
        for note in same
        # The positions of sentences are counted otherwise.
        if (text := by_digest[note.digest]).paragraph is None
        and (text.section, text.parent, text.position) != (note.section, note.parent, note.position)
    ]
    had = {note.digest for note in same}
    sections = dict.fromkeys(
        [*((text.section) for text in texts), *((note.section) for note in notes)]
    )
    for section in sections:
        inside = sorted(
            (note for note in notes if note.section == section),
            key=lambda note: (
                note.position if note.parent is None else note.parent,
                note.parent is not None,
                note.position,
            ),
        )
        # As the data have them: sentences after what is listed.
        beside = sorted(
            (text for text in texts if text.section == section),
            key=lambda text: text.paragraph is not None,
        )
        matcher = difflib.SequenceMatcher(
            None,
            [note.digest for note in inside],
            [text.digest for text in beside],
            autojunk=False,
        )
        for tag, start, end, begin, stop in matcher.get_opcodes():
            if tag == "equal":
                continue
            old = [note for note in inside[start:end] if note.digest not in had]
            new = [text for text in beside[begin:stop] if text.digest not in had]
            for text in new:
                # A bullet does not become one below another, nor a sentence.
                twin = next((n for n in old if (n.parent is None) == (text.parent is None)), None)
                if twin is not None:
                    old.remove(twin)
                change = Change.NEW if twin is None else Change.CHANGED
                differences.append(Difference(change, text, twin))
            differences += [Difference(Change.REMOVED, None, note) for note in old]
    return differences, same


def sentence_runs(sentences: Sequence[NoteText]) -> dict[str, tuple[NoteText, ...]]:
    """Give all sentences in a row of one paragraph, by the digest that they have together."""
    runs: dict[str, tuple[NoteText, ...]] = {}
    for start, first in enumerate(sentences):
        end = start
        while (
            end < len(sentences)
            and sentences[end].paragraph == first.paragraph
            and end - start < _LONGEST_RUN
        ):
            end += 1
            run = tuple(sentences[start:end])
            runs.setdefault(note_digest(joined(run)), run)
    return runs


def joined(run: Sequence[NoteText]) -> str:
    """Give the text of some sentences in a row."""
    return " ".join(each.text for each in run)


_LONGEST_RUN = 8  # sentences; upstream's paragraphs have at most five
