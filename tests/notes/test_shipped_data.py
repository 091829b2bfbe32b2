"""The data this project ships: complete, consistent, and of the shape the releases have."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from triton_claims.notes.catalogue import Kind
from triton_claims.notes.knowledge import load_knowledge
from triton_claims.notes.structure import schema_path
from triton_claims.notes.versions import ServerVersion

ROOT = Path(__file__).resolve().parents[2]
WHEELS = {
    "23.07": ("2.36.0", "0.3.1"),
    "23.10": ("2.39.0", "0.4.2"),
    "23.12": ("2.41.0", "0.5.0"),
    "24.01": ("2.42.0", "0.5.2"),
    "24.02": ("2.43.0", "0.5.3"),
    "24.03": ("2.44.0", "0.5.4"),
    "24.04": ("2.45.0", "0.5.7"),
    "24.05": ("2.46.0", "0.5.8"),
    "24.06": ("2.47.0", "0.5.9"),
    "24.07": ("2.48.0", "0.5.10"),
    "24.08": ("2.49.0", "0.5.11"),
    "24.09": ("2.50.0", "0.5.12"),
    "24.10": ("2.51.0", "0.7.0"),
}


@pytest.fixture(scope="module")
def knowledge():
    return load_knowledge(ROOT)


def test_each_wheel_is_paired_with_the_server_it_was_measured_to_carry(knowledge):
    wheels = {
        container: (str(release.server), release.wheel.version)
        for container, release in knowledge.releases.items()
        if release.wheel
    }
    assert wheels == WHEELS
    assert knowledge.releases.newest_with_wheel().container == "24.10"


def test_wheels_have_the_stubs_that_were_found_in_them(knowledge):
    for container, release in knowledge.releases.items():
        if release.wheel:
            minors = range(8, 14 if container == "24.10" else 13 if container >= "24.03" else 12)
            assert release.wheel.stubs == tuple(f"3.{minor}" for minor in minors)


def test_the_releases_between_the_wheels_and_25_01_are_there(knowledge):
    versions = {c: str(r.server) for c, r in knowledge.releases.items() if not r.wheel}
    assert versions == {"24.11": "2.52.0", "24.12": "2.53.0", "25.01": "2.54.0"}
    assert [c for c, r in knowledge.releases.items() if r.notes] == ["25.01"]
    assert knowledge.releases.newest_with_notes().container == "25.01"


def test_every_note_of_25_01_is_there(knowledge):
    notes = knowledge.releases["25.01"].notes
    counts = Counter((n.origin, n.section, n.parent) for n in notes)
    assert counts == {
        ("release-notes", "title", None): 2,
        ("release-notes", "introduction", None): 1,
        ("release-notes", "container contents", None): 18,
        ("release-notes", "driver requirements", None): 3,
        ("release-notes", "gpu requirements", None): 2,
        ("release-notes", "key features", None): 11,
        ("release-notes", "known issues", None): 22,
        ("release-notes", "known issues", 22): 4,
        ("release-notes", "no longer listed", None): 6,
        ("announcement", "overview", None): 2,
        ("announcement", "vllm", None): 1,
        ("announcement", "improvements", None): 1,
        ("announcement", "practices", None): 1,
        ("announcement", "windows", None): 2,
        ("announcement", "jetson", None): 1,
    }
    for place, count in counts.items():
        positions = [n.position for n in notes if (n.origin, n.section, n.parent) == place]
        assert positions == list(range(1, count + 1)), place


def test_the_catalogue_has_every_kind_of_claim(knowledge):
    assert len(knowledge.catalogue) == 100
    assert {claim.kind for claim in knowledge.catalogue.values()} == set(Kind)
    assert len({claim.statement for claim in knowledge.catalogue.values()}) == 100
    assert set(knowledge.releases["25.01"].claims) == set(knowledge.catalogue)


@pytest.mark.parametrize(
    ("claim", "kind", "described"),
    [
        ("server-version", Kind.PACKAGING, "every version"),
        ("correlation-id-string", Kind.FIX, "since 2.54.0"),
        ("correlation-id-dtype-string-to-integer", Kind.FEATURE, "since 2.54.0"),
        ("correlation-id-dtype-integer-to-string", Kind.FEATURE, "since 2.54.0"),
        ("python-no-restart", Kind.KNOWN_ISSUE, "since 2.47.0"),
        ("python-numpy2", Kind.FIX, "since 2.52.0"),
        ("genai-perf-exact-input-length", Kind.FEATURE, "since 2.53.0"),
        ("genai-perf-request-count", Kind.FEATURE, "since 2.53.0"),
        ("genai-perf-header", Kind.FEATURE, "since 2.54.0"),
    ],
)
def test_claims_that_others_build_on_keep_their_id_and_range(knowledge, claim, kind, described):
    found = knowledge.catalogue[claim]
    assert (found.kind, found.versions.describe()) == (kind, described)


def test_every_claim_of_25_01_is_expected_of_its_server(knowledge):
    server = ServerVersion(2, 54, 0)
    beyond = [c.id for c in knowledge.catalogue.values() if server not in c.versions]
    assert beyond == []


def test_a_note_with_several_promises_maps_to_each(knowledge):
    notes = {
        (n.section, n.position): n.claims
        for n in knowledge.releases["25.01"].notes
        if n.parent is None and n.origin == "release-notes"
    }
    assert notes["title", 1] == ("server-version",)
    assert len(notes["key features", 2]) == 3
    assert len(notes["known issues", 9]) == 3
    assert len(notes["known issues", 14]) == 4
    assert len(notes["known issues", 15]) == 2
    assert len(notes["known issues", 22]) == 4


@pytest.mark.parametrize("name", ["release", "claims"])
def test_a_schema_is_valid_and_explains_every_key(name):
    schema = json.loads(schema_path(name).read_text())
    Draft202012Validator.check_schema(schema)

    def explained(part, place):
        for key, inner in part.get("properties", {}).items():
            if "$ref" not in inner:
                assert inner.get("description"), (*place, key)
            explained(inner, (*place, key))
        if "items" in part and "$ref" not in part["items"]:
            assert part["items"].get("description"), place

    for key, part in {"": schema, **schema["$defs"]}.items():
        assert part["description"]
        explained(part, (key,))


def test_every_data_file_names_its_schema_to_editors():
    for path in (ROOT / "releases").glob("*.toml"):
        if path.name != "acceptances.toml":
            name = "claims" if path.name == "claims.toml" else "release"
            assert path.read_text().startswith(f"#:schema ./schema/{name}.schema.json\n")
