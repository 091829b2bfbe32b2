"""Servers of the version with the fix that have it in part, or not at all.

Strings have their own faults and refusals theirs; here is what concerns both.
"""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("suites-partial")

ALL = ("string", "to-integer", "to-string")
#: By name: the knobs of the server, and what it refutes.
SERVERS = {
    "none": ({"correlation": "broken-2.51"}, ALL),
    "direct only": ({"only_strategy": "direct"}, ("string", "to-string")),
    "oldest only": ({"only_strategy": "oldest"}, ALL),
    "grpc only": ({"only_protocol": "grpc"}, [f"{claim} http" for claim in ALL]),
    "http only": ({"only_protocol": "http"}, [f"{claim} grpc" for claim in ALL]),
    "strings only": (
        {
            "message_without_model": True,
            "message_without_sent_datatype": True,
            "message_without_expected_datatype": True,
            "wrong_status": True,
        },
        ("to-integer", "to-string"),
    ),
}


@pytest.fixture(scope="module")
def run(start_run):
    return start_run({name: knobs for name, (knobs, _) in SERVERS.items()}).result()


@pytest.mark.parametrize("name", SERVERS)
def test_what_is_not_fixed_is_refuted(run, name):
    assert run.verdicts(name) == run.expected(refuted=SERVERS[name][1])


@pytest.mark.parametrize(
    ("name", "broken", "right"),
    [("direct only", "oldest", "direct"), ("oldest only", "direct", "oldest")],
)
@pytest.mark.parametrize("claim", ["string", "to-string"])
@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_strategy_is_told(*, run, name, broken, right, claim, protocol):
    reason = run.cells(name)[f"{claim} {protocol}"].reason
    assert f"correlation_id-STRING-{broken}: " in reason
    assert f"correlation_id-STRING-{right}: " not in reason


def test_the_run_fails(run):
    assert run.exit_code == 1
    assert run.ledger.footer["failures"] == ["26 refuted"]


def test_nothing_is_left(run):
    assert run.leftovers() == []
