"""The commands that read a release's notes: what is mapped, and what is new in them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triton_claims.cli.commands import BAD_NEWS, knowledge_here
from triton_claims.cli.saying import say, say_all
from triton_claims.errors import InputError
from triton_claims.notes.catalogue import Kind
from triton_claims.notes.conformity import faults_of_checks
from triton_claims.notes.digest import readable
from triton_claims.notes.likeness import recurrence
from triton_claims.notes.mapping import Change, compare, spell_place_of, texts_of
from triton_claims.notes.parsing import parse_notes
from triton_claims.report.sentence import count

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from triton_claims.cli.commands import AddCommand
    from triton_claims.notes.catalogue import Claim
    from triton_claims.notes.knowledge import Knowledge
    from triton_claims.notes.likeness import Recurrence
    from triton_claims.notes.mapping import Difference, Mapping
    from triton_claims.notes.parsing import NoteText, ParsedNotes
    from triton_claims.notes.releases import Release

NO_NOTES = 3
"""The exit code where a file holds no notes, and only points to the page that does."""

_CONTAINER = re.compile(r"[0-9]{2}\.(?:0[1-9]|1[0-2])")
_EXCERPT = 72  # characters of a note that are shown
POINTER_CODE = f"; {NO_NOTES} the file holds no notes, only a pointer to them"


def add_commands(command: AddCommand) -> None:
    """Adds ``notes check`` and ``notes diff``."""
    checking = command(
        "notes check",
        _check,
        "holds a file of notes against a release's data; exit code 1 unless each note is mapped",
    )
    checking.add_argument("file", metavar="FILE", type=Path, help="upstream's notes, in Markdown")
    checking.add_argument("--release", metavar="YY.MM", help="default: the one the title names")
    checking.add_argument("--json", action="store_true", help="as one JSON object, without texts")

    diff = command("notes diff", _diff, "shows which notes recur, appear and vanish between files")
    diff.add_argument("old", metavar="OLD", type=Path, help="the older notes, in Markdown")
    diff.add_argument("new", metavar="NEW", type=Path, help="the newer ones")
    diff.add_argument("--json", action="store_true", help="as one JSON object, without texts")

    for each in (checking, diff):
        each.epilog = f"{each.epilog or ''}{POINTER_CODE}"


def _check(options: argparse.Namespace) -> int:
    parsed = parse_notes(options.file)
    if parsed.pointer is not None:
        return say_pointer(parsed)
    knowledge = knowledge_here()
    container = container_of_notes(options.release, parsed)
    release = knowledge.releases.get(container)
    if release is None or not release.notes:
        raise InputError(
            f"releases/ has no notes of {container}; next: begin them with triton-claims notes "
            f"scaffold {options.file} --release {container}",
            where="--release" if options.release else str(options.file),
        )
    mapping = compare(parsed, release)
    faults = list(faults_of_checks(knowledge))
    if options.json:
        say_all(json.dumps(_checked(parsed, release, mapping, faults), indent=2).splitlines())
    else:
        say_all(_check_lines(parsed, release, mapping, knowledge))
        say_all(faults)
    return BAD_NEWS if mapping.differences or faults else 0


def _check_lines(
    parsed: ParsedNotes, release: Release, mapping: Mapping, knowledge: Knowledge
) -> Iterator[str]:
    yield from remarks(parsed, release.container)
    for difference in mapping.differences:
        yield f"{parsed.path}: {_told(difference, release)}"
    yield (
        f"{release.path.name}: {count(len(mapping.mapped), 'note')} mapped, "
        f"{len(mapping.differences)} not as in the file"
        + (f"; {mapping.elsewhere} in the data from elsewhere" if mapping.elsewhere else "")
    )
    if mapping.left_out:
        lines = ", ".join(map(str, sorted(set(mapping.left_out))))
        yield f"taken for introductions and pointers, and left out: lines {lines} of the file"
    if mapping.differences:
        yield "next: give each of them its place, its digest and its claims in that file"
    unchecked = [claim for claim in release.claims if claim not in knowledge.checks]
    if unchecked:
        yield (
            f"{count(len(unchecked), 'claim')} without a check, such as {unchecked[0]}; next: "
            f'write a function test_* in suites/ marked @pytest.mark.claim("{unchecked[0]}"); '
            f"triton-claims list --release {release.container} shows all"
        )


def _told(difference: Difference, release: Release) -> str:
    """One difference for people; the text is shown and kept nowhere."""
    text, note = difference.text, difference.note
    place = difference.place
    if text is None:
        line = note.line if note else 1
        return f"removed: {place} ({release.path.name}:{line}) is not in the file"
    start = f"{difference.change.value}: {place} (line {text.line}"
    if note is None:
        return f"{start}, {difference.words} words, {text.digest}): {_excerpt(text)}"
    data = f"{release.path.name}:{note.line}"
    if difference.change is Change.CHANGED:
        return f"{start}, {difference.words} words, now {text.digest}, {data}): {_excerpt(text)}"
    return f"{start}), {spell_place_of(note)} in the data ({data})"


def remarks(parsed: ParsedNotes, container: str) -> Iterator[str]:
    """What is odd about a file, one line each."""
    if parsed.container and parsed.container != container:
        yield f"{parsed.path}: the title is of {parsed.container}, held against {container}"
    for line, what in parsed.unread:
        yield f"{parsed.path}:{line}: {what} is not read: look whether it promises something"


def _checked(
    parsed: ParsedNotes, release: Release, mapping: Mapping, faults: list[str]
) -> dict[str, Any]:
    return {
        "release": release.container,
        "mapped": len(mapping.mapped),
        "differences": [
            {
                "change": each.change.value,
                "place": each.place,
                "line": each.text.line if each.text else None,
                "digest": each.text.digest if each.text else None,
                "in_data": spell_place_of(each.note) if each.note else None,
            }
            for each in mapping.differences
        ],
        "unread": [{"line": line, "what": what} for line, what in parsed.unread],
        "faults": faults,
    }


def _diff(options: argparse.Namespace) -> int:
    files = [parse_notes(each) for each in (options.old, options.new)]
    for each in files:
        if each.pointer is not None:
            return say_pointer(each)
    old, new = files
    found = recurrence(old, new)
    knowledge = knowledge_here()
    ranges = list(_ranges(found, old, new, knowledge))
    if options.json:
        say_all(json.dumps(_differing(found, ranges), indent=2).splitlines())
        return 0
    for pair in found.pairs:
        if not pair.same:
            figures = ", with other figures" if pair.figures_differ else ""
            place = f"{pair.old.place} -> {pair.new.place}" if pair.moved else pair.new.place
            say(f"reworded {pair.score:.3f}{figures}: {place}")
    for words, notes in (("appeared", found.appeared), ("vanished", found.vanished)):
        say_all(f"{words}: {note.place} (line {note.line}): {_excerpt(note)}" for note in notes)
    say_all(line for _, line in ranges)
    reworded = sum(not pair.same for pair in found.pairs)
    say(
        f"{count(len(found.pairs), 'note')} recur, {reworded} of them reworded; "
        f"{len(found.appeared)} appeared, {len(found.vanished)} vanished"
    )
    return 0


def _ranges(
    found: Recurrence, old: ParsedNotes, new: ParsedNotes, knowledge: Knowledge
) -> Iterator[tuple[dict[str, Any], str]]:
    """Where the notes imply another range of a claim than the catalogue has.

    The data know the claims of a file's notes only where they have the release that it names.
    A feature or a fix is listed once: that it is not listed again ends nothing.
    """
    older, newer = (knowledge.releases.get(each.container or "") for each in (old, new))
    if older is not None:
        gone = {note.digest for note in found.vanished}
        for place, claim in _claims_of(older, old, gone, knowledge):
            if claim.kind not in {Kind.FEATURE, Kind.FIX} and claim.versions.until is None:
                words = f"is no longer listed ({place}): it may end with {older.server}"
                yield _range(claim, words, "until", str(older.server))
    if newer is not None:
        come = {note.digest for note in found.appeared}
        for place, claim in _claims_of(newer, new, come, knowledge):
            if claim.versions.since is None or claim.versions.since != newer.server:
                words = f"is listed first ({place}): it may begin with {newer.server}"
                yield _range(claim, words, "since", str(newer.server))
        again = {pair.new.digest for pair in found.pairs if not pair.figures_differ}
        for place, claim in _claims_of(newer, new, again, knowledge):
            if claim.versions.until is not None and claim.versions.until < newer.server:
                words = f"is still listed ({place}): it may go on to {newer.server}"
                yield _range(claim, words, "until", str(newer.server))


def _claims_of(
    release: Release, parsed: ParsedNotes, digests: set[str], knowledge: Knowledge
) -> Iterator[tuple[str, Claim]]:
    """The claims of some of a file's notes, with these notes' places."""
    for note, text in texts_of(parsed, release):
        if text.digest in digests:
            for claim in note.claims:
                yield spell_place_of(note), knowledge.catalogue[claim]


def _range(claim: Claim, words: str, end: str, version: str) -> tuple[dict[str, Any], str]:
    has = claim.versions.describe()
    told = {"claim": claim.id, "implied": {end: version}, "has": has}
    return told, f"claim {claim.id} {words}; the catalogue has: {has}"


def _differing(found: Recurrence, ranges: list[tuple[dict[str, Any], str]]) -> dict[str, Any]:
    def note(each: NoteText) -> dict[str, Any]:
        return {"place": each.place, "line": each.line, "digest": each.digest}

    return {
        "recur": [
            {
                "old": note(pair.old),
                "new": note(pair.new),
                "score": round(pair.score, 3),
                "reworded": not pair.same,
                "figures_differ": pair.figures_differ,
            }
            for pair in found.pairs
        ],
        "appeared": [note(each) for each in found.appeared],
        "vanished": [note(each) for each in found.vanished],
        "claims": [told for told, _ in ranges],
    }


def container_of_notes(option: str | None, parsed: ParsedNotes) -> str:
    """The release that some notes are of.

    Args:
        option: The one that the user names.
        parsed: The notes.

    Raises:
        InputError: Neither the user nor the title names one.
    """
    if option is not None:
        if not _CONTAINER.fullmatch(option):
            raise InputError(f"found {option!r}, expected YY.MM such as 25.01", where="--release")
        return option
    if parsed.container is None:
        raise InputError(
            "the title names no release; next: name it with --release YY.MM",
            where=f"{parsed.path}:1",
        )
    return parsed.container


def say_pointer(parsed: ParsedNotes) -> int:
    """Tells that a file only points elsewhere; gives the exit code."""
    say(f"{parsed.path}: no notes in it: a pointer to {parsed.pointer}")
    say("next: save the text of that page as Markdown, and name that file")
    return NO_NOTES


def _excerpt(note: NoteText) -> str:
    text = readable(note.text)
    return text if len(text) <= _EXCERPT else f"{text[: _EXCERPT - 3]}..."
