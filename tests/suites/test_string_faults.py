"""Servers with the fix but for one fault in what becomes of a string."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("suites-strings")

CLAIMS = ("string", "to-string")
#: Of the claims that concern no string control, nothing is to be learnt here.
CHOICE = ("--claim=correlation-id-string", "--claim=correlation-id-dtype-integer-to-string")
DIRECT, OLDEST = "correlation_id-STRING-direct: ", "correlation_id-STRING-oldest: "
#: By name: the knobs of the server, and what the reason must tell.
FAULTS = {
    "another value": ({"wrong_value": "changed"}, "22 of 22 string correlation IDs"),
    "another value at 77": (
        {"wrong_value": "changed", "wrong_lengths": [77]},
        DIRECT + "77 bytes ('000.'...): accepted, but the model got",
    ),
    "cut short at 128": (
        {"wrong_value": "truncated", "wrong_lengths": [128]},
        DIRECT + "128 bytes ('000.'...): accepted, but the model got",
    ),
    "mojibake": ({"wrong_value": "mojibake"}, DIRECT + "'é': accepted, but the model got"),
    "another value in the middle": (
        {"wrong_value": "changed", "wrong_at": "middle"},
        '{"request": {"type": "str", "value": "1"}',
    ),
    "another value at the end": (
        {"wrong_value": "changed", "wrong_at": "end"},
        '{"request": {"type": "str", "value": "1"}',
    ),
    "another control": (
        {"wrong_control": "changed", "wrong_lengths": [1, 5]},
        '"value": "0"}, "control": {"datatype": "BYTES", "values": ["1"]}',
    ),
    "two elements": (
        {"wrong_control": "twice", "wrong_lengths": [1]},
        '"control": {"datatype": "BYTES", "values": ["0", "0"]}',
    ),
    "no control tensor": (
        {"wrong_control": "missing", "wrong_lengths": [1]},
        '"control": null',
    ),
    "refused at 64": (
        {"refuses_lengths": [64]},
        OLDEST + "64 bytes ('000.'...): ",
    ),
    "ASCII only": ({"refuses_utf8": True}, "correlation ID is not ASCII"),
    "deadly at 126": (
        {"dies_on": "string-to-string", "signal": 11, "wrong_lengths": [126]},
        DIRECT + "126 bytes ('000.'...): the server was killed by SIGSEGV (exit status -11)",
    ),
}


@pytest.fixture(scope="module")
def run(start_run):
    return start_run({name: knobs for name, (knobs, _) in FAULTS.items()}, *CHOICE).result()


@pytest.mark.parametrize("name", FAULTS)
def test_the_claim_about_strings_alone_is_refuted(run, name):
    assert run.verdicts(name) == run.expected(CLAIMS, refuted=["string"])


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize(("name", "phrase"), [(name, told) for name, (_, told) in FAULTS.items()])
def test_the_fault_is_told(run, name, phrase, protocol):
    cell = run.cells(name)[f"string {protocol}"]
    assert phrase in cell.reason
    assert "did not reach the model" in cell.reason
    assert cell.expectation.value == "holds"
    assert cell.accepted is None


def test_the_run_fails(run):
    assert run.exit_code == 1
    assert run.ledger.truncation is None
    assert run.ledger.footer["failures"] == [f"{2 * len(FAULTS)} refuted"]


def test_nothing_is_left(run):
    assert run.leftovers() == []
