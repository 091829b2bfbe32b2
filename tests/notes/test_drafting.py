"""A claim begun at a note: which files change, and how."""

from __future__ import annotations

import re

import pytest

from triton_claims.errors import InputError
from triton_claims.notes.catalogue import Kind
from triton_claims.notes.drafting import check_text, draft_claim
from triton_claims.notes.tomlfile import parsed_toml

SENTENCE = 'A "cow" is purple all over.'


def drafted(project, **changed):
    given = {
        "kind": Kind.FIX,
        "note": "25.01:known issues:1",
        "area": "animals",
        "statement": SENTENCE,
        **changed,
    }
    return draft_claim(project.root, "cows-purple", **given)


@pytest.mark.parametrize(
    ("note", "index", "claims"),
    [
        ("25.01:features:1", 0, ["cats-faster", "cows-purple"]),
        ("25.01:known issues:1", 1, ["dogs-no-tail", "cats-faster", "cows-purple"]),
        ("25.01:known issues:1.1", 2, ["dogs-no-tail", "cows-purple"]),
    ],
)
def test_the_claim_is_added_to_its_note_alone(project, note, index, claims):
    before = [each["claims"] for each in parsed_toml(project.new.read_text())["note"]]
    path, text = drafted(project, note=note).release
    after = [each["claims"] for each in parsed_toml(text)["note"]]
    assert path == project.new
    assert after == [claims if at == index else each for at, each in enumerate(before)]


@pytest.mark.parametrize(
    ("kind", "since"),
    [
        (Kind.FIX, "2.54.0"),
        (Kind.KNOWN_ISSUE, "2.54.0"),
        (Kind.GUIDANCE, None),
        (Kind.REQUIREMENT, None),
    ],
)
def test_the_entry_is_at_the_catalogues_end_and_holds_since_the_release(project, kind, since):
    entries = parsed_toml(drafted(project, kind=kind).catalogue[1])["claim"]
    assert [each["id"] for each in entries] == ["cats-faster", "dogs-no-tail", "cows-purple"]
    assert entries[-1] == {
        "id": "cows-purple",
        "kind": str(kind),
        "statement": SENTENCE,
        **({"since": since} if since else {}),
        "needs": [],
        "sources": ["notes 25.01, known issues 1"],
    }


def test_a_check_that_is_there_is_not_written_over(project):
    there = project.add("suites/animals/test_cows_purple.py", "")
    with pytest.raises(InputError) as problem:
        drafted(project)
    assert str(problem.value) == (
        f"ID: found {there}, which would be written over; next: move it, or choose another id"
    )


@pytest.mark.parametrize("statement", ["", " ", "One\nline and another."])
def test_a_statement_is_one_line(project, statement):
    with pytest.raises(InputError, match="--statement: expected one sentence"):
        drafted(project, statement=statement)


def test_a_docstring_breaks_no_word():
    statement = (
        "The server answers quickly whenever models are asked, and it never does so in a "
        "slow-motion-like-manner at all."
    )
    (said,) = re.findall(r'    """(The .*?)"""', check_text("a-b", Kind.FIX, statement), re.DOTALL)
    assert " ".join(said.split()) == statement
