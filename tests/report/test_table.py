from __future__ import annotations

import pytest
from report.staged_runs import KILLED, MIXED
from verdicts.samples import HEADER, UNCHECKED, cell, ledger

from triton_claims.report.table import aligned, cost_line, counts_line, rows, table_lines
from triton_claims.verdicts.cell import Unchecked
from triton_claims.verdicts.ledger import Ledger
from triton_claims.verdicts.verdict import Verdict


def test_rows_follow_the_order_of_claims_then_targets_then_protocols():
    told = ledger(
        cell(claim="b", target="somewhere:else"),
        cell(claim="a", target="install:/opt/tritonserver"),
        cell(claim="a", protocol="http"),
        cell(claim="b", target="install:/opt/tritonserver"),
        cell(claim="a"),
        cell(claim="a", gpu="Gpu0"),
    )
    assert [(row[0], row[1], row[3], row[4]) for row in rows(told)] == [
        ("b", "install:/opt/tritonserver", "cpu", "grpc"),
        ("b", "somewhere:else", "cpu", "grpc"),
        ("a", "wheel:24.10", "Gpu0", "grpc"),
        ("a", "wheel:24.10", "cpu", "grpc"),
        ("a", "wheel:24.10", "cpu", "http"),
        ("a", "install:/opt/tritonserver", "cpu", "grpc"),
    ]


def test_counts_are_told_with_and_without_a_footer():
    whole = counts_line(MIXED)
    assert whole == (
        "1 confirmed, 2 refuted, 1 baseline, 1 premature, 1 blocked, 1 undecided, 1 error, "
        "1 accepted, 2 unchecked"
    )
    assert counts_line(Ledger(HEADER, MIXED.cells, MIXED.unchecked)) == whole
    assert counts_line(KILLED) == "1 confirmed, 1 unchecked"
    assert counts_line(Ledger(HEADER)) == "nothing"


@pytest.mark.parametrize(
    ("different", "told"),
    [
        ({}, "3 server starts (2 distinct servers and 1 fresh one that checks demanded), 12.3 s"),
        ({"server_starts": 1, "specifications": 1}, "1 server start (1 distinct server), 12.3 s"),
        ({"server_starts": 0, "specifications": 0}, "0 server starts (0 distinct servers), 12.3 s"),
        ({"server_starts": 2, "preparation": 0.9}, "2 server starts (2 distinct servers), 12.3 s"),
        (
            {"server_starts": 2, "preparation": 8},
            (
                "2 server starts (2 distinct servers), 12.3 s of which 8.0 s went into preparing "
                "targets"
            ),
        ),
    ],
)
def test_what_a_run_cost(different, told):
    assert cost_line(ledger(cell(), **different)) == f"{told}, suite overhead 1.9%"
    assert cost_line(ledger(cell(), **different, overhead=None)) == told


def test_the_cost_of_a_killed_run_is_not_known():
    assert cost_line(KILLED) == "the run's cost is not known"


def test_columns_are_as_wide_as_their_widest_text():
    assert list(aligned([("a", "b"), ("long", "x"), ("", "longer")])) == [
        "a     b",
        "long  x",
        "      longer",
    ]


def test_claims_without_a_check_are_wrapped():
    unchecked = [Unchecked(f"a-claim-of-some-length-{n}", "fix", "s") for n in range(40)]
    lines = list(table_lines(ledger(cell(), unchecked=unchecked)))
    start = lines.index("unchecked (40 claims of the release without a check yet):") + 1
    end = lines.index("", start)
    assert end - start > 5
    assert max(map(len, lines[start:end])) <= 100
    assert " ".join(lines[start:end]).split() == [claim.claim for claim in unchecked]


def test_one_claim_without_a_check():
    lines = list(table_lines(ledger(cell(), unchecked=[UNCHECKED])))
    assert "unchecked (1 claim of the release without a check yet):" in lines


def test_why_a_cell_is_not_good_is_told_below_the_table():
    bad = cell(verdict=Verdict.REFUTED, reason="no tail")
    lines = list(table_lines(ledger(bad, cell(protocol="http"))))
    assert lines.count("  no tail") == 1
