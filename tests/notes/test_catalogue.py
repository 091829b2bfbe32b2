from __future__ import annotations

import json

import pytest

from triton_claims.errors import BrokenError, InputError
from triton_claims.notes import structure
from triton_claims.notes.catalogue import Kind, load_catalogue
from triton_claims.notes.structure import schema_path
from triton_claims.notes.versions import ServerVersion


def load_error(project):
    with pytest.raises(InputError) as caught:
        load_catalogue(project.claims)
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


def test_the_catalogue_is_a_mapping_in_the_files_order(project):
    catalogue = load_catalogue(project.claims)
    assert list(catalogue) == ["cats-faster", "dogs-no-tail"]
    assert len(catalogue) == 2
    dogs = catalogue["dogs-no-tail"]
    assert dogs.kind is Kind.KNOWN_ISSUE
    assert f"{dogs.kind}" == "known-issue"
    assert dogs.versions.describe() == "2.47.0 to 2.54.0"
    assert ServerVersion(2, 47, 0) in dogs.versions
    assert dogs.needs == ("gpu",)
    assert dogs.sources == ("notes 25.01, known issues 1",)
    assert dogs.line == 9


def test_the_schema_knows_the_same_kinds():
    schema = json.loads(schema_path("claims").read_text())
    kinds = schema["$defs"]["claim"]["properties"]["kind"]["enum"]
    assert kinds == [kind.value for kind in Kind]


def test_a_duplicate_id_is_refused(project):
    line = project.replace(project.claims, '"dogs-no-tail"', '"cats-faster"')
    assert load_error(project) == (
        f"{project.claims}:{line}: claim#2.id: found 'cats-faster', which the claim in line 1 has "
        "already"
    )


def test_a_range_that_ends_before_it_starts_is_refused(project):
    line = project.replace(project.claims, 'since = "2.47.0"', 'since = "2.55.0"')
    assert load_error(project) == (
        f"{project.claims}:{line}: claim#2.since: since 2.55.0 is newer than until 2.54.0, "
        "expected the first and the last version in which it holds"
    )


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (
            '"known-issue"',
            '"rumour"',
            "claim#2.kind: found 'rumour', expected one of: feature, fix,",
        ),
        ('"2.47.0"', '"soon"', "claim#2.since: found 'soon', expected the first server version"),
        ('until = "2.54.0"', "until = 2.54", "claim#2.until: found 2.54, expected the LAST server"),
        ('["gpu"]', '["gpu", "luck"]', "claim#2.needs#2: found 'luck', expected one of: gpu, gpu:"),
        ('id = "dogs-no-tail"', 'id = "Dogs"', "claim#2.id: found 'Dogs', expected the claim's id"),
        (
            "no tail.",
            "no tail",
            "claim#2.statement: found 'A dog of this release has no tail'",
        ),
        (
            "A dog",
            "Woof. A dog",
            "claim#2.statement: found 'Woof. A dog",
        ),
        ('["notes 25.01, known issues 1"]', "[]", "claim#2.sources: found an empty list, expected"),
        ('needs = ["gpu"]', "", "claim#2: found no key needs, expected what deciding it takes"),
        (
            'needs = ["gpu"]',
            'need = ["gpu"]',
            "claim#2.need: found an unknown key, expected one of",
        ),
    ],
)
def test_a_fault_is_told_with_line_key_and_reason(project, old, new, reason):
    line = project.replace(project.claims, old, new)
    text = load_error(project)
    expected = 9 if "claim#2: found no key" in text else line
    assert text.startswith(f"{project.claims}:{expected}: "), text
    assert reason in text


def test_an_empty_or_missing_catalogue_is_refused(project):
    project.claims.write_text("")
    assert "found no key claim, expected the claims" in load_error(project)
    project.claims.write_text("claim = []\n")
    assert "claim: found an empty list, expected the claims" in load_error(project)
    project.claims.unlink()
    assert load_error(project).startswith(f"{project.claims}:1: cannot be read: No such file")


def test_an_installation_without_its_schemas_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(structure, "_FOLDERS", (tmp_path / "a", tmp_path / "b"))
    with pytest.raises(
        BrokenError, match=r"the schema claims\.schema\.json is in none of"
    ) as caught:
        schema_path("claims")
    assert str(tmp_path / "b") in str(caught.value)


def test_the_value_of_a_claim_stands_in_its_statement(project):
    project.replace(project.claims, 'since = "2.47.0"', 'since = "2.47.0"\nvalue = "9.9"')
    assert "claim#2.value: found '9.9', which is not in the statement" in load_error(project)
