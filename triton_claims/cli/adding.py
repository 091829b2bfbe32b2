"""The commands that add a release: its file begun, and claims with their checks."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from triton_claims.cli.notes import POINTER_CODE, container_of_notes, remarks, say_pointer
from triton_claims.cli.saying import say, say_all
from triton_claims.errors import InputError
from triton_claims.notes.catalogue import Kind
from triton_claims.notes.drafting import draft_claim
from triton_claims.notes.knowledge import find_root
from triton_claims.notes.parsing import parse_notes
from triton_claims.notes.releases import load_releases
from triton_claims.notes.scaffold import begin, scaffold_text
from triton_claims.notes.versions import ServerVersion
from triton_claims.report.derived import replace_file
from triton_claims.report.sentence import count

if TYPE_CHECKING:
    import argparse

    from triton_claims.cli.commands import AddCommand


def add_commands(command: AddCommand) -> None:
    """Adds ``notes scaffold`` and ``new-claim``."""
    scaffold = command(
        "notes scaffold", _scaffold, "begins a release's file: recurring notes have their claims"
    )
    scaffold.add_argument("file", metavar="FILE", type=Path, help="upstream's notes, in Markdown")
    scaffold.add_argument("--release", metavar="YY.MM", help="default: the one the title names")
    scaffold.add_argument("--server", metavar="VERSION", help="its server's version")
    scaffold.add_argument("--source", metavar="TEXT", help="where that is known from")
    scaffold.add_argument(
        "--like",
        metavar="YY.MM=FILE",
        action="append",
        default=[],
        help="an older release's notes, to find those that were reworded; repeatable",
    )
    scaffold.add_argument("-o", "--output", metavar="FILE", type=Path, help="default: releases/")
    scaffold.add_argument("--force", action="store_true", help="overwrite the file")
    scaffold.epilog = f"{scaffold.epilog or ''}{POINTER_CODE}"

    new = command(
        "new-claim", _new_claim, "begins a claim: its entry, its note, a check that fails"
    )
    new.add_argument("id", metavar="ID", help="lower-case words joined by hyphens; for ever")
    new.add_argument("--kind", choices=[each.value for each in Kind], required=True)
    new.add_argument(
        "--note",
        metavar="YY.MM:SECTION:N",
        required=True,
        help="such as '25.03:known issues:4', or ...:22.1 for a bullet below another one",
    )
    new.add_argument("--suite", metavar="AREA", required=True, help="a folder of suites/")
    new.add_argument("--statement", metavar="SENTENCE", help="in our own words; falsifiable")


def _scaffold(options: argparse.Namespace) -> int:
    parsed = parse_notes(options.file)
    if parsed.pointer is not None:
        return say_pointer(parsed)
    container = container_of_notes(options.release, parsed)
    root = find_root(Path.cwd())
    output: Path = options.output or root / "releases" / f"{container}.toml"
    if os.path.lexists(output) and not options.force:
        raise InputError(
            f"{str(output)!r} is there already: name another file, or overwrite it by --force",
            where="--output",
        )
    for name in ("server", "source"):
        _check_text(name, getattr(options, name))
    releases = load_releases(root / "releases")
    like = []
    for each in options.like:
        release, _, file = each.partition("=")
        if release not in releases or not releases[release].notes or not file:
            raise InputError(
                f"found {each!r}, expected a release whose notes are in releases/ and a file of "
                "its notes: 25.01=FILE",
                where="--like",
            )
        like.append((releases[release], parse_notes(Path(file))))
    like.sort(key=lambda pair: pair[0].container, reverse=True)
    scaffold = begin(parsed, container, releases, like)
    sha256 = hashlib.sha256(options.file.read_bytes()).hexdigest()
    text = scaffold_text(
        scaffold,
        container=container,
        server=options.server,
        source=options.source,
        notes_from=f"sha256 {sha256}",
    )
    try:
        replace_file(output, text)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise InputError(f"cannot write {str(output)!r}: {reason}", where="--output") from None
    say_all(remarks(parsed, container))
    for twice in scaffold.again:
        say(f"{parsed.path}:{twice.line}: {twice.place} is there twice: taken once")
    mapped = len(scaffold.notes) - scaffold.to_be_written
    say(
        f"{output}: {count(len(scaffold.notes), 'note')}, {mapped} with the claims of older "
        f"releases, {scaffold.to_be_written} to be written"
    )
    say("next: look through its comments; triton-claims list tells what is still open, one by one")
    return 0


def _check_text(name: str, text: str | None) -> None:
    if text is None:
        return
    if name == "server":
        try:
            ServerVersion.parse(text)
        except ValueError as problem:
            raise InputError(str(problem), where="--server") from None
    if not text.isprintable():
        raise InputError("found a line break, expected plain text", where=f"--{name}")


def _new_claim(options: argparse.Namespace) -> int:
    draft = draft_claim(
        find_root(Path.cwd()),
        options.id,
        kind=Kind(options.kind),
        note=options.note,
        area=options.suite,
        statement=options.statement,
    )
    for path, text in (draft.check, draft.catalogue, draft.release):
        try:
            replace_file(path, text)
        except OSError as problem:
            reason = problem.strerror or problem
            raise InputError(f"cannot be written: {reason}", where=str(path)) from None
    since = f"since {draft.since}" if draft.since else "of every version"
    say(f"{draft.catalogue[0]}: {options.id}, {since}: put it into its section, mend its range")
    say(f"{draft.release[0]}: a claim of {draft.place}")
    say(f"{draft.check[0]}: a check that fails until it is written")
    if options.statement is None:
        say("next: write its statement, in the catalogue and as the docstring of the check")
    else:
        say("next: write its check")
    return 0
