from __future__ import annotations

from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from report.staged_runs import KILLED, MIXED
from verdicts.samples import HEADER, cell, ledger

from triton_claims.report.junit import junit_xml
from triton_claims.verdicts.cell import Piece
from triton_claims.verdicts.verdict import Verdict


def suite_of(ledger):
    text = junit_xml(ledger)
    assert text.startswith("<?xml version='1.0' encoding='utf-8'?>")
    (suite,) = ET.fromstring(text)  # noqa: S314 - our own
    return suite


@pytest.mark.parametrize("ledger", [MIXED, KILLED])
def test_the_counts_are_those_of_the_cases(ledger):
    suite = suite_of(ledger)
    found = Counter(outcome.tag for case in suite for outcome in case)
    assert int(suite.get("tests")) == len(suite)
    for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.get(count)) == found[tag]


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (Verdict.CONFIRMED, None),
        (Verdict.BASELINE, None),
        (Verdict.REFUTED, "failure"),
        (Verdict.PREMATURE, "failure"),
        (Verdict.BLOCKED, "skipped"),
        (Verdict.UNDECIDED, "error"),
        (Verdict.ERROR, "error"),
    ],
)
def test_the_outcome_of_a_cell(verdict, outcome):
    (case, *_) = suite_of(ledger(cell(verdict=verdict), cell(protocol="http")))
    assert [each.tag for each in case] == [*filter(None, [outcome]), "system-out"]
    assert case.attrib == {
        "classname": "cats-faster",
        "name": "wheel:24.10-cpu-grpc",
        "time": "1.250",
    }


@pytest.mark.parametrize("verdict", [Verdict.REFUTED, Verdict.PREMATURE, Verdict.ERROR])
def test_an_accepted_cell_is_skipped_with_its_reason(verdict):
    accepted = cell(verdict=verdict, accepted="The note is wrong.", reason="no tail")
    case = suite_of(ledger(accepted, cell(protocol="http")))[0]
    assert case[0].tag == "skipped"
    assert case[0].get("message") == f"{verdict.value}, accepted: The note is wrong.: no tail"


def test_whatever_a_ledger_holds_the_document_is_xml():
    every = "".join(map(chr, [*range(0x300), *range(0xD7F0, 0xE010), *range(0xFFF0, 0x10010)]))
    strange = cell(
        **dict.fromkeys(("claim", "target", "gpu", "reason", "reproduce"), every),
        verdict=Verdict.REFUTED,
        evidence=(Piece(every, "]]> <![CDATA[ &amp; <x>"),),
    )
    header = {**HEADER, "started": every, "release": {"container": every, "server": every}}
    suite = suite_of(replace(ledger(strange), header=header))
    output = suite.find("testcase/system-out")
    assert output is not None
    assert "]]> <![CDATA[ &amp; <x>" in output.text
    assert "\N{REPLACEMENT CHARACTER}" in output.text
    assert "\x7f" in output.text  # XML can hold this one


def test_a_run_that_was_cut_off_is_no_good_run():
    case = suite_of(KILLED)[-1]
    assert (case.get("classname"), case.get("name"), case[0].tag) == ("run", "outcome", "error")
    assert case[0].get("message", "").startswith("truncated: it has no footer")


def test_a_run_that_fails_for_more_than_its_cells_says_so():
    stale = suite_of(ledger(cell(), failures=["acceptances.toml:3: remove it"]))
    assert stale[-1][0].get("message") == "acceptances.toml:3: remove it"
    assert suite_of(ledger())[-1][0].get("message") == "nothing was decided"


def test_a_run_that_fails_for_its_cells_is_not_counted_twice():
    suite = suite_of(ledger(cell(verdict=Verdict.REFUTED)))
    assert (len(suite), suite.get("failures"), suite.get("errors")) == (1, "1", "0")


def test_a_good_run_is_good():
    suite = suite_of(ledger(cell()))
    assert [suite.get(count) for count in ("tests", "failures", "errors", "skipped")] == list(
        "1000"
    )
