"""Servers that do not agree on their version, or have one that nobody knows."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("suites-versions")

#: By name: what makes the server another than a good 2.54.0, and what the reason must tell.
DISAGREEING = {
    "GET v2": ({"http_version": "2.53.0"}, ["GET /v2: 2.53.0", "release 24.12: 2.53.0"]),
    "gRPC": ({"grpc_version": "2.53.0"}, ["gRPC ServerMetadata: 2.53.0", "GET /v2: 2.54.0"]),
    "log": ({"log_version": "2.53.0"}, ["start-up log: 2.53.0", "GET /v2: 2.54.0"]),
    "file": ({"TRITON_VERSION": "2.53.0"}, ["TRITON_VERSION: 2.53.0", "GET /v2: 2.54.0"]),
    "all but the release": ({"version": "2.54.0dev"}, ["release 25.01: 2.54.0", "2.54.0dev"]),
    "unknown and disagreeing": (
        {"version": "9.99.0", "log_version": "9.98.0"},
        ["start-up log: 9.98.0", "GET /v2: 9.99.0"],
    ),
}
NO_VERSION = {"no version": {"version": "latest"}}
GOOD = {
    "file": {"TRITON_VERSION": "2.54.0"},
    "a port in use": {"port_in_use_once": True},
    "messy": {"leaves_child": True, "ignores_sigterm": True, "dies_on": "stop"},
}
UNKNOWN = {"unknown": {"version": "9.99.0"}}
ONLY = "--claim=server-version"


@pytest.fixture(scope="module")
def bad(start_run):
    servers = {name: knobs for name, (knobs, _) in DISAGREEING.items()}
    return start_run({**servers, **NO_VERSION}, ONLY).result()


@pytest.fixture(scope="module")
def good(start_run):
    return start_run({**GOOD, **UNKNOWN}, ONLY).result()


@pytest.mark.parametrize("name", DISAGREEING)
def test_versions_that_disagree_are_refuted(bad, name):
    assert bad.verdicts(name) == {"version": "refuted"}
    cell = bad.cells(name)["version"]
    assert cell.expectation.value == "holds"
    assert cell.accepted is None
    assert "the versions differ" in cell.reason
    for phrase in DISAGREEING[name][1]:
        assert phrase in cell.reason


def test_a_version_that_is_none_is_an_error(bad):
    assert bad.verdicts("no version") == {"version": "error"}
    cell = bad.cells("no version")["version"]
    assert cell.expectation is None
    assert "latest" in cell.reason


def test_they_fail_the_run(bad):
    assert bad.exit_code == 1
    assert bad.ledger.footer["failures"] == ["6 refuted", "1 error"]


@pytest.mark.parametrize("name", GOOD)
def test_versions_that_agree_are_confirmed(good, name):
    assert good.verdicts(name) == {"version": "confirmed"}


def test_a_version_that_nobody_knows_is_undecided(good):
    assert good.verdicts("unknown") == {"version": "undecided"}
    cell = good.cells("unknown")["version"]
    assert "agrees with itself on 9.99.0, which is no release we know" in cell.reason
    assert "in a file of releases/" in cell.reason  # what it would take
    assert cell.server_version == "9.99.0"


def test_undecided_fails_the_run(good):
    assert good.exit_code == 1
    assert good.ledger.footer["failures"] == ["1 undecided"]


def test_a_messy_server_is_tidied_up(good):
    left = [line.split('"')[1] for line in good.logs.splitlines() if '"left the ' in line]
    assert [each.rpartition(" ")[0] for each in left] == ["left the process", "left the file"]
    assert not Path(left[1].rpartition(" ")[2]).exists()
    assert good.leftovers() == []


def test_nothing_is_left(bad):
    assert bad.leftovers() == []
