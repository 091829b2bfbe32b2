"""``triton-claims merge``: exit codes and complaints; what is refused leaves nothing behind."""

from __future__ import annotations

import pytest
from verdicts.samples import HEADER, UNCHECKED, cell, write
from verdicts.test_acceptance import FILE
from verdicts.test_merging import shard

from triton_claims.verdicts.cell import Picture
from triton_claims.verdicts.ledger import read_ledger
from triton_claims.verdicts.verdict import Verdict

#: A project without acceptances but those of the test.
pytestmark = pytest.mark.usefixtures("project")


@pytest.fixture
def shards(tmp_path):
    """Writes shards; gives the arguments that name them."""

    def make(*told):
        folders = [tmp_path / f"shard-{number}" for number in range(len(told))]
        for folder, each in zip(folders, told, strict=True):
            write(folder / "ledger.jsonl", each)
        return [str(folder) for folder in folders]

    return make


ONE = shard("run-1", cell(claim="cats-faster"))
TWO = shard("run-2", cell(claim="dogs-no-tail"))


@pytest.fixture
def merge(run, tmp_path):
    return lambda *arguments: run("merge", *arguments, "-o", str(tmp_path / "out"))


def test_good_shards_make_a_good_run(merge, shards, tmp_path):
    answer = merge(*shards(ONE, TWO))
    assert (answer.code, answer.err) == (0, "")
    assert "2 confirmed, 1 unchecked; 6 server starts (4 distinct servers and 2" in answer.out
    assert ", 24.7 s in 2 shards, the longest 12.3 s, suite overhead 1.9%\n" in answer.out
    assert (
        "The run passes. 1 claim of the release has no check yet.\n\n"
        f"2 shards merged: {tmp_path}/out\n"
    ) in answer.out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("allure-results", "junit.xml", "ledger.jsonl", "merged-files.json", "summary.md"),
    ]
    assert len(read_ledger(tmp_path / "out" / "ledger.jsonl").cells) == 2


def test_the_merged_ledger_is_shown_as_any_other(merge, shards, run, tmp_path):
    told = merge(*shards(ONE, TWO)).out
    shown = run("summary", str(tmp_path / "out" / "ledger.jsonl"))
    assert shown.code == 0
    assert told.startswith(shown.out)


def test_one_failing_cell_is_bad_news(merge, shards):
    refuted = shard("run-2", cell(claim="dogs-no-tail", verdict=Verdict.REFUTED))
    answer = merge(*shards(ONE, refuted))
    assert (answer.code, answer.err) == (1, "")
    assert "The run fails: 1 refuted." in answer.out


def test_a_shard_that_was_cut_off_is_bad_news(merge, shards, tmp_path):
    one, two = shards(ONE, TWO)
    ledger = tmp_path / "shard-1" / "ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes()[:-20])
    answer = merge(one, two)
    assert (answer.code, answer.err) == (1, "")
    assert (
        "The run is truncated: 1 of 2 shards incomplete: run-2 (it has no footer, the run was "
        "killed in the middle of a line)."
    ) in answer.out
    assert read_ledger(tmp_path / "out" / "ledger.jsonl").footer["complete"] is False


def test_require_is_for_the_whole(merge, shards):
    named = shards(ONE, shard("run-2", cell(claim="dogs-no-tail", verdict=Verdict.BLOCKED)))
    assert merge(*named).code == 0
    answer = merge(*named, "--require", "decided")
    assert answer.code == 1
    assert "The run fails: 1 of 2 not decided, which --require asks." in answer.out
    assert (
        "argument --require: invalid choice: 'maybe'" in merge(*named, "--require=maybe").complaint
    )


def test_acceptances_are_judged_by_all_shards(merge, shards, project):
    project.add("releases/acceptances.toml", FILE)
    fine = shard("run-1", cell(claim="cats-faster"))
    accepted = cell(claim="cats-faster", protocol="http", verdict=Verdict.REFUTED, accepted="so")
    assert merge(*shards(fine, shard("run-2", accepted))).code == 0
    answer = merge(*shards(fine, TWO))
    assert answer.code == 1
    assert "no longer fits: wheel:24.10 is confirmed: remove it" in answer.out


def test_missing_pictures_are_told(merge, shards, tmp_path):
    drawn = cell(claim="dogs-no-tail", pictures=(Picture("memory", "pictures/x.svg"),))
    answer = merge(*shards(ONE, shard("run-2", drawn)))
    assert answer.code == 0
    assert f"{tmp_path}/shard-1/ledger.jsonl: 1 picture missing, left out\n" in answer.out


OTHER_RELEASE = {"release": {"container": "24.10", "server": "2.51.0"}}
OTHER_SERVER = {"targets": [{**HEADER["targets"][0], "sha256": "6" * 64}]}
DOGS = cell(claim="dogs-no-tail")
REFUSED = {
    "another release": (
        shard("run-2", DOGS, header=OTHER_RELEASE),
        "{two}:1: found release 24.10 (server 2.51.0), but 25.01 (server 2.54.0) in {one}:1",
    ),
    "other notes": (
        shard("run-2", DOGS, header={"notes_digest": "sha256:8"}),
        "{two}:1: found notes sha256:8, but sha256:7",
    ),
    "another suite": (
        shard("run-2", DOGS, header={"suite_commit": "abc"}),
        "{two}:1: found suite 0.1.0 at abc, but 0.1.0 at no commit in {one}:1",
    ),
    "a cell twice": (
        shard("run-2", DOGS, cell(claim="cats-faster")),
        "{two}:4: the cell 'cats-faster wheel:24.10 cpu grpc' stands in {one}:3 already",
    ),
    "another server": (
        shard("run-2", DOGS, header=OTHER_SERVER),
        "{two}:1: wheel:24.10 is a server with sha256 6666",
    ),
    "another server by its own words": (
        shard("run-2", cell(claim="dogs-no-tail", server_version="2.50.0")),
        "{two}:3: wheel:24.10 said that it is server 2.50.0, but in {one}:3 it said 2.51.0",
    ),
    "a run twice": (shard("run-1", DOGS), "{two}:1: the run run-1 is in {one}:1 already"),
    "cells that were lost": (
        shard("run-2", DOGS, counts={"confirmed": 2, "unchecked": 1}),
        "{two}:1: is damaged: its footer counts 2 confirmed, 1 unchecked, but it holds 1 confirmed",
    ),
    "an unknown field": (
        shard("run-2", DOGS, colour="red"),
        "{two}:4: the footer: Additional properties are not allowed ('colour' was unexpected)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_inconsistent_shards_are_refused_in_one_line(merge, shards, tmp_path, case):
    other, told = REFUSED[case]
    one, two = shards(ONE, other)
    answer = merge(one, two)
    assert (answer.code, answer.out) == (2, "")
    places = {"one": f"{one}/ledger.jsonl", "two": f"{two}/ledger.jsonl"}
    assert answer.complaint.startswith(told.format(**places))
    assert not (tmp_path / "out").exists()


def test_different_suites_can_be_allowed(merge, shards):
    named = shards(ONE, shard("run-2", DOGS, header={"suite_commit": "abc"}))
    assert merge(*named).complaint.endswith(
        "expected shards of one run, or --allow-different-suites"
    )
    assert merge(*named, "--allow-different-suites").code == 0


def test_a_merge_of_merges_is_refused(merge, shards, run, tmp_path):
    one, two = shards(ONE, TWO)
    assert merge(one).code == 0
    answer = run("merge", str(tmp_path / "out"), two, "-o", str(tmp_path / "again"))
    assert (answer.code, answer.out) == (2, "")
    assert "is the ledger of a merge" in answer.complaint


def test_a_shard_that_is_not_there_is_refused(merge, shards, tmp_path):
    answer = merge(*shards(ONE), str(tmp_path / "gone"))
    assert answer.code == 2
    assert answer.complaint == f"{tmp_path}/gone: cannot be read: No such file or directory"
    assert not (tmp_path / "out").exists()


def test_the_folder_for_the_merge_must_be_its_own(merge, shards, run, tmp_path):
    (one,) = shards(ONE)
    assert run("merge", one, "-o", one).code == 2
    assert read_ledger(tmp_path / "shard-0" / "ledger.jsonl") == ONE
    assert run("merge", one).complaint.startswith(
        "the following arguments are required: -o/--output"
    )
    assert merge(one).code == 0
    assert merge(one).code == 0


def test_unchecked_claims_are_those_of_all_shards(merge, shards):
    assert UNCHECKED in ONE.unchecked
    answer = merge(*shards(ONE, shard("run-2", DOGS, unchecked=())))
    assert answer.code == 0
    assert "no check yet" not in answer.out
