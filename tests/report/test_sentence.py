from __future__ import annotations

from dataclasses import replace

import pytest
from report.staged_runs import KILLED
from verdicts.samples import HEADER, UNCHECKED, cell, ledger

from triton_claims.report.sentence import count, expectation_words, sentences
from triton_claims.verdicts.ledger import Ledger
from triton_claims.verdicts.verdict import Expectation, Verdict


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("2.51.0", "is Triton 2.51.0, older than the 2.54.0 of 25.01: "),
        ("2.54.0", "is Triton 2.54.0, the server of 25.01 itself: "),
        ("2.55.1", "is Triton 2.55.1, newer than the 2.54.0 of 25.01: "),
        ("a cat", "is Triton a cat, whose relation to the 2.54.0 of 25.01 is unknown: "),
    ],
)
def test_how_old_a_target_is(version, told):
    first, _ = sentences(ledger(cell(server_version=version)))
    assert first.startswith(f"wheel:24.10 {told}")


def test_a_target_without_an_answer():
    nobody = cell(server_version=None, expectation=None, verdict=Verdict.BLOCKED)
    assert list(sentences(ledger(nobody))) == [
        "wheel:24.10: no server answered; nothing is known of it.",
        "The run fails: nothing was decided.",
    ]


def test_a_run_without_cells_has_no_targets_to_tell_of():
    assert list(sentences(ledger())) == ["The run fails: nothing was decided."]


def test_targets_come_in_the_order_of_the_command_line():
    told = ledger(cell(target="x:y"), cell(target="install:/opt/tritonserver"), cell())
    assert [sentence.split()[0] for sentence in sentences(told)] == [
        "wheel:24.10",
        "install:/opt/tritonserver",
        "x:y",
        "The",
    ]


def test_tools_are_told_of_as_tools():
    tools = {"genai-perf": "0.0.10", "perf-analyzer": "2.53.0"}
    target = {"target": "genai-perf:x", "server_version": None, "sha256": "5" * 64, "tools": tools}
    cells = [
        cell(target="genai-perf:x", server_version="2.54.0"),
        cell(target="genai-perf:x", server_version="2.53.0", verdict=Verdict.BASELINE),
    ]
    told = ledger(*cells)
    first, _ = sentences(replace(told, header={**told.header, "targets": [target]}))
    assert first == (
        "genai-perf:x is genai-perf 0.0.10 with perf-analyzer 2.53.0: what is claimed of other "
        "versions alone must be absent there, and is (1 cell baseline); what is claimed of it "
        "holds (1 cell)."
    )


def test_claims_that_need_a_look_are_named_once():
    refuted = [cell(verdict=Verdict.REFUTED, protocol=protocol) for protocol in ("grpc", "http")]
    first, _ = sentences(ledger(*refuted))
    assert first.count("cats-faster") == 1
    assert "what is claimed of it does NOT hold: cats-faster." in first


@pytest.mark.parametrize(
    ("told", "last"),
    [
        (ledger(cell()), "The run passes."),
        (
            ledger(cell(), unchecked=[UNCHECKED]),
            "The run passes. 1 claim of the release has no check yet.",
        ),
        (
            ledger(cell(), unchecked=[UNCHECKED, UNCHECKED]),
            "The run passes. 2 claims of the release have no check yet.",
        ),
        (
            ledger(cell(), complete=False, interrupted="ended by SIGTERM"),
            "The run is truncated: ended by SIGTERM.",
        ),
        (
            Ledger(HEADER, (cell(),)),
            "The run is truncated: it has no footer, the run was killed.",
        ),
        (
            KILLED,
            (
                "The run is truncated: it has no footer, the run was killed in the middle of a "
                "line. 1 claim of the release has no check yet."
            ),
        ),
    ],
)
def test_the_run_as_a_whole(told, last):
    assert list(sentences(told))[-1] == last


def test_words_for_a_table():
    assert count(1, "cell") == "1 cell"
    assert count(0, "cell") == "0 cells"
    assert expectation_words(cell()) == "holds"
    assert expectation_words(cell(expectation=Expectation.ABSENT)) == "absent"
    assert expectation_words(cell(expectation=None)) == "?"
