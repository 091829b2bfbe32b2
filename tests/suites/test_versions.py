"""Servers that do not agree on their version, or have one that nobody knows."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("suites-versions")

#: By name: the knobs of a server of 2.54.0, and what the reason must tell.
DISAGREEING = {
    "GET v2": ({"http_version": "2.53.0"}, ["GET /v2: 2.53.0", "release 24.12: 2.53.0"]),
    "gRPC": ({"grpc_version": "2.53.0"}, ["gRPC ServerMetadata: 2.53.0", "GET /v2: 2.54.0"]),
    "log": ({"log_version": "2.53.0"}, ["start-up log: 2.53.0", "GET /v2: 2.54.0"]),
    "all but the release": ({"version": "2.54.0dev"}, ["release 25.01: 2.54.0", "2.54.0dev"]),
    "unknown and disagreeing": (
        {"version": "9.99.0", "log_version": "9.98.0"},
        ["start-up log: 9.98.0", "GET /v2: 9.99.0"],
    ),
}
ONLY = "--claim=server-version"


@pytest.fixture(scope="module")
def disagreeing(start_run):
    return start_run({name: knobs for name, (knobs, _) in DISAGREEING.items()}, ONLY).result()


@pytest.mark.parametrize("name", DISAGREEING)
def test_versions_that_disagree_are_refuted(disagreeing, name):
    assert disagreeing.verdicts(name) == {"version": "refuted"}
    cell = disagreeing.cells(name)["version"]
    assert cell.expectation.value == "holds"
    assert "the versions differ" in cell.reason
    for phrase in DISAGREEING[name][1]:
        assert phrase in cell.reason


def test_they_fail_the_run(disagreeing):
    assert disagreeing.exit_code == 1
    assert disagreeing.ledger.footer["failures"] == ["5 refuted"]


@pytest.fixture(scope="module")
def others(start_run):
    return start_run(
        {
            "unknown": {"version": "9.99.0"},
            "messy": {"leaves_child": True, "ignores_sigterm": True, "dies_on": "stop"},
        },
        ONLY,
    ).result()


def test_a_version_that_nobody_knows_is_undecided(others):
    assert others.verdicts("unknown") == {"version": "undecided"}
    cell = others.cells("unknown")["version"]
    assert "agrees with itself on 9.99.0, which is no release we know" in cell.reason
    assert "in a file of releases/" in cell.reason  # what it would take
    assert cell.server_version == "9.99.0"


def test_undecided_fails_the_run(others):
    assert others.exit_code == 1
    assert others.ledger.footer["failures"] == ["1 undecided"]


def test_a_version_that_is_none_is_an_error(start_run):
    run = start_run({"none": {"version": "latest"}}, ONLY).result()
    cell = run.cells("none")["version"]
    assert cell.verdict.value == "error"
    assert cell.expectation is None
    assert "latest" in cell.reason
    assert run.exit_code == 1


def test_what_is_written_beside_the_server_counts(start_run):
    started = start_run(
        {"other": {"TRITON_VERSION": "2.53.0"}, "same": {"TRITON_VERSION": "2.54.0"}}, ONLY
    )
    run = started.result()
    assert run.verdicts("other") == {"version": "refuted"}
    assert "TRITON_VERSION: 2.53.0" in run.cells("other")["version"].reason
    assert run.verdicts("same") == {"version": "confirmed"}


def test_a_messy_server_is_tidied_up(others):
    assert others.verdicts("messy") == {"version": "confirmed"}
    left = [line.split('"')[1] for line in others.logs.splitlines() if '"left the ' in line]
    assert [each.rpartition(" ")[0] for each in left] == ["left the process", "left the file"]
    assert not Path(left[1].rpartition(" ")[2]).exists()
    assert others.leftovers() == []


def test_nothing_is_left(disagreeing):
    assert disagreeing.leftovers() == []
