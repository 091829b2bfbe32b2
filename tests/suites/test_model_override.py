"""The checks of loads with override files, on real servers that are not as they think."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("suites-model-override")

CHECK = "suites/model_control/test_model_override.py"
MODEL = "model_repository/reconfigured"
REFUSED = "file-override-configs"
LIVE = "file-override-config-parameter"
#: What the checks do with an answer does not depend on the protocol.
ONE_PROTOCOL = ("-k", "grpc")
#: Asks for the refusal in a way that no server refuses.
WELCOME = (
    CHECK,
    "repository.bring(CODE, *configurations)",
    "repository.bring(CODE, *configurations, max_batch_size=9)",
)
#: Makes the server run with another configuration than the check believes to have sent.
ANOTHER = (CHECK, '"max_batch_size": max_batch_size,', '"max_batch_size": 2,')
#: Makes a plain load, the control of both checks, give another configuration than they know.
OTHER_CHOICE = (f"{MODEL}/configs/custom.pbtxt.j2", "max_batch_size: 3", "max_batch_size: 4")


@pytest.fixture(scope="module")
def untrue(run_altered):
    return run_altered(REFUSED, LIVE, edits=[WELCOME, ANOTHER], options=ONE_PROTOCOL)


@pytest.fixture(scope="module")
def uncontrolled(run_altered):
    return run_altered(REFUSED, LIVE, edits=[OTHER_CHOICE], options=ONE_PROTOCOL)


def test_loads_that_are_not_refused_are_noticed(untrue):
    cell = untrue.cell(REFUSED)
    assert cell.verdict.value == "refuted"
    assert "6 of 6 loads that bring their configuration as a file were not refused" in cell.reason


def test_another_configuration_than_the_parameter_is_noticed(untrue):
    cell = untrue.cell(LIVE)
    assert cell.verdict.value == "refuted"
    assert "4 of 4 loads did not make the parameter config live" in cell.reason
    assert "the model is READY with max_batch_size 2 and edition 2 of its code" in cell.reason


@pytest.mark.parametrize("claim", [REFUSED, LIVE])
def test_a_plain_load_that_is_not_as_it_should_be_breaks_the_check(uncontrolled, claim):
    cell = uncontrolled.cell(claim)
    assert cell.verdict.value == "error"
    assert "the check's control failed: a plain load was answered by OK" in cell.reason
