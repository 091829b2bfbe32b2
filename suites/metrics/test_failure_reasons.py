"""Metrics of requests that failed."""

from __future__ import annotations

import re
import time
from contextlib import closing

import numpy as np
import pytest

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers.models import model

MODEL = model("raises")
REQUESTS = 2
#: Seconds for a failure that a client knows of to be counted.
COUNTED_WITHIN = 5.0
FAILURES = rf'^nv_inference_request_failure{{([^}}]*model="{MODEL.name}"[^}}]*)}} (\S+)$'


@pytest.mark.claim("request-failure-reasons")
@pytest.mark.server(models=[MODEL], arguments=["--disable-auto-complete-config"])
def test_failures_are_counted_by_their_reason(server, evidence):
    """The metric nv_inference_request_failure counts the failed requests of a model by the
    reason, with those that the model broke at under BACKEND.
    """
    if "allow-metrics" not in server.options:
        raise Blocked("the server was built without metrics", unblock="a server with metrics")
    arguments = [*server.specification.arguments, "--allow-metrics=true"]
    with server.fresh(arguments=arguments) as own:
        with (
            evidence.step("requests that the model breaks at"),
            closing(own.client("grpc")) as client,
        ):
            ones = {"IN": np.ones(1, dtype=np.float32)}
            for _ in range(REQUESTS):
                answer = client.infer(MODEL.name, ones, expected_outputs=["OUT"])
                if answer.accepted or "the model breaks at" not in answer.message:
                    raise BrokenError(f"the check's control failed: no error came: {answer}")
        counted = counted_in_time(own.process)
    evidence.show("the metric", "\n".join(f"{labels}: {count}" for labels, count in counted))
    if not counted:
        raise BrokenError("the check's control failed: failures are not counted at all")

    under = [float(count) for labels, count in counted if 'reason="BACKEND"' in labels]
    assert under, "failures are counted without a reason"
    assert under == [REQUESTS], f"{under[0]:.0f} of {REQUESTS} failures are counted under BACKEND"


def counted_in_time(process):
    """The labels and counts of the metric, when all failures are in it or should have been.

    The backend sends its errors first, and tells the server of them afterwards.
    """
    deadline = time.monotonic() + COUNTED_WITHIN
    while True:
        text = process.get("/metrics", of=process.metrics)[1].decode()
        counted = re.findall(FAILURES, text, re.MULTILINE)
        if sum(float(count) for _, count in counted) >= REQUESTS or time.monotonic() > deadline:
            return counted
        time.sleep(0.05)
