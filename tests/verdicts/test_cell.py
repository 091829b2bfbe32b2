from __future__ import annotations

import json
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verdicts.samples import cell

from triton_claims.verdicts.cell import Cell, Measurement, Piece
from triton_claims.verdicts.verdict import Expectation, Verdict

_finite = st.floats(allow_nan=False, allow_infinity=False)
CELLS = st.builds(
    Cell,
    claim=st.text(),
    target=st.text(),
    gpu=st.text(),
    protocol=st.sampled_from(["grpc", "http", None]),
    verdict=st.sampled_from(Verdict),
    expectation=st.sampled_from([*Expectation, None]),
    server_version=st.none() | st.text(),
    accepted=st.none() | st.text(),
    reason=st.text(),
    evidence=st.lists(st.builds(Piece, st.text(), st.text())).map(tuple),
    measurements=st.lists(st.builds(Measurement, st.text(), _finite, st.text())).map(tuple),
    seconds=st.integers(0, 10**9).map(lambda milliseconds: milliseconds / 1000),
    reproduce=st.text(),
)


@settings(deadline=None)
@given(CELLS)
def test_a_cell_comes_back_from_its_record_as_it_was(cell):
    record = cell.to_record()
    assert Cell.from_record(record) == cell
    assert Cell.from_record(json.loads(json.dumps({"type": "cell", **record}))) == cell
    assert set(record) == {field.name for field in fields(Cell)}


def test_seconds_are_recorded_to_the_millisecond():
    assert cell(seconds=1.23456).to_record()["seconds"] == 1.235


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("verdict", "maybe", ValueError),
        ("expectation", "maybe", ValueError),
        ("colour", "red", TypeError),
        ("evidence", [{"title": "t"}], TypeError),
    ],
)
def test_what_is_no_record_of_a_cell_is_refused(field, value, error):
    record = cell().to_record() | {field: value}
    with pytest.raises(error):
        Cell.from_record(record)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_measurement_is_a_number(value):
    with pytest.raises(ValueError, match=r"start-up: found .*, expected a finite number"):
        Measurement("start-up", value, "s")


def test_an_accepted_cell_keeps_its_verdict_and_does_not_fail():
    refuted = cell(verdict=Verdict.REFUTED)
    assert refuted.fails
    accepted = cell(verdict=Verdict.REFUTED, accepted="looked into")
    assert not accepted.fails
    assert accepted.verdict is Verdict.REFUTED


def test_a_cell_is_known_by_claim_target_gpu_and_protocol():
    one = cell(protocol=None)
    assert one.key == ("cats-faster", "wheel:24.10", "cpu", "")
    assert one.key == cell(protocol=None, verdict=Verdict.ERROR).key
    assert len({one.key, cell().key, cell(gpu="gpu0").key, cell(target="x:y").key}) == 4
