"""``triton-claims list`` with filters, and ``show``."""

from __future__ import annotations

import json

import pytest
from verdicts.samples import cell, ledger, write

pytestmark = pytest.mark.usefixtures("project")

ACCEPTANCES = """\
[[acceptance]]
claim = "cats-faster"
verdict = "refuted"
target = "wheel:*"
reason = "the cat is old, as cats of that release are"
link = "https://example.com/cat"
date = "2025-02-14"
"""


@pytest.mark.parametrize(
    ("options", "claims"),
    [
        ((), ["cats-faster", "dogs-no-tail"]),
        (("dogs-*",), ["dogs-no-tail"]),
        (("--kind", "fix"), []),
        (("--kind", "fix", "--kind", "feature"), ["cats-faster"]),
        (("--area", "animals"), ["cats-faster"]),
        (("--needs", "gpu"), ["dogs-no-tail"]),
        (("--checked",), ["cats-faster"]),
        (("--unchecked",), ["dogs-no-tail"]),
        (("cats-*", "--unchecked"), []),
    ],
)
def test_filters(run, options, claims):
    answer = run("list", "--json", *options)
    assert (answer.code, answer.err) == (0, "")
    assert [each["id"] for each in json.loads(answer.out)["claims"]] == claims


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--area", "plants"), "--area: found 'plants', expected one of animals"),
        (("--needs", "gpus"), "--needs: found 'gpus', expected one of gpu"),
        (("cat-faster",), "CLAIM: 'cat-faster' matches no claim: did you mean cats-faster"),
        (("x",), "CLAIM: 'x' matches no claim: `triton-claims list` has all"),
        (("--checked", "--unchecked"), "argument --unchecked: not allowed with argument --checked"),
    ],
)
def test_a_filter_that_could_let_nothing_through_is_refused(run, options, complaint):
    answer = run("list", *options)
    assert answer.code == 2
    assert answer.complaint.startswith(complaint)


def test_show_tells_all(run, project, tmp_path):
    project.add("releases/acceptances.toml", ACCEPTANCES)
    path = write(tmp_path / "ledger.jsonl", ledger(cell(reason="as\nseen")))
    answer = run("show", "cats-faster", "--ledger", str(path))
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines() == [
        "cats-faster",
        "  A cat is faster than it was.",
        "",
        "kind      feature",
        "holds in  since 2.54.0",
        "needs     nothing",
        "check     suites/animals/test_cats.py:5 test_cats",
        "",
        "sources",
        "  - notes 25.01, features 1",
        "",
        "notes",
        "  - 25.01, features 1",
        "  - 25.01, known issues 1",
        "",
        "accepted",
        "  - refuted on wheel:*, every version: the cat is old, as cats of that release are",
        "    (https://example.com/cat, 2025-02-14)",
        "",
        "verdicts",
        "  - wheel:24.10 cpu grpc: confirmed: as seen",
    ]


def test_show_as_json_of_a_claim_without_a_check(run, tmp_path):
    path = write(tmp_path / "ledger.jsonl", ledger(cell()))
    told = json.loads(run("show", "dogs-no-tail", "--json", "--ledger", str(path)).out)
    assert (told["check"], told["verdicts"], told["until"]) == (None, [], "2.54.0")
    assert {"release": "25.01", "section": "known issues", "position": 1, "parent": 1} in (
        told["notes"]
    )


def test_show_wants_one_claim(run):
    answer = run("show", "*")
    assert (answer.code, answer.complaint) == (
        2,
        "CLAIM: '*' matches cats-faster, dogs-no-tail: name one",
    )
    assert "did you mean dogs-no-tail" in run("show", "dog-no-tail").complaint
