from __future__ import annotations

import pytest

from triton_claims.errors import InputError
from triton_claims.notes.knowledge import load_knowledge


def load_error(project):
    with pytest.raises(InputError) as caught:
        load_knowledge(project.root)
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


def test_a_small_project_loads_without_schemas_of_its_own(project):
    knowledge = load_knowledge(project.root)
    assert knowledge.root == project.root
    assert list(knowledge.releases) == ["24.10", "25.01"]
    assert list(knowledge.catalogue) == ["cats-faster", "dogs-no-tail"]
    assert knowledge.checks["cats-faster"].function == "test_cats"


def test_a_note_without_claims_is_refused(project):
    project.replace(project.new, '["cats-faster"]', "[]")
    assert load_error(project) == (
        f"{project.new}:5: note#1.claims: found a note that maps to no claim; next: name the "
        "claims it maps to, or make one with triton-claims new-claim ID --kind KIND --note "
        "'25.01:features:1' --suite AREA, or tell in no_claim why it promises nothing that could "
        "be false"
    )


def test_a_note_may_tell_why_it_promises_nothing_in_place_of_claims(project):
    line = project.replace(project.new, '    "dogs-no-tail",\n    "cats-faster",\n', "")
    project.replace(project.new, "claims = [\n]", 'claims = []\nno_claim = "a mere introduction"')
    note = load_knowledge(project.root).releases["25.01"].notes[1]
    assert (note.claims, note.no_claim) == ((), "a mere introduction")
    project.replace(project.new, "claims = []", 'claims = ["dogs-no-tail"]')
    assert load_error(project) == (
        f"{project.new}:{line - 5}: note#2.no_claim: found it beside claims, expected one of the "
        "two"
    )


def test_a_slip_in_an_id_is_told_with_the_id_that_was_meant(project):
    project.replace(project.new, '["cats-faster"]', '["cats-fasster"]')
    assert load_error(project).endswith("in claims.toml; did you mean cats-faster?")


def test_a_note_that_maps_to_an_unknown_claim_is_refused(project):
    line = project.replace(project.new, '    "cats-faster"', '    "cows-purple"')
    assert load_error(project) == (
        f"{project.new}:{line}: note#2.claims: found 'cows-purple', expected the id of a claim in "
        "claims.toml"
    )


def test_a_claim_that_no_note_maps_is_refused(project):
    with project.claims.open("a") as file:
        file.write(
            '\n[[claim]]\nid = "cows-purple"\nkind = "fix"\n'
            'statement = "A cow is purple all over."\nneeds = []\n'
            'sources = ["said by a neighbour"]\n'
        )
    assert load_error(project) == (
        f"{project.claims}:18: claim#3.id: found 'cows-purple', which no note of any release "
        "maps to; next: add it to the claims of its note in a release's file"
    )


def test_a_check_of_an_unknown_claim_is_refused(project):
    project.replace(project.check, "cats-faster", "cows-purple")
    assert load_error(project) == (
        f"{project.check}:5: test_cats: found a check of 'cows-purple', expected the id of a claim "
        "in claims.toml"
    )


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        (
            "claims",
            '"dogs-no-tail"',
            '"cats-faster"',
            "found 'cats-faster', which the claim in line",
        ),
        ("claims", '"known-issue"', '"rumour"', "kind: found 'rumour', expected one of: feature"),
        ("claims", '"2.47.0"', '"2.55.0"', "since 2.55.0 is newer than until 2.54.0"),
        ("new", '"25.01"', '"25.02"', "found '25.02', expected '25.01' as the file's name says"),
        ("new", '"25.01"', '"24.10"', "found '24.10', which 24.10.toml has already"),
        ("new", '"2.54.0"', '"2.51.0"', "found '2.51.0', which 24.10.toml has already"),
        ("check", "def test_cats():", "def test_cats(:", "found no valid Python"),
    ],
)
def test_what_one_file_alone_shows_is_refused_too(project, file, old, new, reason):
    path = getattr(project, file)
    line = project.replace(path, old, new)
    text = load_error(project)
    assert text.startswith(f"{path}:{line}: ")
    assert reason in text


def test_a_root_without_releases_is_refused(tmp_path):
    with pytest.raises(InputError, match="found no release, expected files such as") as caught:
        load_knowledge(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / "releases"))
