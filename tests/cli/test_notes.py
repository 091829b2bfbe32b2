"""`notes check`, `notes diff` and `notes scaffold` on a small project and notes of our own."""

from __future__ import annotations

import json
import re

import pytest

from triton_claims.notes.digest import note_digest
from triton_claims.notes.releases import load_release

OLD = """\
# Cats Release 24.12

## Features

- Cats sleep.

## Known Issues

- Dogs lack:
  - tails
- Cows are late on Mondays.
"""
NEW = """\
# Cats Release 25.01

## Features

- Cats are faster.

## Known Issues

- Dogs lack:
  - tails
"""
POINTER = (
    "# Cats Release 25.02\n\nNotes are on the [Release Page](https://example.org/cats/releases)\n"
)


@pytest.fixture
def notes(project, tmp_path):
    """The notes in files, the newer ones mapped by the project save for their title."""
    project.replace(project.new, 'section = "features"', 'section = "key features"')
    files = {"old": OLD, "new": NEW, "pointer": POINTER}
    paths = {name: tmp_path / f"{name}.md" for name in files}
    for name, text in files.items():
        paths[name].write_text(text)
    return {name: str(path) for name, path in paths.items()}


@pytest.fixture
def title(project):
    """The title mapped too."""
    with project.new.open("a") as file:
        file.write(
            f'\n[[note]]\nsection = "title"\nposition = 1\n'
            f'digest = "{note_digest("Cats Release 25.01")}"\nclaims = ["cats-faster"]\n'
        )
    docstring = '    """A cat is faster than it was."""\n    assert True'
    project.replace(project.check, "    assert True", docstring)


@pytest.mark.usefixtures("title")
def test_notes_that_are_mapped_pass(run, notes):
    answer = run("notes", "check", notes["new"])
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines() == [
        "25.01.toml: 4 notes mapped, 0 not as in the file",
        "1 claim without a check, such as dogs-no-tail; next: write a function test_* in suites/ "
        'marked @pytest.mark.claim("dogs-no-tail"); triton-claims list --release 25.01 shows all',
    ]


@pytest.mark.usefixtures("title")
def test_what_differs_is_told_with_both_lines_and_is_bad_news(run, notes):
    with open(notes["new"], "a") as file:  # noqa: PTH123 - a path as the command line has it
        file.write("- Hens fly.\n\n<table>\n")
    answer = run("notes", "check", notes["new"], "--release", "25.01")
    assert answer.code == 1
    assert answer.out.splitlines()[:4] == [
        f"{notes['new']}:13: HTML is not read: look whether it promises something",
        f"{notes['new']}: new: known issues 2 (line 11, 2 words, {note_digest('Hens fly.')}): "
        "Hens fly.",
        "25.01.toml: 4 notes mapped, 1 not as in the file",
        "next: give each of them its place, its digest and its claims in that file",
    ]
    told = json.loads(run("notes", "check", notes["new"], "--json").out)
    assert "Hens" not in json.dumps(told)
    assert told["differences"] == [
        {
            "change": "new",
            "place": "known issues 2",
            "line": 11,
            "digest": note_digest("Hens fly."),
            "in_data": None,
        }
    ]


def test_the_short_form_is_told_to_be_a_pointer(run, notes):
    for command in (
        ("check", notes["pointer"]),
        ("scaffold", notes["pointer"]),
        ("diff", notes["old"], notes["pointer"]),
    ):
        answer = run("notes", *command)
        assert answer.code == 3
        assert "no notes in it: a pointer to https://example.org/cats/releases" in answer.out
    assert "3 the file holds no notes" in " ".join(run("notes", "check", "--help").out.split())


@pytest.mark.usefixtures("title")
def test_diff_tells_what_recurs_and_what_that_implies(run, notes, project):
    project.replace(project.claims, 'since = "2.54.0"', 'since = "2.53.0"')
    answer = run("notes", "diff", notes["old"], notes["new"])
    assert answer.code == 0
    assert answer.out.splitlines() == [
        "reworded 1.000: title 1",
        "appeared: key features 1 (line 5): Cats are faster.",
        "vanished: key features 1 (line 5): Cats sleep.",
        "vanished: known issues 2 (line 11): Cows are late on Mondays.",
        "claim cats-faster is listed first (key features 1): it may begin with 2.54.0; the "
        "catalogue has: since 2.53.0",
        "3 notes recur, 1 of them reworded; 1 appeared, 2 vanished",
    ]
    told = json.loads(run("notes", "diff", notes["old"], notes["new"], "--json").out)
    assert len(told["recur"]) == 3
    assert told["claims"] == [
        {"claim": "cats-faster", "implied": {"since": "2.54.0"}, "has": "since 2.53.0"}
    ]
    assert "Mondays" not in json.dumps(told)


@pytest.mark.usefixtures("title")
def test_diff_tells_of_claims_that_a_note_outlives_or_leaves_open(run, notes, project):
    project.replace(project.claims, 'until = "2.54.0"', 'until = "2.53.0"')
    older = project.new.read_text().replace("25.01", "24.12").replace("2.54.0", "2.53.0")
    project.add("releases/24.12.toml", older)
    answer = run("notes", "diff", notes["old"], notes["new"])
    outlived = (
        "claim dogs-no-tail is still listed (known issues 1): it may go on to 2.54.0; the "
        "catalogue has: 2.47.0 to 2.53.0"
    )
    assert outlived in answer.out.splitlines()
    project.replace(project.claims, 'until = "2.53.0"\n', "")
    # The other way round the feature is no longer listed, which ends nothing.
    lines = run("notes", "diff", notes["new"], notes["old"]).out.splitlines()
    assert [line for line in lines if line.startswith("claim")] == []
    with open(notes["new"], "w") as file:  # noqa: PTH123 - a path as the command line has it
        file.write("# Cats Release 25.01\n\n## Known Issues\n\n- Hens fly.\n")
    lines = run("notes", "diff", notes["old"], notes["new"]).out.splitlines()
    assert [line for line in lines if line.startswith("claim dogs-no-tail")] == [
        f"claim dogs-no-tail is no longer listed (known issues 1{below}): it may end with 2.53.0; "
        "the catalogue has: since 2.47.0"
        for below in ("", ".1")
    ]


def test_a_scaffold_is_written_once(run, notes, project):
    text = NEW.replace("25.01", "25.03").replace("are faster", "are far more fast")
    path = project.add("new.md", text)
    scaffold = ["notes", "scaffold", str(path), "--server", "2.56.0", "--source", "a neighbour"]
    answer = run(*scaffold, "--like", f"25.01={notes['new']}")
    written = project.releases / "25.03.toml"
    assert answer.code == 0
    assert answer.out.splitlines()[0] == (
        f"{written}: 4 notes, 2 with the claims of older releases, 2 to be written"
    )
    release = load_release(written)
    assert (str(release.server), release.container) == ("2.56.0", "25.03")
    assert re.fullmatch("a neighbour; notes: sha256 [0-9a-f]{64}", release.source)
    assert "Cats" not in written.read_text()
    again = run(*scaffold)
    assert again.code == 2
    assert again.complaint.endswith(
        "is there already: name another file, or overwrite it by --force"
    )
    assert run(*scaffold, "--force").code == 0


def test_of_several_older_files_the_newest_decides(run, notes, project):
    older = project.new.read_text().replace("25.01", "24.12").replace("2.54.0", "2.53.0")
    project.add("releases/24.12.toml", older)
    same = project.add("same.md", NEW.replace("25.01", "24.12"))
    path = project.add("new.md", NEW.replace("25.01", "25.03").replace("are faster", "are fast"))
    likes = ["--like", f"24.12={same}", "--like", f"25.01={notes['new']}"]
    assert run("notes", "scaffold", str(path), *likes).code == 0
    text = (project.releases / "25.03.toml").read_text()
    assert "# reworded, 0.92 like 25.01, key features 1: do these claims still fit line 5?" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--release", "x"], "--release: found 'x', expected YY.MM such as 25.01"),
        (["--server", "2.x"], "--server: found '2.x', expected a server version such as 2.54.0"),
        (["--source", "a\nb"], "--source: found a line break, expected plain text"),
        (["--like", "23.01=x"], "--like: found '23.01=x', expected a release whose notes are in"),
        (["--like", "25.01=nil"], "nil: cannot be read: No such file or directory"),
        (["-o", "."], "--output: '.' is there already"),
    ],
)
def test_wrong_options_of_a_scaffold_are_told(run, notes, options, said):
    answer = run("notes", "scaffold", notes["old"], *options)
    assert answer.code == 2
    assert answer.complaint.startswith(said)


def test_notes_without_a_release_in_their_title_ask_for_it(run, project):
    path = project.add("new.md", "## Known Issues\n- x\n")
    answer = run("notes", "check", str(path))
    assert answer.code == 2
    assert answer.complaint == (
        f"{path}:1: the title names no release; next: name it with --release YY.MM"
    )
    answer = run("notes", "check", str(path), "--release", "24.10")
    assert answer.complaint == (
        "--release: releases/ has no notes of 24.10; next: begin them with triton-claims notes "
        f"scaffold {path} --release 24.10"
    )
