"""Servers with the fix but for one fault in how they refuse a mismatch."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("suites-refusals")

BOTH = ("to-integer", "to-string")
#: What strings become on string controls is a matter of its own, and slow to find out.
CHOICE = "--claim=correlation-id-dtype-*"
#: By name: the knobs of the server, the claims it refutes, and what their reasons must tell.
FAULTS = {
    "no model's name": ({"message_without_model": True}, BOTH, "but the model expects"),
    "no sent datatype": (
        {"message_without_sent_datatype": True},
        BOTH,
        "data-type is unexpected",
    ),
    "no expected datatype": (
        {"message_without_expected_datatype": True},
        BOTH,
        "expects another one",
    ),
    "the server's own failure": ({"wrong_status": True}, BOTH, "sequence batching control"),
    "INT32 unchecked": (
        {"accepts_datatypes": ["INT32"]},
        ("to-integer",),
        "correlation_id-INT32-direct: 'abc-1': accepted, but the model got",
    ),
    "strings unchecked": (
        {"accepts_datatypes": ["BYTES"]},
        ("to-string",),
        "6 of 6 numeric IDs for a string control were not refused",
    ),
    "unready afterwards": (
        {"unhealthy_after_refusal": True},
        BOTH,
        "the server is not ready any more",
    ),
    "useless afterwards": (
        {"useless_after_refusal": True},
        BOTH,
        "after the refusals the server is not what it was",
    ),
    "strings deadly": (
        {"dies_on": "string-to-integer", "signal": 6, "wrong_lengths": [5]},
        ("to-integer",),
        "the server was killed by SIGABRT (exit status -6)",
    ),
    "numbers deadly": (
        {"dies_on": "integer-to-string", "exit_code": 3},
        ("to-string",),
        "the server exited with status 3",
    ),
}


@pytest.fixture(scope="module")
def run(start_run):
    servers = {name: knobs for name, (knobs, *_) in FAULTS.items()}
    return start_run(servers, CHOICE).result()


@pytest.mark.parametrize(("name", "claims"), [(n, claims) for n, (_, claims, _) in FAULTS.items()])
def test_the_claims_concerned_alone_are_refuted(run, name, claims):
    assert run.verdicts(name) == run.expected(BOTH, refuted=claims)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize(
    ("name", "claim", "phrase"),
    [(n, claim, phrase) for n, (_, claims, phrase) in FAULTS.items() for claim in claims],
)
def test_the_fault_is_told(*, run, name, claim, phrase, protocol):
    cell = run.cells(name)[f"{claim} {protocol}"]
    assert phrase in cell.reason
    assert cell.expectation.value == "holds"
    assert cell.accepted is None


def test_the_run_fails(run):
    assert run.exit_code == 1
    assert run.ledger.truncation is None
    refuted = sum(2 * len(claims) for _, claims, _ in FAULTS.values())
    assert run.ledger.footer["failures"] == [f"{refuted} refuted"]


def test_nothing_is_left(run):
    assert run.leftovers() == []
