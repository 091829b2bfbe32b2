"""Shards of a run are the run; what is no shard of it is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verdicts.samples import HEADER, UNCHECKED, cell, footer, ledger, write

from triton_claims.errors import InputError
from triton_claims.notes.versions import VersionRange
from triton_claims.report.sentence import sentences
from triton_claims.verdicts.acceptance import Acceptance, stale_acceptances
from triton_claims.verdicts.cell import Picture, Unchecked
from triton_claims.verdicts.ledger import SCHEMA_PATH, Ledger, read_ledger
from triton_claims.verdicts.merging import merge
from triton_claims.verdicts.outcome import Require, counts_of
from triton_claims.verdicts.verdict import Verdict

WHEEL, INSTALLED = HEADER["targets"]
VERSIONS = {"wheel:24.10": "2.51.0", "install:/opt/tritonserver": "2.54.0"}


def shard(run, *cells, unchecked=(UNCHECKED,), header=(), **different):
    """A shard as a run with these cells writes it."""
    told = {**HEADER, "run": run, **dict(header)}
    return Ledger(told, cells, tuple(unchecked), footer(cells, unchecked, **different))


ONE = shard("run-1", cell(claim="cats"))
TWO = shard("run-2", cell(claim="dogs"))


def refusal(*shards, **options):
    with pytest.raises(InputError) as caught:
        merge(shards, **options)
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


def without_shard(found):
    return replace(found, shard=None)


# -- parts of a run are the run

KEYS = st.tuples(
    st.sampled_from(["cats", "dogs", "birds"]),
    st.sampled_from(sorted(VERSIONS)),
    st.sampled_from(["cpu", "GPU-1"]),
    st.sampled_from(["grpc", "http", None]),
)


@st.composite
def cells_of_a_run(draw):
    found = []
    for claim, target, gpu, protocol in draw(st.lists(KEYS, unique=True, max_size=12)):
        verdict = draw(st.sampled_from(Verdict))
        accepted = draw(st.sampled_from([None, "looked into"])) if verdict.fails else None
        version = draw(st.sampled_from([VERSIONS[target], None]))
        found.append(
            cell(
                claim=claim,
                target=target,
                gpu=gpu,
                protocol=protocol,
                verdict=verdict,
                accepted=accepted,
                server_version=version,
            )
        )
    return found


ACCEPTANCES = st.lists(
    st.builds(
        Acceptance,
        claim=st.sampled_from(["cats", "dogs", "birds"]),
        verdict=st.sampled_from([verdict for verdict in Verdict if verdict.fails]),
        target=st.sampled_from([*VERSIONS, "*"]),
        versions=st.just(VersionRange()),
        reason=st.just("looked into"),
        link=st.just("https://example.org"),
        date=st.just("2025-02-14"),
        where=st.just("acceptances.toml:3"),
    ),
    max_size=3,
)


@settings(deadline=None)
@given(st.data(), cells_of_a_run(), ACCEPTANCES, st.sampled_from([None, *Require]))
def test_however_a_run_is_cut_into_shards_it_comes_to_the_same(data, cells, acceptances, require):
    parts = data.draw(st.integers(1, 4))
    cut = [[] for _ in range(parts)]
    for each in cells:
        cut[data.draw(st.integers(0, parts - 1))].append(each)
    judged = {"acceptances": acceptances, "require": require}
    whole = merge([shard("whole", *cells)], **judged)
    assert sorted(map(without_shard, whole.cells), key=lambda each: each.key) == sorted(
        cells, key=lambda each: each.key
    )

    shards = [shard(f"run-{number}", *part) for number, part in enumerate(cut)]
    joined = merge(shards, **judged)
    found = {each.key: without_shard(each) for each in joined.cells}
    assert found == {each.key: each for each in cells}
    assert {each.key: each.shard for each in joined.cells} == {
        each.key: f"run-{number}" for number, part in enumerate(cut) for each in part
    }
    assert joined.unchecked == whole.unchecked
    assert joined.footer["counts"] == whole.footer["counts"] == counts_of(cells, unchecked=1)
    assert joined.footer["planned"] == whole.footer["planned"]
    # which cell a stale acceptance is told with depends on their order
    assert len(joined.footer["failures"]) == len(whole.footer["failures"])
    assert joined.passes is whole.passes

    assert merge(data.draw(st.permutations(shards)), **judged) == joined


def test_a_merge_is_a_ledger(tmp_path):
    joined = merge([ONE, TWO])
    path = write(tmp_path / "ledger.jsonl", joined)
    assert read_ledger(path) == joined
    schema = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    for line in path.read_text(encoding="utf-8").splitlines():
        jsonschema.validate(json.loads(line), schema)
    assert joined.passes


def test_a_merge_tells_of_each_shard():
    late = shard(
        "run-0",
        *(cell(claim="dogs"), cell(claim="birds")),
        header={
            "started": "2025-02-14T11:00:00+00:00",
            "options": ["suites", "--claim=dogs"],
            "host": {"system": "Linux", "cores": 64, "gpus": 8, "processor": None},
            "targets": [WHEEL],
        },
        seconds=100.0,
    )
    header = merge([late, ONE]).header
    assert header["started"] == HEADER["started"]
    assert header["host"] == {"system": "Linux", "processor": None}
    assert header["run"].startswith("merge-")
    first, second = header["shards"]
    assert (first["run"], first["cells"], first["complete"]) == ("run-1", 1, True)
    assert first["targets"] == list(VERSIONS)
    assert second == {
        "run": "run-0",
        "started": "2025-02-14T11:00:00+00:00",
        "suite_version": "0.1.0",
        "suite_commit": None,
        "options": ["suites", "--claim=dogs"],
        "host": late.header["host"],
        "gpus": None,
        "targets": ["wheel:24.10"],
        "cells": 2,
        "complete": True,
        "seconds": 100.0,
    }


def test_the_gpus_of_all_shards_are_told_and_staged_ones_stay_staged():
    def with_gpus(run, origin, *uuids):
        devices = [
            {
                "uuid": uuid,
                "name": "a GPU",
                "architecture": "hopper",
                "driver": "1",
                "compute_capability": "9.0",
                "memory_bytes": 1,
                "mig_parent": None,
                "docker_host": None,
            }
            for uuid in uuids
        ]
        gpus = {"origin": origin, "reason": "", "devices": devices}
        return shard(run, cell(claim=run), header={"gpus": gpus})

    real, staged = with_gpus("run-1", "NVML", "GPU-1"), with_gpus("run-2", "staged", "GPU-2")
    joined = merge([real, staged, with_gpus("run-3", "NVML", "GPU-1")])
    assert joined.header["gpus"]["origin"] == "NVML, staged"
    assert [each["uuid"] for each in joined.header["gpus"]["devices"]] == ["GPU-1", "GPU-2"]
    assert [each["gpus"] for each in joined.header["shards"]] == ["NVML", "staged", "NVML"]
    assert any("The GPUs are staged" in sentence for sentence in sentences(joined))


def test_costs_are_summed_and_the_longest_shard_is_told():
    cost = {"server_starts": 5, "specifications": 1, "seconds": 30.0, "preparation": 10.0}
    one = shard("run-1", cell(claim="cats"), **cost, overhead=0.5)
    two = shard("run-2", cell(claim="dogs"), **{**cost, "seconds": 70.0}, overhead=0.1)
    idle = shard("run-3", **{**cost, "server_starts": 0}, overhead=None, lost_hosts=["far away"])
    found = merge([one, two, idle]).footer
    assert (found["server_starts"], found["specifications"]) == (10, 3)
    assert (found["seconds"], found["longest_shard"]) == (130.0, 70.0)
    assert found["preparation"] == 30.0
    assert found["overhead"] == 0.2  # (0.5 * 20 + 0.1 * 60) / (20 + 60)
    assert found["lost_hosts"] == ["far away"]


def test_pictures_go_into_a_folder_of_their_shard():
    drawn = cell(pictures=(Picture("memory", "pictures/cats-1.svg"),))
    (found,) = merge([shard("run-1", drawn)]).cells
    assert found.pictures == (Picture("memory", "pictures/run-1/cats-1.svg"),)


# -- what the whole comes to


def test_a_shard_that_was_killed_is_joined_and_leaves_the_whole_incomplete():
    killed = replace(TWO, footer=None)
    early = shard("run-3", cell(claim="birds"), complete=False, interrupted="ended by SIGTERM")
    joined = merge([ONE, killed, early])
    assert [each.claim for each in joined.cells] == ["cats", "dogs", "birds"]
    assert joined.footer["complete"] is False
    assert joined.footer["interrupted"] == (
        "2 of 3 shards incomplete: run-2 (it has no footer, the run was killed), "
        "run-3 (ended by SIGTERM)"
    )
    assert joined.footer["failures"] == []
    assert joined.footer["planned"] == 3
    assert not joined.passes
    assert [each["complete"] for each in joined.header["shards"]] == [True, False, False]
    assert [each["seconds"] for each in joined.header["shards"]] == [12.345, None, 12.345]


def test_failures_outside_the_checks_stay_failures():
    broken = shard("run-2", outside_checks=2, failures=["2 failures outside the checks"])
    assert merge([ONE, broken]).footer["failures"] == ["2 failures outside the checks"]
    assert merge([ONE, broken]).footer["outside_checks"] == 2


def test_what_a_shard_alone_insisted_on_is_not_asked_of_the_whole():
    strict = shard("run-2", cell(claim="dogs", verdict=Verdict.BLOCKED), failures=["--require"])
    assert merge([ONE, strict]).passes
    assert merge([ONE, strict], require=Require.DECIDED).footer["failures"] == [
        "1 of 2 not decided, which --require asks"
    ]


def test_a_shard_that_decided_nothing_does_no_harm_to_one_that_did():
    assert merge([ONE, shard("run-2")]).passes
    assert merge([shard("run-1"), shard("run-2")]).footer["failures"] == ["nothing was decided"]


def test_an_acceptance_that_is_stale_in_one_shard_may_be_needed_in_another():
    acceptance = Acceptance(
        claim="cats",
        verdict=Verdict.REFUTED,
        target="wheel:24.10",
        versions=VersionRange(),
        reason="so",
        link="there",
        date="2025-02-14",
        where="acceptances.toml:3",
    )
    fine = shard("run-1", cell(claim="cats", protocol="grpc"))
    accepted = cell(claim="cats", protocol="http", verdict=Verdict.REFUTED, accepted="so")
    assert stale_acceptances([acceptance], fine.cells)
    assert merge([fine, shard("run-2", accepted)], acceptances=[acceptance]).passes
    assert not merge([fine, TWO], acceptances=[acceptance]).passes


def test_a_claim_is_unchecked_where_all_say_so_and_none_decided_it():
    cows, pigs = UNCHECKED, Unchecked("pigs-fly", "fix", "A pig flies.")
    one = shard("run-1", cell(claim="cats"), unchecked=[cows, pigs])
    assert merge([one, shard("run-2", unchecked=[cows, pigs])]).unchecked == (cows, pigs)
    assert merge([one, shard("run-2", unchecked=[pigs])]).unchecked == (pigs,)
    decided = shard("run-2", cell(claim="pigs-fly"), unchecked=[cows, pigs])
    joined = merge([one, decided])
    assert joined.unchecked == (cows,)
    assert joined.footer["counts"]["unchecked"] == 1


def test_a_shard_that_was_killed_before_it_listed_them_hides_no_unchecked_claim():
    nearly_nothing = replace(TWO, cells=(), unchecked=(), footer=None)
    assert merge([nearly_nothing, ONE]).unchecked == ONE.unchecked
    assert merge([nearly_nothing]).unchecked == ()


# -- what is refused


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (
            {"release": {"container": "24.10", "server": "2.51.0"}},
            "found release 24.10 (server 2.51.0), but 25.01 (server 2.54.0) in the run run-1",
        ),
        ({"notes_digest": "sha256:8"}, f"found notes sha256:8, but {HEADER['notes_digest']} in"),
        ({"suite_commit": "abc+changes"}, "found suite 0.1.0 at abc+changes, but 0.1.0 at no com"),
        ({"suite_version": "0.2.0"}, "found suite 0.2.0 at no commit, but 0.1.0 at no commit in"),
    ],
)
def test_shards_of_different_runs_are_refused(header, told):
    other = shard("run-2", cell(claim="dogs"), header=header)
    assert refusal(ONE, other).startswith(f"the run run-2: {told}")


def test_different_suites_may_be_allowed():
    other = shard("run-2", cell(claim="dogs"), header={"suite_commit": "abc"})
    assert refusal(ONE, other).endswith("or --allow-different-suites")
    header = merge([ONE, other], allow_different_suites=True).header
    assert (header["suite_version"], header["suite_commit"]) == ("0.1.0", "abc, no commit")
    assert [each["suite_commit"] for each in header["shards"]] == [None, "abc"]


def test_a_cell_in_two_shards_is_refused_with_both_places(tmp_path):
    one = read_ledger(write(tmp_path / "one.jsonl", ONE))
    twin = shard("run-2", cell(claim="dogs"), cell(claim="cats", verdict=Verdict.REFUTED))
    two = read_ledger(write(tmp_path / "two.jsonl", twin))
    assert refusal(one, two) == (
        f"{tmp_path}/two.jsonl:4: the cell 'cats wheel:24.10 cpu grpc' stands in "
        f"{tmp_path}/one.jsonl:3 already: expected each cell in one shard"
    )


def test_a_run_given_twice_is_refused():
    assert refusal(ONE, TWO, ONE) == (
        "the run run-1: the run run-1 is in the run run-1 already: expected each shard once"
    )


@pytest.mark.parametrize("name", ["sha256", "digest", "server_version"])
def test_two_servers_under_one_id_are_refused(name):
    def knows(run, value, **more):
        target = {**INSTALLED, **({name: value} if value else {}), **more}
        return shard(run, cell(claim=run), header={"targets": [target]})

    one, unknown, two = knows("run-1", "1.0.0"), knows("run-2", None), knows("run-3", "2.0.0")
    told = refusal(unknown, one, two)
    assert told == (
        f"the run run-3: install:/opt/tritonserver is a server with {name} 2.0.0, but in the run "
        "run-1 one with 1.0.0: expected one server for a target"
    )
    # what one shard does not know, another may
    joined = merge([unknown, one])
    assert joined.header["targets"] == [{**INSTALLED, name: "1.0.0"}]
    assert merge([one, knows("run-4", "1.0.0", image="mirror/triton")]).passes


def test_a_server_that_calls_itself_another_elsewhere_is_refused():
    one = shard("run-1", cell(claim="cats", server_version=None), cell(claim="birds"))
    other = shard("run-2", cell(claim="dogs", server_version="2.50.0"))
    assert refusal(one, other) == (
        "the run run-2: wheel:24.10 said that it is server 2.50.0, but in the run run-1 it said "
        "2.51.0: expected one server for a target"
    )


def test_the_tools_of_one_target_may_be_of_two_releases():
    target = {
        "target": "genai-perf:x",
        "server_version": None,
        "sha256": "5" * 64,
        "tools": {"genai-perf": "0.0.10", "perf-analyzer": "2.53.0"},
    }

    def decided(run, claim, version):
        one = cell(claim=claim, target="genai-perf:x", server_version=version)
        return shard(run, one, header={"targets": [target]})

    joined = merge([decided("run-1", "cats", "2.54.0"), decided("run-2", "dogs", "2.53.0")])
    assert joined.header["targets"] == [target]
    assert joined.passes


def test_a_merge_is_no_shard():
    assert "is the ledger of a merge" in refusal(merge([ONE]), TWO)


@pytest.mark.parametrize("run", ["../../x", "a/b", "", ".", "a b", "x" * 101])
def test_a_run_whose_id_is_no_name_of_a_folder_is_refused(run):
    assert "run: found" in refusal(replace(ONE, header={**HEADER, "run": run}))


def test_a_ledger_whose_cells_are_not_those_it_counted_is_refused():
    damaged = replace(shard("run-1", cell(claim="cats"), cell(claim="dogs")), cells=ONE.cells)
    assert refusal(damaged) == (
        "the run run-1: is damaged: its footer counts 2 confirmed, 1 unchecked, but it holds "
        "1 confirmed, 1 unchecked"
    )


def test_a_ledger_that_does_not_tell_all_failures_is_refused():
    old = ledger(cell())
    told = {name: value for name, value in old.footer.items() if name != "outside_checks"}
    assert "older suite" in refusal(replace(old, footer=told))
