"""Servers that die, keep silent or never get ready: what that says of a claim, and what not."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("suites-broken")

ALL = ("string", "to-integer", "to-string")
EXITED, KILLED = "exited with status 3", "was killed by SIGSEGV (exit status -11)"
LOADING_FAILED = "error: creating server: Internal - failed to load all models"
STARTED = "Started GRPCInferenceService at 127.0.0.1:"

#: No check can tell anything on these. By name: the knobs, and what the reasons must tell.
USELESS = {
    "exits at its start": ({"dies_on": "start", "exit_code": 3}, [EXITED, LOADING_FAILED]),
    "dies at its start": ({"dies_on": "start", "signal": 11}, [KILLED, LOADING_FAILED]),
    "dies when ready": ({"dies_on": "after-ready", "exit_code": 3}, [EXITED, STARTED]),
}
#: On these, the checks that send numbers to integer controls can tell nothing.
WITHOUT_NUMBERS = {
    "refuses numbers": (
        {"refuses_numbers": True},
        ["the check's control failed: 42: ", "correlation ID must be a string"],
    ),
    "garbles controls": (
        {"wrong_control": "changed"},
        ["the check's control failed: 42: ", '"values": [43]'],
    ),
    "dies of numbers": (
        {"dies_on": "integer-to-integer", "signal": 11},
        ["the check's control failed: 42: ", KILLED],
    ),
}
SILENCE = 3  # seconds that an answer may take in the runs where there is none
NO_ANSWER = f"no answer within {SILENCE} s"
IMPATIENT = (SILENCE, 60)


@pytest.fixture(scope="module")
def silent_runs(start_run):
    """Runs that do nothing but wait; so they do it while others run."""
    hang = {"without the fix": {"version": "2.48.0", "correlation": "hang"}}
    silent = {"with the fix": {"correlation": "hang"}, "slow": {"slow_answer": 3600}}
    choice = ("--claim=correlation-id-dtype-integer-to-string", "-k", "http")
    never = {"never": {"never_ready": True}, "stranger": {"server_name": "stranger"}}
    return {
        "baseline": start_run(hang, "--claim=correlation-id-*", impatience=IMPATIENT),
        "failing": start_run(silent, *choice, impatience=IMPATIENT),
        "never ready": start_run(never, "--claim=server-version", impatience=(SILENCE, 1)),
    }


@pytest.fixture(scope="module")
def useless(silent_runs, start_run):  # noqa: ARG001 - those are to wait meanwhile
    servers = {name: knobs for name, (knobs, _) in USELESS.items()}
    return start_run({**servers, "dies of any": {"dies_on": "any-infer", "exit_code": 3}}).result()


@pytest.fixture(scope="module")
def without_numbers(silent_runs, start_run):  # noqa: ARG001 - those are to wait meanwhile
    return start_run(
        {name: knobs for name, (knobs, _) in WITHOUT_NUMBERS.items()},
        "--claim=correlation-id-dtype-*",
        "--claim=server-version",
    ).result()


@pytest.mark.parametrize("name", USELESS)
def test_a_server_that_cannot_be_used_is_an_error(useless, name):
    assert useless.verdicts(name) == useless.expected(error=[*ALL, "version"])
    for cell in useless.cells(name).values():
        if name != "dies when ready":  # which may live just long enough to tell its version
            assert cell.server_version is None
            assert cell.expectation is None
        for phrase in USELESS[name][1]:
            assert phrase in cell.reason


def test_a_server_that_dies_of_everything_refutes_nothing(useless):
    assert useless.verdicts("dies of any") == useless.expected(error=ALL)


@pytest.mark.parametrize("claim", ALL)
@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_death_is_told(useless, claim, protocol):
    cell = useless.cells("dies of any")[f"{claim} {protocol}"]
    assert cell.server_version == "2.54.0"
    assert "the check's control failed: 42: the server exited with status 3" in cell.reason
    assert STARTED in cell.reason  # of its log's end


def test_errors_fail_the_run(useless):
    assert useless.exit_code == 1
    assert useless.ledger.footer["failures"] == ["27 error"]
    assert useless.ledger.truncation is None


@pytest.mark.parametrize("name", WITHOUT_NUMBERS)
def test_a_check_whose_control_fails_is_an_error(without_numbers, name):
    run = without_numbers
    assert run.verdicts(name) == run.expected(
        ["to-integer", "to-string", "version"], error=["to-integer", "to-string"]
    )
    for key, cell in run.cells(name).items():
        for phrase in WITHOUT_NUMBERS[name][1]:
            assert key == "version" or phrase in cell.reason


def test_no_answer_without_the_fix_is_the_baseline(silent_runs):
    run = silent_runs["baseline"].result()
    assert run.verdicts("without the fix") == run.expected(ALL, baseline=ALL)
    assert run.exit_code == 0
    cells = run.cells("without the fix")
    for protocol in ("grpc", "http"):
        for claim in ("string", "to-string"):
            cell = cells[f"{claim} {protocol}"]
            assert cell.reason.startswith("absent on server 2.48.0 as it must be (since 2.54.0): ")
            assert "correlation_id-STRING-direct: " in cell.reason
            assert NO_ANSWER in cell.reason
            assert NO_ANSWER in cell.evidence[0].text
        assert "accepted, but the model got" in cells[f"to-integer {protocol}"].reason


def test_no_answer_with_the_fix_refutes(silent_runs):
    run = silent_runs["failing"].result()
    (cell,) = run.cells("with the fix").values()
    assert cell.verdict.value == "refuted"
    assert NO_ANSWER in cell.reason
    assert run.exit_code == 1


def test_no_answer_to_the_control_is_an_error(silent_runs):
    (cell,) = silent_runs["failing"].result().cells("slow").values()
    assert cell.verdict.value == "error"
    assert f"the check's control failed: 42: {NO_ANSWER}" in cell.reason


@pytest.mark.parametrize("name", ["never", "stranger"])
def test_a_server_that_never_gets_ready_is_an_error(silent_runs, name):
    run = silent_runs["never ready"].result()
    (cell,) = run.cells(name).values()
    assert cell.verdict.value == "error"
    assert "was not ready in time; the end of its log:" in cell.reason
    assert run.exit_code == 1


def test_nothing_is_left(useless, without_numbers, silent_runs):
    runs = [useless, without_numbers, *(each.result() for each in silent_runs.values())]
    assert [run.leftovers() for run in runs] == [[]] * len(runs)
