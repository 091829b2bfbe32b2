"""The steps of CONTRIBUTING.md on a made-up release, in a copy of the project, with mistakes."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from triton_claims.errors import BrokenError
from triton_claims.notes.digest import note_digest

ROOT = Path(__file__).resolve().parents[2]
OLD = """\
# Cats Release 25.01

## Known Issues

- Kettles are not restarted once they are cold.
- Lids of kettles may be lost between two releases when these are moved.
"""
NEW = """\
# Cats Release 25.03

## Known Issues

- Kettles are not restarted once they are cold.
- Kettles whistle before the water boils.
- Lids of kettles may be lost between two releases whenever they are moved.
"""
STATEMENT = "A kettle whistles before its water boils."


def documented_commands():
    """The commands of the section, by their first words."""
    text = (ROOT / "CONTRIBUTING.md").read_text().partition("## Adding a release")[2]
    lines = re.findall(r"^\$ triton-claims (.*)$", text, re.MULTILINE)
    return {" ".join(line.split()[:2]): shlex.split(line) for line in lines}


class Copy:
    """A copy of the project's data and checks, in which a newcomer works."""

    def __init__(self, root, run):
        self.root, self.run = root, run
        self.commands = documented_commands()
        self.release = root / "releases" / "25.03.toml"
        self.claims = root / "releases" / "claims.toml"
        self.check = root / "suites" / "startup" / "test_kettle_whistles.py"

    def step(self, name):
        return self.run(*self.commands[name])

    def complaint(self, *argv):
        answer = self.run(*(argv or ("list", "--release", "25.03")))
        assert answer.code == 2, answer
        return answer.complaint

    def edit(self, path, old, new):
        text = path.read_text()
        assert text.count(old) == 1, (path, old, text.count(old))
        path.write_text(text.replace(old, new))

    def map_note(self, text, claims):
        digest = f'digest = "{note_digest(text)}"\n'
        found = re.search(re.escape(digest) + r"claims = \[.*\]\n", self.release.read_text())
        self.edit(self.release, found[0], f"{digest}claims = {claims}\n")


@pytest.fixture
def copy(tmp_path, monkeypatch, run):
    for folder in ("releases", "suites"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    (tmp_path / "old.md").write_text(OLD)
    (tmp_path / "new.md").write_text(NEW)
    # Texts of upstream are not ours to have, so the copy's 25.01 has two notes of ours as well.
    with (tmp_path / "releases" / "25.01.toml").open("a") as file:
        for position, text, claim in (
            (901, "Kettles are not restarted once they are cold.", "python-no-restart"),
            (
                902,
                "Lids of kettles may be lost between two releases when these are moved.",
                "torch-tensorrt-drift",
            ),
        ):
            file.write(
                f'\n[[note]]\nsection = "known issues"\nposition = {position}\n'
                f'digest = "{note_digest(text)}"\nclaims = ["{claim}"]\n'
            )
    monkeypatch.chdir(tmp_path)
    return Copy(tmp_path, run)


def test_a_release_is_added_by_the_documented_steps_whatever_goes_wrong(copy):
    assert list(copy.commands) == [
        "notes diff",
        "notes scaffold",
        "new-claim kettle-whistles",
        "notes check",
    ]

    # before anything is there
    answer = copy.step("notes check")
    assert answer.code == 2
    assert answer.complaint.endswith(
        "next: begin them with triton-claims notes scaffold new.md --release 25.03"
    )
    early = copy.step("new-claim kettle-whistles")
    assert early.complaint.endswith(
        "next: begin it with triton-claims notes scaffold FILE --release 25.03"
    )

    answer = copy.step("notes diff")
    assert (answer.code, "appeared: known issues 2 (line 6)" in answer.out) == (0, True)
    answer = copy.step("notes scaffold")
    assert (answer.code, "4 notes, 2 with the claims of older" in answer.out) == (0, True)

    # the version is forgotten, and then the source
    line = f"{copy.release}:8: server: found what is still to be written; next: write the version"
    assert copy.complaint().startswith(line)
    copy.edit(copy.release, 'server = "TO BE WRITTEN"', 'server = "2.54.0"')
    assert "next: write where the versions are known from" in copy.complaint()
    copy.edit(copy.release, "TO BE WRITTEN: where the two versions are known from", "made up")
    assert "found '2.54.0', which 25.01.toml has already" in copy.complaint()
    copy.edit(copy.release, 'server = "2.54.0"', 'server = "2.56.0"')

    # a note is not mapped
    said = copy.complaint()
    assert said.startswith(f"{copy.release}:14: note#1.claims: found a note that maps to no claim")
    assert "triton-claims new-claim ID --kind KIND --note '25.03:title:1' --suite AREA" in said
    copy.map_note("Cats Release 25.03", '["server-versoin"]')
    assert copy.complaint().endswith("in claims.toml; did you mean server-version?")
    copy.map_note("Cats Release 25.03", '["server-version"]')
    assert "--note '25.03:known issues:2'" in copy.complaint()


def test_a_claim_and_its_check_are_begun_and_finished(copy):
    copy.step("notes scaffold")
    copy.edit(copy.release, 'server = "TO BE WRITTEN"', 'server = "2.56.0"')
    copy.edit(copy.release, "TO BE WRITTEN: where the two versions are known from", "made up")
    copy.map_note("Cats Release 25.03", '["server-version"]')

    # the wrong place, the wrong note, an id that is taken or is none
    new = copy.commands["new-claim kettle-whistles"]
    untouched = copy.claims.read_bytes(), copy.release.read_bytes()
    for argument, wrong, said in (
        ("startup", "startpu", "--suite: found 'startpu', expected a folder of suites/: "),
        (
            "25.03:known issues:2",
            "25.03:known issues:7",
            "--note: found no such note in 25.03.toml",
        ),
        (
            "25.03:known issues:2",
            "25.03",
            "--note: found '25.03', expected RELEASE:SECTION:POSITION",
        ),
        ("kettle-whistles", "Kettle_whistles", "ID: found 'Kettle_whistles', expected an id of"),
        ("kettle-whistles", "python-no-restart", f"{copy.claims}:"),
        ("known-issue", "bug", "argument --kind: invalid choice: 'bug'"),
    ):
        complaint = copy.complaint(*(wrong if each == argument else each for each in new))
        assert complaint.startswith(said)
    taken = copy.complaint(
        *("python-no-restart" if each == "kettle-whistles" else each for each in new)
    )
    assert "which is a claim already; next: choose another id, or" in taken
    assert (copy.claims.read_bytes(), copy.release.read_bytes()) == untouched

    answer = copy.step("new-claim kettle-whistles")
    assert answer.code == 0
    assert "next: write its statement, in the catalogue and as the docstring" in answer.out
    check = runpy.run_path(str(copy.check))["test_kettle_whistles"]
    with pytest.raises(BrokenError, match=r"not written yet, and says nothing of 2\.56\.0"):
        check(SimpleNamespace(version="2.56.0"), SimpleNamespace(step=nullcontext))

    # the statement is forgotten, then written in one of its two places
    said = copy.complaint()
    assert "the claim 'kettle-whistles' is still to be written; next: write here one" in said
    open_statement = "TO BE WRITTEN: one sentence of our own that is true or false of a server."
    copy.edit(copy.claims, open_statement, STATEMENT)
    answer = copy.step("notes check")
    assert answer.code == 1
    assert re.search(
        r"test_kettle_whistles\.py:11: test_kettle_whistles: found a docstring that is not the "
        r"statement of 'kettle-whistles'; next: copy that from .*claims\.toml:\d+, word for word",
        answer.out,
    )
    copy.edit(copy.check, open_statement, STATEMENT)
    assert copy.step("notes check").code == 0

    # a digest is wrong
    digest = note_digest("Kettles whistle before the water boils.")
    copy.edit(copy.release, digest, note_digest("something else"))
    answer = copy.step("notes check")
    assert answer.code == 1
    assert f"changed: known issues 2 (line 6, 6 words, now {digest}, 25.03.toml:" in answer.out
    assert "next: give each of them its place, its digest and its claims in that file" in answer.out
    copy.edit(copy.release, note_digest("something else"), digest)

    # the check is at the wrong place: in a file that is not collected, in another function, gone
    helper = copy.check.rename(copy.check.with_name("kettles.py"))
    answer = copy.step("notes check")
    assert answer.code == 1
    assert (
        f"next: move the check to a file test_*.py, such as {helper.with_name('test_kettles.py')}"
        in answer.out
    )
    helper.rename(copy.check)
    copy.edit(copy.check, "def test_kettle_whistles", "def kettle_whistles")
    assert "found a claim mark elsewhere, expected it only as a decorator" in copy.complaint()
    copy.check.unlink()
    answer = copy.step("notes check")
    assert answer.code == 0
    assert "without a check, such as " in answer.out
    assert "next: write a function test_* in suites/ marked @pytest.mark.claim(" in answer.out
    assert "unchecked" in next(
        line
        for line in copy.run("list", "--release", "25.03").out.splitlines()
        if line.startswith("kettle-whistles ")
    )

    # a claim that no note has
    copy.edit(copy.release, '["kettle-whistles"]', '["python-no-restart"]')
    assert (
        "found 'kettle-whistles', which no note of any release maps to; next: add it to the claims "
        "of its note"
    ) in copy.complaint()


def test_a_claim_begun_with_its_statement_needs_its_check_alone(copy):
    copy.step("notes scaffold")
    copy.edit(copy.release, 'server = "TO BE WRITTEN"', 'server = "2.56.0"')
    copy.edit(copy.release, "TO BE WRITTEN: where the two versions are known from", "made up")
    copy.map_note("Cats Release 25.03", '["server-version"]')
    long = (
        f"{STATEMENT[:-1]}, and does so on every stove, in every house, whatever is in it or not."
    )
    new = copy.commands["new-claim kettle-whistles"]
    answer = copy.run(*new, "--statement", long)
    assert answer.out.splitlines()[-1] == "next: write its check"
    # A second one of the same note stands beside the first; comments of the file stay.
    second = ["kettle-whistles-on" if each == "kettle-whistles" else each for each in new]
    copy.run(*second, "--statement", f"{long[:-1]} at all.")
    text = copy.release.read_text()
    assert 'claims = ["kettle-whistles", "kettle-whistles-on"]\n' in text
    assert "# reworded, 0." in text
    assert copy.step("notes check").code == 0
    assert copy.run("list", "--release", "25.03").code == 0
