from __future__ import annotations

from functools import partial

import pytest
from notes.test_bad_input import complaint, spoil

from triton_claims.errors import InputError
from triton_claims.notes.every_release import load_standing_claims
from triton_claims.notes.knowledge import load_knowledge

CLAIM = """
[[claim]]
id = "cows-no-slower"
kind = "requirement"
statement = "A cow is no slower than it was."
needs = []
sources = ["asked of every release"]
"""
ASKED = """\
[[asked]]
claim = "cows-no-slower"
reason = "who keeps cows wants to know"
"""


@pytest.fixture
def asking(project):
    """The project with a claim that no note maps to; gives the file that asks for it."""
    with project.claims.open("a", encoding="utf-8") as file:
        file.write(CLAIM)
    return project.add("releases/every-release.toml", ASKED)


def load_error(project):
    with pytest.raises(InputError) as caught:
        load_knowledge(project.root)
    return str(caught.value)


def test_releases_with_notes_have_it_after_the_claims_of_their_notes(project, asking):
    knowledge = load_knowledge(project.root)
    noted, silent = knowledge.releases["25.01"], knowledge.releases["24.10"]
    assert asking.exists()
    assert noted.claims == ("cats-faster", "dogs-no-tail", "cows-no-slower")
    assert silent.claims == ()
    assert [each.claim for each in knowledge.standing] == ["cows-no-slower"]
    assert noted.origin_of("cats-faster") == "features"
    assert noted.origin_of("cows-no-slower") == "asked of every release"


def test_a_claim_of_a_note_that_is_asked_of_every_release_too_counts_once(project, asking):
    before = load_knowledge(project.root).releases["25.01"].claims
    asking.write_text(ASKED + ASKED.replace("cows-no-slower", "cats-faster"), encoding="utf-8")
    assert load_knowledge(project.root).releases["25.01"].claims == before


def test_the_digest_of_the_notes_does_not_change(project):
    before = load_knowledge(project.root).releases["25.01"].notes_digest
    with project.claims.open("a", encoding="utf-8") as file:
        file.write(CLAIM)
    project.add("releases/every-release.toml", ASKED)
    assert load_knowledge(project.root).releases["25.01"].notes_digest == before


def test_an_unknown_claim_is_refused_with_its_place(project):
    path = project.add("releases/every-release.toml", ASKED)
    assert load_error(project) == (
        f"{path}:2: asked#1.claim: found 'cows-no-slower', expected the id of a claim in "
        "claims.toml"
    )


def test_a_claim_that_is_asked_twice_is_refused(project, asking):
    asking.write_text(ASKED + ASKED, encoding="utf-8")
    assert load_error(project) == (
        f"{asking}:5: asked#2.claim: found 'cows-no-slower', which stands in line 2 already"
    )


def test_spoilt_data_load_or_are_told_in_one_line_with_the_file(asking):
    valid = asking.read_bytes()
    complaints = []
    for case in range(200):
        asking.write_bytes(spoil(valid, case))
        told = complaint(partial(load_standing_claims, asking))
        if told is not None:
            complaints.append(told)
            assert told.startswith(f"{asking}:"), case
            assert len(told.splitlines()) == 1, case
    assert len(set(complaints)) > 40
