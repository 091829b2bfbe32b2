"""The checks of what the vLLM backend asks for, on a real Python backend and backends of ours."""

from __future__ import annotations

import pytest

from staged.vllm_backends import write_vllm_backend

pytestmark = pytest.mark.xdist_group("suites-vllm-requests")

ON_BOTH = ("vllm-zmq-requested", "vllm-zmq-requested-without-log-stats", "vllm-image-input-always")
ALWAYS = (
    "vllm-metrics-in-process-requested",
    "vllm-executor-handed-on",
    "vllm-tensor-parallel-kind-model",
)


@pytest.fixture(scope="module")
def backends(tmp_path_factory):
    """Targets: one asks for engines of their own processes, the other for none."""
    folder = tmp_path_factory.mktemp("backends")
    return {
        (of_its_own, release): (
            f"vllm-backend:{write_vllm_backend(folder / release, of_its_own=of_its_own)}@{release}"
        )
        for of_its_own, release in ((True, "25.01"), (False, "24.12"))
    }


@pytest.fixture(scope="module")
def run(run_altered, backends):
    """Both backends, said to be of the releases that asked as they do, and a server that has none.

    What is true of both is asked of one of them.
    """
    targets = [*backends.values(), "wheel:24.10"]
    return run_altered(*ON_BOTH, targets=targets)


@pytest.mark.parametrize("claim", ON_BOTH)
def test_what_differs_between_releases_is_told_apart(claim, run, backends):
    verdicts = {
        key: run.cell(claim, target=target).verdict.value for key, target in backends.items()
    }
    assert verdicts == {(True, "25.01"): "confirmed", (False, "24.12"): "baseline"}
    assert run.cell(claim, target=backends[True, "25.01"]).server_version == "2.54.0"


def test_a_server_without_the_files_blocks_and_says_how_to_name_them(run):
    cell = run.cell(ON_BOTH[0], target="wheel:24.10")
    assert cell.verdict.value == "blocked"
    assert "--target vllm-backend:DIR@YY.MM" in cell.reason


def test_what_is_told_of_it_does_not_take_it_for_a_server(run, backends):
    target = backends[True, "25.01"]
    assert f"{target} is the vLLM backend of Triton 2.54.0" in run.output
    assert run.exit_code == 0
    assert not run.leftovers()


def test_what_holds_of_every_release_holds(run_altered, backends):
    target = backends[True, "25.01"]
    run = run_altered(*ALWAYS, "server-version", targets=[target])
    assert {cell.claim: cell.verdict.value for cell in run.ledger.cells} == dict.fromkeys(
        ALWAYS, "confirmed"
    )


def test_one_that_asks_otherwise_than_its_release_does_is_refuted(run_altered, backends):
    target = backends[False, "24.12"].replace("@24.12", "@25.01")
    run = run_altered(ON_BOTH[0], targets=[target])
    assert run.exit_code == 1
    assert run.cell(ON_BOTH[0]).verdict.value == "refuted"
    assert "AsyncLLMEngine.from_engine_args" in run.cell(ON_BOTH[0]).reason


def test_one_that_wants_more_of_vllm_than_the_recorder_has_decides_nothing(run_altered, backends):
    target = backends[True, "25.01"]
    name = "build_async_engine_client_from_engine_args"
    recorder = "model_repository/vllm_backend_run/1/recording_vllm.py"
    edit = (recorder, f'"{name}": build_', '"another_name": build_')
    cell = run_altered(ON_BOTH[0], edits=[edit], targets=[target]).cell(ON_BOTH[0])
    assert cell.verdict.value == "error"
    assert "build_async_engine_client_from_engine_args" in cell.reason
