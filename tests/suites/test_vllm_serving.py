"""The checks of real vLLM models, on a real server with a backend that has the processes of vLLM's.

No GPU is here: what they need of one is taken off them. The server is of a release that the newer
claims are not made of, so that what holds there is premature.
"""

from __future__ import annotations

import os

import pytest

from staged.vllm_backends import write_vllm_stand_in

pytestmark = pytest.mark.xdist_group("suites-vllm-serving")

slow = pytest.mark.skipif(
    "TRITON_CLAIMS_SLOW_TESTS" not in os.environ,
    reason="one of many that take long: TRITON_CLAIMS_SLOW_TESTS=1 make test",
)
FOLDER = "suites/vllm/"
ONE, TWO = 'needs("gpu", image="vllm-python-py3")', 'needs("gpu", gpus=2, image="vllm-python-py3")'
ANYWHERE = [
    *(
        (f"{FOLDER}test_{name}.py", ONE, 'needs(os="linux")')
        for name in ("engine_process", "outputs", "throughput", "empty_prompt")
    ),
    (f"{FOLDER}test_tensor_parallelism.py", TWO, 'needs(os="linux")'),
    (f"{FOLDER}test_engine_process.py", "PAUSE = 5.0", "PAUSE = 0.1"),
    (f"{FOLDER}test_tensor_parallelism.py", "PATIENCE = 60.0", "PATIENCE = 1.0"),
    (f"{FOLDER}test_tensor_parallelism.py", "BOUND = 0.2", "BOUND = 0.8"),
    (f"{FOLDER}test_tensor_parallelism.py", "TRIES = 14", "TRIES = 2"),
]
ZMQ, METRICS = "vllm-zmq", "vllm-metrics-without-zmq"
HEALTH, OUTPUTS = "vllm-health-check", "vllm-additional-outputs"
EMPTY, THROUGHPUT = "vllm-advisory-w2r7-not-invoked", "vllm-zmq-throughput"
LOCK, LEFT, RAY = (
    "vllm-tensor-parallel-explicit-load",
    "vllm-tensor-parallel-orphans",
    "vllm-tensor-parallel-ray",
)


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory, newest_installation):
    """Gives the target of a real server with a backend that stands in for vLLM's, by its knobs."""

    def stand_in(**knobs):
        root = tmp_path_factory.mktemp("server") / "tritonserver"
        (root / "bin").mkdir(parents=True)
        (root / "backends").mkdir()
        libraries = ":".join(map(str, newest_installation.libraries))
        binary = root / "bin" / "tritonserver"
        binary.write_text(
            f"#!/bin/sh\nexport LD_LIBRARY_PATH={libraries}:$LD_LIBRARY_PATH\n"
            f'exec {newest_installation.binary} "$@"\n'
        )
        binary.chmod(0o755)
        (root / "backends" / "python").symlink_to(newest_installation.backends / "python")
        write_vllm_stand_in(root / "backends" / "vllm", **knobs)
        return f"install:{root}"

    return stand_in


def verdicts(run):
    """What the cells of a run came to, and why."""
    assert not run.leftovers()
    return {cell.claim: (cell.verdict.value, cell.reason) for cell in run.ledger.cells}


def test_a_backend_as_the_notes_have_it(run_altered, stand_in):
    target = stand_in(zmq=True, lock=True)
    run = run_altered(ZMQ, METRICS, LOCK, edits=ANYWHERE, targets=[target])
    found = verdicts(run)
    assert {claim: verdict for claim, (verdict, _) in found.items()} == {
        ZMQ: "premature",
        METRICS: "confirmed",
        LOCK: "confirmed",
    }, found


def test_processes_that_are_left_are_seen_and_ended(run_altered, stand_in):
    target = stand_in(zmq=True, left=True, ray_left=True)
    run = run_altered(LEFT, RAY, edits=ANYWHERE, targets=[target])
    found = verdicts(run)
    assert {claim: verdict for claim, (verdict, _) in found.items()} == {
        LEFT: "confirmed",
        RAY: "refuted",
    }, found
    assert "sleep 300" in found[RAY][1]


@slow
def test_a_backend_that_does_otherwise(run_altered, stand_in):
    run = run_altered(ZMQ, METRICS, LOCK, LEFT, RAY, edits=ANYWHERE, targets=[stand_in()])
    found = verdicts(run)
    assert {claim: verdict for claim, (verdict, _) in found.items()} == {
        ZMQ: "baseline",
        METRICS: "confirmed",
        LOCK: "refuted",
        LEFT: "refuted",
        RAY: "confirmed",
    }, found


@slow
@pytest.mark.parametrize(
    ("knobs", "wanted"),
    [
        (
            {"zmq": True, "unloads": True},
            {HEALTH: "premature", OUTPUTS: "premature", EMPTY: "confirmed"},
        ),
        pytest.param(
            {"zmq": True, "all_outputs": True, "felled": True},
            {HEALTH: "baseline", OUTPUTS: "baseline", EMPTY: "refuted"},
        ),
    ],
)
def test_health_and_outputs(knobs, wanted, run_altered, stand_in):
    options = ["--release=24.12"]
    run = run_altered(*wanted, edits=ANYWHERE, targets=[stand_in(**knobs)], options=options)
    found = verdicts(run)
    assert {claim: verdict for claim, (verdict, _) in found.items()} == wanted, found


@slow
@pytest.mark.parametrize(
    ("knobs", "verdict", "words"),
    [
        ({"zmq": True, "slow_inside": True}, "premature", ""),
        ({"slow_inside": True}, "baseline", "no engine is talked to over ZMQ"),
    ],
)
def test_the_slower_place_of_the_engine_decides(knobs, verdict, words, run_altered, stand_in):
    quick = (f"{FOLDER}test_throughput.py", "Design(tolerated=0.0)", "Design(0.0, 0.3, looks=(3,))")
    run = run_altered(THROUGHPUT, edits=[*ANYWHERE, quick], targets=[stand_in(**knobs)])
    cell = run.cell(THROUGHPUT)
    assert cell.verdict.value == verdict, cell.reason
    assert words in cell.reason


def test_a_server_without_the_backend_blocks(run_altered):
    cell = run_altered(ZMQ, edits=ANYWHERE).cell(ZMQ)
    assert cell.verdict.value == "blocked", cell.reason
    assert "the server has no vLLM backend" in cell.reason
