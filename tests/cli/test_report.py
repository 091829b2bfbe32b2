"""``triton-claims report``: one page of HTML, and complaints in one line."""

from __future__ import annotations

import pytest
from report.staged_runs import MIXED
from verdicts.samples import cell, ledger, write

from triton_claims.verdicts.cell import Picture

pytestmark = pytest.mark.usefixtures("project")


def test_it_writes_one_page(run, tmp_path):
    write(tmp_path / "ledger.jsonl", MIXED)
    answer = run("report", str(tmp_path / "ledger.jsonl"), "-o", str(tmp_path / "page"))
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == f"8 cells on one page: {tmp_path}/page/index.html\n"
    assert (tmp_path / "page" / "index.html").read_text().startswith("<!doctype html>")


def test_an_earlier_run_and_a_picture_that_is_gone(run, tmp_path):
    write(tmp_path / "old.jsonl", MIXED)
    write(tmp_path / "new.jsonl", ledger(cell(pictures=(Picture("a line", "gone.svg"),))))
    page = tmp_path / "page"
    answer = run(
        *("report", str(tmp_path / "new.jsonl"), "-o", str(page)),
        *("--earlier", str(tmp_path / "old.jsonl")),
    )
    assert answer.code == 0
    assert answer.out.startswith("1 picture not beside the ledger: left out\n")
    assert "cells of then are not there any more" in (page / "index.html").read_text()


def test_what_is_no_ledger_and_no_folder(run, tmp_path):
    (tmp_path / "nonsense").write_text("nonsense\n")
    answer = run("report", str(tmp_path / "nonsense"), "-o", str(tmp_path / "page"))
    assert answer.code == 2
    assert answer.complaint.startswith(f"{tmp_path}/nonsense:1: ")
    assert not (tmp_path / "page").exists()
    write(tmp_path / "ledger.jsonl", MIXED)
    answer = run("report", str(tmp_path / "ledger.jsonl"), "-o", str(tmp_path / "nonsense"))
    assert answer.code == 2
    assert answer.complaint.startswith("--output: cannot write into ")
