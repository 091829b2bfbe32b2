"""The checks of protocols and of the CPU, with models that do not do what the checks think."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("suites-protocols")

AGREE = "http-grpc-agree"
CPU = "cpu-only"
ECHO = "model_repository/every_datatype/1/model.py"
WITNESS = "model_repository/cpu_witness/1/model.py"
REPORT = '"parameters": json.loads(request.parameters() or "{}")}'


def told_by(number):
    """The model tells a number of its own, made of how many requests it has had before."""
    beginning = "NUMPY = int(np.__version__"
    return [
        (ECHO, beginning, f"import itertools\nBEFORE = itertools.count()\n{beginning}"),
        (ECHO, REPORT, f'"parameters": {{}}, "number": (lambda n: {number})(next(BEFORE))}}'),
    ]


@pytest.fixture(scope="module")
def untrue(run_altered):
    # The requests come over gRPC, HTTP, HTTP and gRPC: so the model can tell HTTP by their order.
    over_http = told_by("n % 4 in (1, 2)")
    trebled = (WITNESS, "numbers * 2", "numbers * 3")
    return run_altered(AGREE, CPU, edits=[*over_http, trebled])


@pytest.fixture(scope="module")
def uncontrolled(run_altered):
    gpu = (WITNESS, "**gpus()}", '**gpus(), "count": 1}')
    return run_altered(AGREE, CPU, edits=[*told_by("n"), gpu])


@pytest.fixture(scope="module")
def more(run_altered):
    wrong = (ECHO, "tensor.as_numpy())", "tensor.as_numpy()[..., ::-1].copy())")
    broken = (
        WITNESS,
        "self.kind = arguments",
        'raise ValueError("no GPU")\n        self.kind = arguments',
    )
    return run_altered(AGREE, CPU, edits=[wrong, broken])


def test_a_result_that_differs_over_http_is_noticed(untrue):
    cell = untrue.cell(AGREE)
    assert (cell.verdict.value, cell.protocol) == ("refuted", None)
    assert "requests do not give the same result over HTTP and gRPC" in cell.reason


def test_results_that_change_say_nothing(uncontrolled):
    cell = uncontrolled.cell(AGREE)
    assert cell.verdict.value == "error"
    assert "the check's control failed: results change" in cell.reason


def test_wrong_results_that_agree_say_nothing(more):
    cell = more.cell(AGREE)
    assert cell.verdict.value == "error"
    assert "the check's control failed: wrong results" in cell.reason


def test_a_wrong_answer_without_a_gpu_is_noticed(untrue):
    cell = untrue.cell(CPU)
    assert cell.verdict.value == "refuted"
    assert "not answered rightly without a GPU: grpc cpu_witness" in cell.reason
    assert "http cpu_witness" in cell.reason


def test_a_gpu_that_is_there_says_nothing(uncontrolled):
    cell = uncontrolled.cell(CPU)
    assert cell.verdict.value == "error"
    assert "the check's control failed: the server may well have a GPU" in cell.reason


def test_a_server_that_does_not_start_without_a_gpu_is_noticed(more):
    cell = more.cell(CPU)
    assert cell.verdict.value == "refuted"
    assert "it does not start without a GPU" in cell.reason
