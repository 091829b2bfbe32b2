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
    assert [c for c, r in knowledge.releases.items() if r.notes] == ["24.10", "24.12", "25.01"]
    assert knowledge.releases.newest_with_notes().container == "25.01"


#: How many notes there are, by release, origin, section and parent.
COMMON = {
    ("release-notes", "title", None): 2,
    ("release-notes", "introduction", None): 1,
    ("release-notes", "container contents", None): 18,
    ("release-notes", "driver requirements", None): 3,
    ("release-notes", "gpu requirements", None): 2,
}
COUNTS = {
    "24.10": {
        **COMMON,
        ("release-notes", "key features", None): 1,
        ("release-notes", "known issues", None): 23,
        ("release-notes", "known issues", 23): 4,
    },
    "24.12": {
        **COMMON,
        ("release-notes", "key features", None): 3,
        ("release-notes", "known issues", None): 24,
        ("release-notes", "known issues", 23): 4,
    },
    "25.01": {
        **COMMON,
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
    },
}


@pytest.mark.parametrize("container", COUNTS)
def test_every_note_of_a_release_is_there(knowledge, container):
    notes = knowledge.releases[container].notes
    assert Counter((n.origin, n.section, n.parent) for n in notes) == COUNTS[container]
    for place, count in COUNTS[container].items():
        positions = [n.position for n in notes if (n.origin, n.section, n.parent) == place]
        assert positions == list(range(1, count + 1)), place


#: The known issues that 24.12 and 25.01 share, and those that 25.01 dropped: their places in both.
RECURRING = {4: 5, 5: 6, 6: 7, 7: 8, 9: 9, 10: 10, **{at: at - 1 for at in range(12, 24)}}
DROPPED = {1: 1, 2: 2, 3: 3, 8: 4, 11: 5, 24: 6}


def test_known_issues_that_recur_are_the_same_notes_with_the_same_claims(knowledge):
    older, newer = known_issues(knowledge, "24.12"), known_issues(knowledge, "25.01")
    gone = places(knowledge, "25.01", "no longer listed")
    assert {at: newer[older[at].digest].position for at in RECURRING} == RECURRING
    assert {at: gone[older[at].digest].position for at in DROPPED} == DROPPED
    assert len(RECURRING) == 18
    assert sorted([*RECURRING, *DROPPED]) == list(range(1, 25))
    for at in RECURRING:
        assert older[at].claims == newer[older[at].digest].claims, at


def test_24_12_lists_every_known_issue_of_24_10_at_its_place(knowledge):
    older, newer = known_issues(knowledge, "24.10"), known_issues(knowledge, "24.12")
    assert {at: (older[at].digest, older[at].claims) for at in range(1, 24)} == {
        at: (newer[at].digest, newer[at].claims) for at in range(1, 24)
    }


def test_one_note_has_one_meaning(knowledge):
    """The same words map to the same claims, in whichever release; dropped ones to their cure."""
    claims = {}
    for release in knowledge.releases.values():
        for note in release.notes:
            if note.section != "no longer listed":
                claims.setdefault(note.digest, set()).add(note.claims)
    assert [digest for digest, meanings in claims.items() if len(meanings) > 1] == []


def known_issues(knowledge, container):
    return places(knowledge, container, "known issues")


def places(knowledge, container, section):
    """The top-level notes of a section, by position and by digest."""
    notes = [
        note
        for note in knowledge.releases[container].notes
        if note.section == section and note.parent is None
    ]
    return {key: note for note in notes for key in (note.position, note.digest)}


def test_the_catalogue_has_every_kind_of_claim(knowledge):
    assert {claim.kind for claim in knowledge.catalogue.values()} == set(Kind)
    statements = Counter(claim.statement for claim in knowledge.catalogue.values())
    assert [statement for statement, count in statements.items() if count > 1] == []
    counts = {c: len(r.claims) for c, r in knowledge.releases.items() if r.notes}
    # 42 of them are asked of every release
    assert counts == {"24.10": 114, "24.12": 117, "25.01": 149}
    assert len(knowledge.catalogue) == 188


@pytest.mark.parametrize(
    ("claim", "kind", "described"),
    [
        ("server-version", Kind.PACKAGING, "every version"),
        ("correlation-id-string", Kind.FIX, "since 2.54.0"),
        ("correlation-id-dtype-string-to-integer", Kind.FEATURE, "since 2.54.0"),
        ("correlation-id-dtype-integer-to-string", Kind.FEATURE, "since 2.54.0"),
        ("python-no-restart", Kind.KNOWN_ISSUE, "since 2.47.0"),
        ("python-numpy2", Kind.FIX, "since 2.52.0"),
        ("python-numpy2-empty-tensors", Kind.KNOWN_ISSUE, "up to 2.53.0"),
        ("grpc-cancellation-at-completion", Kind.FIX, "since 2.53.0"),
        ("cuda-version-12-6-3", Kind.PACKAGING, "2.52.0 to 2.53.0"),
        ("genai-perf-exact-input-length", Kind.FEATURE, "since 2.53.0"),
        ("genai-perf-request-count", Kind.FEATURE, "since 2.53.0"),
        ("genai-perf-header", Kind.FEATURE, "since 2.54.0"),
    ],
)
def test_claims_that_others_build_on_keep_their_id_and_range(knowledge, claim, kind, described):
    found = knowledge.catalogue[claim]
    assert (found.kind, found.versions.describe()) == (kind, described)


@pytest.mark.parametrize("container", COUNTS)
def test_every_claim_of_a_release_is_expected_of_its_server(knowledge, container):
    release = knowledge.releases[container]
    claims = [knowledge.catalogue[claim] for claim in release.claims]
    assert [claim.id for claim in claims if release.server not in claim.versions] == []


def test_a_component_has_one_version_in_a_release(knowledge):
    """Two versions of one component are expected of one server only where its notes name both."""
    server = knowledge.releases["25.01"].server
    replaced = ("ubuntu", "python", "cuda", "cublas", "cudnn", "nccl", "tensorrt", "hpcx", "dali")
    for component in replaced:
        expected = [
            claim.id
            for claim in knowledge.catalogue.values()
            if claim.id.startswith(f"{component}-version") and server in claim.versions
        ]
        assert expected == [f"{component}-version"]


def test_a_note_with_several_promises_maps_to_each(knowledge):
    notes = {
        (n.section, n.position): n.claims
        for n in knowledge.releases["25.01"].notes
        if n.parent is None and n.origin == "release-notes"
    }
    assert notes["title", 1] == ("server-version",)
    assert len(notes["key features", 2]) == 3
    assert len(notes["known issues", 9]) == 5
    assert len(notes["known issues", 14]) == 4
    assert len(notes["known issues", 15]) == 2
    assert len(notes["known issues", 22]) == 4


@pytest.mark.parametrize("name", ["release", "claims", "every-release", "ceilings"])
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

    for key, part in {"": schema, **schema.get("$defs", {})}.items():
        assert part["description"]
        explained(part, (key,))


def test_every_data_file_names_its_schema_to_editors():
    for path in (ROOT / "releases").glob("*.toml"):
        if path.name != "acceptances.toml":
            name = (
                path.stem
                if path.stem in {"claims", "endpoints", "every-release", "images"}
                else "release"
            )
            assert path.read_text().startswith(f"#:schema ./schema/{name}.schema.json\n")
