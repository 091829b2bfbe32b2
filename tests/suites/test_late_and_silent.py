"""What checks make of answers that come late, not at all, or for another reason."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import chain, repeat
from types import SimpleNamespace

import pytest

from fixtures.evidence import Evidence
from staged.five_states import check_of, verdict_of
from triton_claims.errors import BrokenError
from triton_claims.servers.client import NO_ANSWER, OK, Answer
from triton_claims.verdicts.verdict import Verdict

FIXED = Answer("set", "400", "log file location can not be updated through network protocol")
UNWRITABLE = Answer("set", "400", "failed to open the file")
SILENCE = Answer("set", NO_ANSWER, seconds=10.0)


def server_that_answers(moved, options=("trace-config",)):
    """A server that takes every setting but a new place, which it answers as told."""
    client = SimpleNamespace(
        ask=lambda words, _send: moved if words.endswith("_file") else Answer(words, OK),
        close=lambda: None,
    )

    @contextmanager
    def fresh():
        yield SimpleNamespace(client=lambda _: client, process=SimpleNamespace(name="own"))

    return SimpleNamespace(fresh=fresh, options=options)


@pytest.mark.parametrize("what", ["log", "trace"])
@pytest.mark.parametrize(
    ("moved", "verdict"),
    [
        (FIXED, Verdict.CONFIRMED),
        (Answer("set", OK), Verdict.REFUTED),
        (UNWRITABLE, Verdict.ERROR),
        (SILENCE, Verdict.ERROR),
    ],
)
def test_a_place_is_fixed_where_the_server_says_so(what, moved, verdict):
    case = {"server": server_that_answers(moved), "protocol": "http", "evidence": Evidence()}
    found, words = verdict_of(f"{what}-file-fixed", **case)
    assert found is verdict, words


def test_a_server_without_tracing_says_nothing_of_its_trace():
    case = {"server": server_that_answers(FIXED, ()), "protocol": "http", "evidence": Evidence()}
    assert verdict_of("trace-file-fixed", **case)[0] is Verdict.BLOCKED


def test_failures_are_counted_a_little_later():
    names = check_of("request-failure-reasons").__globals__
    line = 'nv_inference_request_failure{model="raises",reason="BACKEND"} %s'
    told = chain(["", line % 1], repeat(line % 2))
    process = SimpleNamespace(
        metrics="127.0.0.1:8002",
        get=lambda _path, of: (200, next(told).encode()),  # noqa: ARG005 - as it is asked
    )
    assert [count for _, count in names["counted_in_time"](process)] == ["2"]


def test_an_answer_that_must_come():
    assert FIXED.must_come() is FIXED
    with pytest.raises(BrokenError, match="no answer within 10 s"):
        SILENCE.must_come()
