"""How the checks of servers on Jetson decide, on servers that are staged.

The refusals are those of src/backend_model.cc of the core and src/onnxruntime.cc of the ONNX
Runtime backend, r25.01; what the core says was seen on a real server, too.
"""

from __future__ import annotations

import numpy as np
import pytest

from fixtures.evidence import Evidence
from staged.five_states import STATES, check_of, staged, verdict_of
from staged.remote import DIED, RefusalError, SilenceError, StagedRemote
from triton_claims.errors import BrokenError
from triton_claims.verdicts.verdict import Verdict

FAILED = "load failed for model 'triton_claims_probe': version 1 is at UNAVAILABLE state: "
NUMBERS = np.array([1.5, -2.0], dtype=np.float32)
EVERY = ("tensorrt", "onnxruntime", "tensorflow", "pytorch", "python")


def case(load, infer=None):
    server = StagedRemote(load=load, infer={"OUT": NUMBERS} if infer is None else infer)
    return {"server": server, "evidence": Evidence()}


def with_backends(*there, problem=None):
    """A server with some backends; they refuse an empty model."""

    def load(config):
        backend = config["backend"]
        if problem is not None and backend == "pytorch":
            return problem
        why = (
            "Internal: the model cannot be read"
            if backend in there
            else f"Invalid argument: unable to find backend library for backend '{backend}', try "
            "specifying runtime on the model configuration."
        )
        return RefusalError("400", f"{FAILED}{why};")

    return case(load)


def with_onnx(*providers, on_gpu=None, infer=None):
    """A server whose ONNX Runtime has some providers, and says something on a GPU."""

    def load(config):
        accelerators = config.get("optimization", {}).get("execution_accelerators", {})
        for each in (each for every in accelerators.values() for each in every):
            if each["name"] not in providers:
                words = f"unknown Execution Accelerator '{each['name']}' is requested"
                return RefusalError("400", f"{FAILED}Invalid argument: {words};")
        return on_gpu if config["instance_group"][0]["kind"] == "KIND_GPU" else None

    return case(load, infer)


CASES = {
    "jetson-backends": {
        "holds": with_backends(*EVERY),
        "does-not-hold": with_backends(*EVERY[:-1]),
        "no-data": case(lambda _config: RefusalError("400", "no")),
        "dies": with_backends(*EVERY, problem=DIED),
        "timeout": with_backends(*EVERY, problem=SilenceError()),
    },
    "jetson-onnxruntime-cuda": {
        "holds": with_onnx(),
        "does-not-hold": with_onnx("tensorrt"),
        "no-data": with_onnx("triton_claims_none"),
        "dies": with_onnx(on_gpu=DIED),
        "timeout": with_onnx(on_gpu=SilenceError()),
    },
}


@staged(CASES)
def test_each_state_comes_to_its_verdict(claim, state, case):
    verdict, words = verdict_of(claim, **case)
    assert verdict is STATES[state], words
    assert case["server"].loaded == [] or state in {"dies", "timeout"}


@pytest.mark.parametrize(
    ("case", "verdict", "words"),
    [
        (with_onnx(on_gpu=RefusalError("400", "no CUDA")), Verdict.REFUTED, "not run on the GPU"),
        (with_onnx(infer={"OUT": NUMBERS + 1}), Verdict.ERROR, "control failed"),
        (
            case(lambda _config: RefusalError("400", "unable to find backend library for backend")),
            Verdict.BLOCKED,
            "has no ONNX Runtime",
        ),
    ],
)
def test_what_else_onnx_can_come_to(case, verdict, words):
    found, told = verdict_of("jetson-onnxruntime-cuda", **case)
    assert found is verdict, told
    assert words in told


def test_a_backend_for_another_machine_is_not_there():
    def load(config):
        if config["backend"] == "triton_claims_none":
            return RefusalError("400", "unable to find backend library")
        return RefusalError("400", "unable to load shared library: wrong ELF class")

    assert verdict_of("jetson-backends", **case(load))[0] is Verdict.REFUTED


def test_the_model_is_an_onnx_model():
    made = check_of("jetson-onnxruntime-cuda").__globals__["identity"]()
    assert made.startswith(b"\x08\x08:"), "ir_version, and the graph"
    assert b"Identity" in made
    assert len(made) < 128, "lengths are written as one byte each"


def test_a_server_that_breaks_is_an_error():
    verdict, _ = verdict_of(
        "jetson-backends", **with_backends(problem=BrokenError("no connection"))
    )
    assert verdict is Verdict.ERROR
