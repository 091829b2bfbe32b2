from __future__ import annotations

import pytest
from notes.conftest import Project
from verdicts.samples import cell

from triton_claims.errors import InputError
from triton_claims.notes.knowledge import load_knowledge
from triton_claims.notes.versions import ServerVersion, VersionRange
from triton_claims.verdicts.acceptance import (
    Acceptance,
    acceptance_of,
    load_acceptances,
    stale_acceptances,
)
from triton_claims.verdicts.verdict import Verdict

FILE = """\
# looked into

[[acceptance]]
claim = "cats-faster"
verdict = "refuted"
target = "wheel:*"
since = "2.51.0"
until = "2.54.0"
reason = "The note forgets the old cats."
link = "https://example.org/cats/7"
date = "2025-02-14"
"""


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    project.acceptances = project.add("releases/acceptances.toml", FILE)
    return project


def load(project):
    return load_acceptances(load_knowledge(project.root))


def refusal(project):
    with pytest.raises(InputError) as caught:
        load(project)
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    assert text.startswith(f"{project.acceptances}:")
    return text[len(f"{project.acceptances}:") :]


def test_an_acceptance_is_read_with_its_place(project):
    (found,) = load(project)
    assert found == Acceptance(
        claim="cats-faster",
        verdict=Verdict.REFUTED,
        target="wheel:*",
        versions=VersionRange(ServerVersion(2, 51, 0), ServerVersion(2, 54, 0)),
        reason="The note forgets the old cats.",
        link="https://example.org/cats/7",
        date="2025-02-14",
        where=f"{project.acceptances}:3",
    )
    assert str(found) == (
        "The note forgets the old cats. (https://example.org/cats/7, accepted 2025-02-14)"
    )


def test_without_the_file_nothing_is_accepted(project):
    project.acceptances.unlink()
    assert load(project) == ()


@pytest.mark.parametrize("text", ["", "# none yet\n", "acceptance = []\n"])
def test_an_empty_file_accepts_nothing(project, text):
    project.acceptances.write_text(text)
    assert load(project) == ()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"cats-faster"', '"cows-purple"', "found 'cows-purple', expected the id of a claim"),
        ('"cats-faster"', '"dogs-no-tail"', "found 'dogs-no-tail', which has no check"),
        ('"cats-faster"', '"Cats!"', "found 'Cats!', expected the id of the claim"),
        ('"refuted"', '"confirmed"', "found 'confirmed', expected one of: refuted, premature"),
        ('"refuted"', '"blocked"', "found 'blocked', expected one of: refuted, premature, error"),
        ('"wheel:*"', '""', "found '', expected a glob of the targets"),
        ('"wheel:*"', "7", "found 7, expected a glob of the targets"),
        ('since = "2.51.0"', 'since = "2.51"', "found '2.51', expected the first server version"),
        ('since = "2.51.0"', 'since = "2.55.0"', "since 2.55.0 is newer than until 2.54.0"),
        ('since = "2.51.0"', 'since = "2.52.0"\nsinse = "2"', "found an unknown key"),
        ('"The note forgets the old cats."', '"because"', "found 'because', expected why this is"),
        ('"https://example.org/cats/7"', '"a friend"', "found 'a friend', expected where it was"),
        ('"2025-02-14"', '"2025-13-14"', "found '2025-13-14', expected the day it was accepted"),
        ('"2025-02-14"', '"2025-02-31"', "found '2025-02-31', expected a day of the calendar"),
        ('"2025-02-14"', "2025-02-14", "found 2025-02-14, expected the day it was accepted"),
        ('"2025-02-14"', '"2025-02-14', "found no valid TOML"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(project, old, new, told):
    line = project.replace(project.acceptances, old, new)
    if "sinse" in new:
        line += 1
    found = refusal(project)
    assert found.startswith(f"{line}: ")
    assert told in found


def test_a_range_without_a_release_is_refused(project):
    project.replace(project.acceptances, 'since = "2.51.0"', 'since = "2.52.0"')
    line = project.replace(project.acceptances, 'until = "2.54.0"', 'until = "2.53.0"') - 1
    assert refusal(project) == (
        f"{line}: acceptance#1.since: found 2.52.0 to 2.53.0, in which there is no release"
    )


@pytest.mark.parametrize(
    "key", ["claim", "verdict", "target", "reason", "link", "date"], ids=lambda key: key
)
def test_a_missing_key_is_told(project, key):
    lines = [line for line in FILE.splitlines() if not line.startswith(f"{key} =")]
    project.acceptances.write_text("\n".join(lines) + "\n")
    assert refusal(project).startswith(f"3: acceptance#1: found no key {key}, expected ")


def test_the_same_acceptance_twice_is_refused(project):
    again = FILE.removeprefix("# looked into\n").replace("forgets", "ignores")
    project.acceptances.write_text(FILE + again)
    assert refusal(project) == "14: acceptance#2.claim: found the acceptance in line 3 again"
    project.acceptances.write_text(FILE + again.replace('"refuted"', '"error"'))
    assert len(load(project)) == 2


def test_other_tables_and_other_shapes_are_refused(project):
    project.acceptances.write_text("[accepted]\n")
    assert refusal(project).startswith("1: accepted: found an unknown key")
    project.acceptances.write_text("acceptance = 3\n")
    assert refusal(project) == "1: acceptance: found 3, expected a list of [[acceptance]] tables"
    project.acceptances.write_bytes(b"\n\xff")
    assert refusal(project).startswith("2: found the byte 0xff")
    project.acceptances.unlink()
    project.acceptances.mkdir()
    assert refusal(project) == "1: cannot be read: Is a directory"


def acceptance(**different):
    since, until = (
        ServerVersion.parse(different.pop(end)) if end in different else None
        for end in ("since", "until")
    )
    return Acceptance(
        **{
            "claim": "cats-faster",
            "verdict": Verdict.REFUTED,
            "target": "wheel:24.10",
            "versions": VersionRange(since, until),
            "reason": "The note forgets the old cats.",
            "link": "https://example.org/cats/7",
            "date": "2025-02-14",
            "where": "acceptances.toml:3",
            **different,
        }
    )


REFUTED = {"verdict": Verdict.REFUTED}


@pytest.mark.parametrize(
    ("accepted", "staged", "concerns", "covers"),
    [
        ({}, REFUTED, True, True),
        ({}, {"verdict": Verdict.CONFIRMED}, True, False),
        ({}, {"verdict": Verdict.PREMATURE}, True, False),
        ({"verdict": Verdict.ERROR}, {"verdict": Verdict.ERROR}, True, True),
        ({}, {**REFUTED, "claim": "cats-faster-still"}, False, False),
        ({}, {**REFUTED, "target": "wheel:24.1"}, False, False),
        ({}, {**REFUTED, "gpu": "gpu0", "protocol": None}, True, True),
        ({"target": "wheel:*"}, REFUTED, True, True),
        ({"target": "wheel:24.?0"}, REFUTED, True, True),
        ({"target": "ngc:*"}, REFUTED, False, False),
        ({"target": "WHEEL:*"}, REFUTED, False, False),
        ({"since": "2.51.0", "until": "2.51.0"}, REFUTED, True, True),
        ({"since": "2.52.0"}, REFUTED, False, False),
        ({"until": "2.50.0"}, REFUTED, False, False),
        # no server answered, or one that says nothing that is a version
        ({}, {**REFUTED, "server_version": None}, True, True),
        ({"since": "2.44.0"}, {**REFUTED, "server_version": None}, False, False),
        ({}, {**REFUTED, "server_version": "a cat"}, True, True),
        ({"since": "2.44.0"}, {**REFUTED, "server_version": "a cat"}, False, False),
        ({"since": "2.44.0"}, {**REFUTED, "server_version": "2.51.0dev"}, True, True),
    ],
)
def test_which_cells_an_acceptance_concerns_and_covers(accepted, staged, concerns, covers):
    assert acceptance(**accepted).concerns(cell(**staged)) is concerns
    assert acceptance(**accepted).covers(cell(**staged)) is covers


def test_the_first_acceptance_that_covers_a_cell_speaks_for_it():
    wrong, right = acceptance(verdict=Verdict.ERROR), acceptance()
    assert acceptance_of(cell(**REFUTED), [wrong, right, acceptance(target="*")]) is right
    assert acceptance_of(cell(), [wrong, right]) is None


def stale(accepted, *staged):
    told = stale_acceptances([acceptance(**accepted)], [cell(**each) for each in staged])
    head = "acceptances.toml:3: the acceptance of 'cats-faster' as "
    assert all(each.startswith(head) and each.endswith(": remove it") for each in told)
    return [each[len(head) : -len(": remove it")] for each in told]


@pytest.mark.parametrize(
    "staged",
    [
        [REFUTED],
        [],
        [{"claim": "dogs-no-tail"}],
        [{"target": "wheel:24.09"}],
        # nothing is known: neither that it still fits nor that it does not
        [{"verdict": Verdict.BLOCKED, "server_version": None}],
        [{"verdict": Verdict.UNDECIDED}],
        [{"verdict": Verdict.ERROR}],
        # over one protocol only, which an acceptance cannot say
        [REFUTED, {"verdict": Verdict.CONFIRMED, "protocol": "http"}],
    ],
)
def test_an_acceptance_that_fits_or_was_not_put_to_the_test_is_not_stale(staged):
    assert stale({}, *staged) == []
    assert stale({"since": "2.51.0"}, *staged) == []


@pytest.mark.parametrize("verdict", [Verdict.CONFIRMED, Verdict.BASELINE])
def test_an_acceptance_whose_cell_became_good_is_stale(verdict):
    told = f"refuted no longer fits: wheel:24.10 is {verdict.value}"
    assert stale({}, {"verdict": verdict}) == [told]
    assert stale({"target": "wheel:*"}, {"verdict": verdict}) == [told]
    on_both = [{"verdict": verdict, "protocol": protocol} for protocol in ("grpc", "http")]
    assert stale({}, *on_both) == [told]


def test_a_glob_is_stale_as_soon_as_one_of_its_targets_became_good():
    newer = {"target": "wheel:24.11", "verdict": Verdict.CONFIRMED}
    assert stale({"target": "wheel:*"}, REFUTED, newer) == [
        "refuted no longer fits: wheel:24.11 is confirmed"
    ]


def test_an_acceptance_of_another_verdict_than_was_found_is_stale():
    assert stale({}, {"verdict": Verdict.PREMATURE}) == [
        "refuted matches no cell: wheel:24.10 is premature"
    ]
    assert stale({"verdict": Verdict.ERROR}, REFUTED) == [
        "error matches no cell: wheel:24.10 is refuted"
    ]


def test_an_acceptance_of_other_versions_of_its_one_target_is_stale():
    assert stale({"since": "2.52.0"}, REFUTED) == ["refuted matches no cell"]


def test_a_glob_may_wait_for_servers_of_other_versions():
    assert stale({"target": "wheel:*", "since": "2.52.0"}, REFUTED) == []


def test_a_bounded_acceptance_waits_where_no_server_answered():
    nobody = {"verdict": Verdict.BLOCKED, "server_version": None}
    assert stale({"since": "2.52.0"}, nobody) == []
    assert stale({"since": "2.52.0"}, nobody, {**REFUTED, "protocol": "http"}) == [
        "refuted matches no cell"
    ]


def test_an_accepted_error_needs_no_server_version():
    broken = cell(verdict=Verdict.ERROR, server_version=None)
    accepted = acceptance(verdict=Verdict.ERROR)
    assert accepted.covers(broken)
    assert stale_acceptances([accepted], [broken]) == []
