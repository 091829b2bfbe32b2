"""Claims by servers."""

from __future__ import annotations

from report.staged_runs import MIXED
from verdicts.samples import cell, ledger, write

from triton_claims.report.matrix import matrix_lines
from triton_claims.verdicts.verdict import Verdict


def test_claims_stand_where_they_begin_to_hold():
    old, new = (
        {"server_version": "2.9.0", "target": "a"},
        {"server_version": "2.10.0", "target": "b"},
    )
    told = ledger(
        cell(claim="late", **old, verdict=Verdict.BASELINE),
        cell(claim="late", **new),
        cell(claim="early", **old),
        cell(claim="early", **new),
        cell(claim="early", **new, protocol="http", verdict=Verdict.REFUTED, accepted="known"),
    )
    assert list(matrix_lines(told))[:4] == [
        "| claim | 2.9 | 2.10 |",
        "|---|:-:|:-:|",
        "| early | x | r |",
        "| late | o | x |",
    ]


def test_a_target_of_which_nothing_is_known_stands_last(run, tmp_path):
    write(tmp_path / "ledger.jsonl", MIXED)
    answer = run("matrix", str(tmp_path / "ledger.jsonl"))
    assert answer.code == 0
    assert answer.out.startswith("| claim | 2.51 | 2.55 | install:/opt/tritonserver |\n")
