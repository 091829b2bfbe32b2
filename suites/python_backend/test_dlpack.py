"""Tensors that Python models take and give by DLPack."""

from __future__ import annotations

from contextlib import closing

import ml_dtypes
import numpy as np
import pytest
from tritonclient.grpc import InferInput

from triton_claims.errors import BrokenError
from triton_claims.servers.models import model

#: How NumPy has each datatype.
DTYPES = {"FP32": np.float32, "BF16": ml_dtypes.bfloat16}
MODELS = {datatype: model("dlpack_echo", datatype=datatype) for datatype in DTYPES}
#: Seconds until a request counts as unanswered: some servers lose the model's process by it.
PATIENCE = 5.0
#: Numbers that BF16 holds exactly.
NUMBERS = np.array([1.5, -2.0, 0.0, 384.0], dtype=np.float32)


@pytest.mark.claim("python-bf16-dlpack")
@pytest.mark.server(models=list(MODELS.values()), arguments=["--disable-auto-complete-config"])
def test_bf16_goes_through_dlpack(server, evidence):
    """A Python model can take BF16 tensors as DLPack, and give them so."""
    with server.fresh() as own, closing(own.client("grpc", timeout=PATIENCE)) as client:
        answers = {datatype: echo(client, datatype) for datatype in MODELS}
    evidence.show("the answers", "\n".join(f"{name}: {each}" for name, each in answers.items()))
    control = answers["FP32"]
    if not (control.accepted and np.array_equal(control.outputs["OUT"], NUMBERS)):
        raise BrokenError(f"the check's control failed: FP32 does not go through: {control}")

    answer = answers["BF16"]
    assert answer.accepted, f"the model cannot pass it on: {answer}"
    assert np.array_equal(answer.outputs["OUT"], NUMBERS), "other numbers came back"


def echo(client, datatype):
    """What comes back of numbers that are sent as a datatype."""

    def send(connection, _library, limit):
        tensor = InferInput("IN", list(NUMBERS.shape), datatype)
        tensor.set_data_from_numpy(NUMBERS.astype(DTYPES[datatype]))
        result = connection.infer(MODELS[datatype].name, [tensor], **limit)
        return {"OUT": result.as_numpy("OUT").astype(np.float32)}

    return client.ask(MODELS[datatype].name, send)
