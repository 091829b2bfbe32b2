"""Servers of any version that are as they should be: nobody has to look."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("suites-good")

SERVERS = {
    "the fix": {},
    "2.51": {"version": "2.51.0", "correlation": "broken-2.51"},
    "2.44": {"version": "2.44.0", "correlation": "old-2.44"},
}
NO_ELEMENTS = "unexpected number of string elements 2 for inference input 'CORRID', expecting 1"
NOT_UNSIGNED = "correlation ID in request is not an unsigned int"
DIFFERENCES = [
    ("2.51", "string", ": '0', '000.0', 124 bytes", NO_ELEMENTS),
    ("2.51", "string", "127 bytes", "Stub process 'correlation_id-STRING-direct_0_0' is not"),
    ("2.51", "to-string", ": 42, 2147483648, 9223372036854775807: ", NO_ELEMENTS),
    ("2.51", "to-integer", "INT64-direct: 'abc-1': accepted, but the model got", "327056592315246"),
    ("2.51", "to-integer", "UINT32-direct: 128 bytes", "the server was killed by SIGABRT"),
    ("2.44", "string", "22 of 22 string correlation IDs did not reach", NOT_UNSIGNED),
    ("2.44", "to-string", "6 of 6 numeric IDs", "unpack_from requires a buffer of at least 136"),
    ("2.44", "to-integer", "8 of 8 string IDs", NOT_UNSIGNED),
]


@pytest.fixture(scope="module")
def run(start_run):
    return start_run(SERVERS).result()


def test_with_the_fix_everything_is_confirmed(run):
    assert run.verdicts("the fix") == run.expected()
    cells = run.cells("the fix").values()
    assert {cell.expectation.value for cell in cells} == {"holds"}
    assert {cell.server_version for cell in cells} == {"2.54.0"}


@pytest.mark.parametrize("name", ["2.51", "2.44"])
def test_without_the_fix_the_difference_is_seen(run, name):
    assert run.verdicts(name) == run.expected(baseline=["string", "to-integer", "to-string"])
    for key, cell in run.cells(name).items():
        assert cell.expectation.value == ("holds" if key == "version" else "absent")


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize(("name", "claim", "who", "what"), DIFFERENCES)
def test_the_difference_is_told(*, run, name, claim, who, what, protocol):
    cell = run.cells(name)[f"{claim} {protocol}"]
    assert cell.reason.startswith(f"absent on server {name}.0 as it must be (since 2.54.0): ")
    assert any(who in line and what in line for line in told_lines(cell.reason))
    assert cell.evidence


def told_lines(reason):
    """Its lines; the first tells how many, so it goes with each."""
    first, *rest = reason.splitlines()
    return [f"{first} {line}" for line in rest]


def test_the_run_passes(run):
    assert run.exit_code == 0, run.output
    assert run.ledger.truncation is None
    assert run.ledger.footer["failures"] == []
    assert not any(cell.accepted for cell in run.ledger.cells)


def test_nothing_is_left(run):
    assert run.leftovers() == []
