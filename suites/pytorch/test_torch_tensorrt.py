"""Whether a Torch-TensorRT model gives the same outputs as on the release before."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers import model_control

#: A folder for each release, by its container version, with a model compiled by that release's
#: Torch-TensorRT: model.pt, and its configuration config.json. They run on one kind of GPU alone.
MODELS = "TRITON_CLAIMS_TORCH_TENSORRT_MODELS"
PATIENCE = 300.0


@pytest.mark.claim("torch-tensorrt-drift")
@pytest.mark.needs("gpu", image="py3")
@pytest.mark.server(arguments=["--model-control-mode=explicit"])
def test_outputs_differ_from_the_release_before(server, baseline, releases, evidence):
    """A Torch-TensorRT model gives other outputs for the same input than on the release before."""
    before, now = (outputs_of(each, releases, evidence) for each in (baseline, server))
    if before.keys() != now.keys() or any(before[k].shape != now[k].shape for k in before):
        raise BrokenError(f"the two models have other outputs: {sorted(before)} and {sorted(now)}")
    largest = {
        name: float(np.max(np.abs(now[name].astype(np.float64) - before[name].astype(np.float64))))
        for name in before
    }
    for name, difference in largest.items():
        evidence.measure(f"largest difference, {name}", difference, "")

    assert any(largest.values()), "the outputs are the same, bit by bit"


def outputs_of(server, releases, evidence):
    """What a server's own model makes of an input that is the same for both."""
    folder = folder_of(releases.container_of(server.version) or server.version)
    try:
        configuration = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        content = (folder / "model.pt").read_bytes()
        name, inputs = configuration["name"], drawn(configuration["input"])
        wanted = [each["name"] for each in configuration["output"]]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise Blocked(
            f"{folder} holds no model: {problem!r}",
            unblock="model.pt and config.json there, as Triton's API takes them",
        ) from None
    client = server.client("grpc", timeout=PATIENCE)
    loaded = model_control.load(client, name, config=configuration, files={"1/model.pt": content})
    evidence.show(f"load {name} on {server.version}", str(loaded))
    if not loaded.accepted:
        raise BrokenError(f"{name} does not load on {server.version}: {loaded}")
    outputs = []
    for _ in range(2):
        answer = client.infer(name, inputs, expected_outputs=wanted)
        if not answer.accepted:
            raise BrokenError(f"{name} does not answer on {server.version}: {answer}")
        outputs.append({each: np.asarray(value) for each, value in answer.outputs.items()})
    if not outputs[0]:
        raise BrokenError(f"{name} gives no outputs on {server.version}")
    if any(not np.array_equal(outputs[0][each], outputs[1][each]) for each in outputs[0]):
        raise BrokenError(f"the check's control failed: {name} differs from itself, asked twice")
    return outputs[0]


def folder_of(container):
    """Where the model of a release is."""
    named = os.environ.get(MODELS)
    if not named:
        raise Blocked(
            "no Torch-TensorRT models are given, and none can be made without PyTorch and "
            "Torch-TensorRT of each release",
            unblock=f"{MODELS}=DIR, with DIR/{container}/model.pt and config.json",
        )
    return Path(named) / container


def drawn(described):
    """Numbers for each input that a configuration describes, the same every time."""
    numbers = np.random.default_rng(0)
    return {
        each["name"]: numbers.random([int(size) for size in each["dims"]], dtype=np.float32)
        for each in described
    }
