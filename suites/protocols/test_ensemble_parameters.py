"""What an ensemble hands on to the models it is made of."""

from __future__ import annotations

import json

import numpy as np
import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers.client import input_tensor
from triton_claims.servers.models import model

REPORT, ENSEMBLE = model("request_report"), model("report_ensemble")
PARAMETERS = {"text": "abc", "number": 7, "flag": True}


@pytest.mark.claim("ensemble-parameters")
@pytest.mark.server(models=[REPORT, ENSEMBLE], arguments=["--disable-auto-complete-config"])
def test_an_ensemble_hands_parameters_on(client, evidence):
    """The parameters of a request to an ensemble reach the models it is made of."""
    with evidence.step("control: they reach the model when it is asked itself"):
        alone = parameters_seen(client, REPORT)
        if alone != PARAMETERS:
            raise BrokenError(f"the check's control failed: the model got {alone}")
    through = parameters_seen(client, ENSEMBLE)
    evidence.show("what the model got through the ensemble", repr(through))

    assert through == PARAMETERS, f"the model got {through or 'no parameters'}"


def parameters_seen(client, asked):
    """The parameters that the reporting model got."""

    def send(connection, library, limit):
        tensor = input_tensor(library, "IN", np.ones(1, dtype=np.float32))
        result = connection.infer(asked.name, [tensor], parameters=PARAMETERS, **limit)
        return {"REPORT": result.as_numpy("REPORT")}

    answer = client.ask(f"{asked.name} with parameters", send)
    if not answer.accepted:
        raise BrokenError(f"the check's control failed: {asked.name}: {answer}")
    return json.loads(answer.outputs["REPORT"][0])["parameters"]
