from __future__ import annotations

import numpy as np
import pytest

from triton_claims.servers.client import PROTOCOLS
from triton_claims.servers.loads import LOADS, LoadRequest

ONE = np.array([1], dtype=np.int32)


def test_the_loads_that_claims_speak_of_are_there():
    assert list(LOADS) == [
        *("single", "concurrent", "open-loop", "large-input", "shared-memory"),
        *("sequences", "streaming"),
    ]
    assert all(name == load.name for name, load in LOADS.items())


@pytest.mark.parametrize("load", LOADS.values(), ids=str)
def test_a_load_asks_models_that_it_brings_along_over_protocols_there_are(load):
    assert load.request.model in {model.name for model in load.models}
    assert set(load.protocols) <= set(PROTOCOLS)
    assert load.load.warm_up  # a model's first answers are of another kind


def test_only_a_closed_loop_of_whole_sequences_can_be_compared():
    load = LOADS["sequences"]
    assert load.request.sequence_length == 10
    assert load.load.requests % 10 == load.load.warm_up % 10 == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"inputs": {}}, "no inputs"),
        ({"answers": ()}, "no answers"),
        ({"answers": ({},)}, "no answers"),
        ({"answers": ({"OUT": ONE}, {"OUT": ONE})}, "2 answers, expected one"),
        ({"mode": "sequence", "shared_memory": True}, "shared memory in mode sequence"),
    ],
)
def test_what_cannot_be_asked_is_refused(change, reason):
    right = {"model": "it", "inputs": {"IN": ONE}, "answers": ({"OUT": ONE},)}
    assert LoadRequest(**right).input_bytes == 4
    with pytest.raises(ValueError, match=reason):
        LoadRequest(**{**right, **change})
