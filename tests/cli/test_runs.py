"""``triton-claims diff`` and ``history``."""

from __future__ import annotations

import json

import pytest
from verdicts.samples import HEADER, cell, ledger, write

from triton_claims.verdicts.ledger import Ledger
from triton_claims.verdicts.merging import merge
from triton_claims.verdicts.verdict import Verdict

GOOD = cell()
BAD = cell(verdict=Verdict.REFUTED, reason="it | does not hold\nat all")
HTTP = cell(protocol="http")


def at(day, *cells, run=None, **header):
    told = ledger(*cells)
    head = {**HEADER, "run": run or f"run-{day}", "started": f"2025-02-{day:02}T00:00:00", **header}
    return Ledger(head, told.cells, (), told.footer)


@pytest.fixture
def ledgers(tmp_path):
    """Writes ledgers; gives their paths."""

    def make(*told):
        return [
            str(write(tmp_path / "runs" / str(number) / "ledger.jsonl", each))
            for number, each in enumerate(told)
        ]

    return make


def test_a_regression_is_bad_news(run, ledgers):
    answer = run("diff", *ledgers(at(1, GOOD, HTTP), at(2, BAD, HTTP)))
    assert (answer.code, answer.err) == (1, "")
    assert answer.out.splitlines() == [
        "change     claim        target       gpu  protocol  before     now",
        "regressed  cats-faster  wheel:24.10  cpu  grpc      confirmed  refuted",
        "",
        "cats-faster wheel:24.10: it | does not hold",
        "2 cells: 1 regressed, 1 unchanged.",
    ]


def test_what_improved_is_good_news(run, ledgers):
    answer = run("diff", *ledgers(at(1, BAD), at(2, GOOD)))
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.endswith("1 cell: 1 improved.\n")


def test_blocked_is_told_and_no_regression(run, ledgers):
    blocked = cell(verdict=Verdict.BLOCKED, reason="no GPU")
    answer = run("diff", *ledgers(at(1, GOOD), at(2, blocked)))
    assert answer.code == 0
    assert "became blocked  cats-faster" in answer.out


def test_what_differs_between_the_runs_is_told(run, ledgers):
    now = at(
        *(2, cell(server_version="2.54.0")), release={"container": "25.02", "server": "2.55.0"}
    )
    answer = run("diff", *ledgers(at(1, GOOD), Ledger(now.header, now.cells)))
    assert answer.code == 1
    for words in (
        "The notes are those of 25.01 before, and of 25.02 now.",
        "wheel:24.10 was Triton 2.51.0, and is 2.54.0.",
        "The run now is truncated: it has no footer, the run was killed: what vanished may be",
    ):
        assert words in answer.out


def test_diff_as_json(run, ledgers):
    answer = run("diff", "--json", *ledgers(at(1, GOOD, HTTP), at(2, BAD, HTTP)))
    told = json.loads(answer.out)
    assert (answer.code, told["bad"]) == (1, True)
    assert told["counts"]["regressed"] == told["counts"]["unchanged"] == 1
    (only,) = told["cells"]
    assert (only["old"]["verdict"], only["new"]["verdict"]) == ("confirmed", "refuted")


def test_diff_as_markdown_is_escaped(run, ledgers):
    target = cell(target="install:/a|b_<i>")
    answer = run(
        *("diff", "--markdown", "--rename", "install:/a|b_<i>=wheel:24.10"),
        *ledgers(at(1, target), at(2, BAD)),
    )
    assert "| regressed | cats-faster | wheel:24.10 | cpu | grpc | confirmed | refuted |" in (
        answer.out
    )
    answer = run("diff", "--markdown", *ledgers(at(1, GOOD), at(2, GOOD, target)))
    assert "| install:/a\\|b\\_&lt;i> |" in answer.out
    assert answer.code == 0


@pytest.mark.parametrize("text", ["", "a", "=a", "a="])
def test_a_renaming_names_two(run, ledgers, text):
    answer = run("diff", f"--rename={text}", *ledgers(at(1, GOOD), at(2, GOOD)))
    assert answer.code == 2
    assert answer.complaint.startswith(f"--rename: found {text!r}, expected OLD=NEW")


def test_history_of_all_cells(run, ledgers, tmp_path):
    ledgers(at(3, BAD), at(1, GOOD, HTTP), at(2, BAD, HTTP))
    answer = run("history", str(tmp_path / "runs"))
    assert (answer.code, answer.err) == (0, "")
    first, second = (" ".join(line.split()) for line in answer.out.splitlines()[1:3])
    where = "cats-faster wheel:24.10 cpu"
    assert first == f"{where} grpc 3 refuted 2025-02-02T00:00:00 confirmed"
    assert second == f"{where} http 2 confirmed 2025-02-01T00:00:00 -"
    assert answer.out.endswith(f"\n3 runs below {tmp_path}/runs\n")


def test_history_of_a_claim_is_told_run_by_run(run, ledgers, tmp_path):
    ledgers(at(2, BAD), at(1, GOOD), at(3, cell(claim="dogs-no-tail")))
    answer = run("history", str(tmp_path), "cats-*")
    assert [line.split()[4:] for line in answer.out.splitlines()[1:3]] == [
        ["2025-02-01T00:00:00", "25.01", "2.51.0", "confirmed"],
        ["2025-02-02T00:00:00", "25.01", "2.51.0", "refuted"],
    ]
    assert "dogs" not in answer.out
    told = json.loads(run("history", str(tmp_path), "cats-faster", "--json").out)
    assert [each["verdict"] for each in told["cells"][0]["runs"]] == ["confirmed", "refuted"]


def test_what_was_merged_stands_for_its_shards_and_a_copy_counts_once(run, ledgers, tmp_path):
    shards = [at(1, GOOD, run="a"), at(1, HTTP, run="b")]
    merged = merge(shards, acceptances=())
    ledgers(*shards, merged, merged)
    answer = run("history", str(tmp_path))
    assert answer.out.endswith(f"\n1 run below {tmp_path}\n")


def test_what_is_no_ledger_is_told_beside_the_others(run, ledgers, tmp_path):
    _, bad = ledgers(at(1, GOOD), at(2, GOOD))
    (tmp_path / "runs" / "1" / "ledger.jsonl").write_text("{}\n", encoding="utf-8")
    answer = run("history", str(tmp_path))
    assert answer.code == 1
    assert answer.complaint.startswith(f"left out: {bad}:1: expected a record")
    assert "1 run below" in answer.out


def test_history_needs_a_folder_with_ledgers(run, tmp_path):
    assert run("history", str(tmp_path)).complaint == f"{tmp_path}: found no ledger.jsonl below it"
    assert run("history", str(tmp_path / "x")).complaint == f"{tmp_path}/x: found no such folder"


def test_a_claim_that_no_run_has_is_no_empty_table(run, ledgers, tmp_path):
    ledgers(at(1, GOOD))
    answer = run("history", str(tmp_path), "cats-fastr")
    assert (answer.code, answer.complaint) == (
        2,
        "CLAIM: 'cats-fastr' matches no claim: did you mean cats-faster",
    )
