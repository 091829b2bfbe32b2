"""Metrics of requests that wait."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers.models import model

MODEL = model("timed_answer")
REQUESTS = 4
WORK = 0.4  # seconds of each request, one after the other
PENDING, ANSWERED = "nv_inference_pending_request_count", "nv_inference_request_success"


@pytest.mark.claim("pending-requests-metric")
@pytest.mark.server(models=[MODEL], arguments=["--disable-auto-complete-config"])
def test_a_metric_tells_how_many_requests_wait(server, evidence):
    """The metric nv_inference_pending_request_count tells how many requests of a model wait to be
    run, and goes back to none.
    """
    if "allow-metrics" not in server.options:
        raise Blocked("the server was built without metrics", unblock="a server with metrics")
    arguments = [*server.specification.arguments, "--allow-metrics=true"]
    with server.fresh(arguments=arguments) as own:
        with evidence.step("more requests than the model can run at once"):
            most = most_that_waited(own)
        answered, left = metric(own, ANSWERED), metric(own, PENDING)
    evidence.show("seen", f"at most {most} waited, {left} at the end, {answered} were answered")
    if answered != REQUESTS:
        raise BrokenError(f"the check's control failed: {answered} of {REQUESTS} were counted")

    assert most is not None, f"there is no metric {PENDING}"
    assert 0 < most < REQUESTS, f"it told of {most:.0f} while {REQUESTS} requests were under way"
    assert left == 0, f"it tells of {left:.0f} when none is left"


def most_that_waited(server):
    """The most that the metric told of while requests were answered; None where there is none."""
    numbers = {"MICROSECONDS": np.array([WORK * 1e6], dtype=np.int32)}

    def ask(_number):
        with closing(server.client("grpc")) as client:
            return client.infer(MODEL.name, numbers, expected_outputs=["SEEN"])

    _ = server.process
    most = None
    with ThreadPoolExecutor(REQUESTS) as clients:
        answers = [clients.submit(ask, number) for number in range(REQUESTS)]
        while not all(answer.done() for answer in answers):
            now = metric(server, PENDING)
            most = now if now is not None and (most is None or now > most) else most
            time.sleep(0.02)
    if not all(answer.result().accepted for answer in answers):
        raise BrokenError("the check's control failed: a request was not answered")
    return most


def metric(server, name):
    """A metric of the model; None where it is not there."""
    text = server.process.get("/metrics", of=server.process.metrics)[1].decode()
    found = re.search(rf'^{name}{{[^}}]*model="{MODEL.name}"[^}}]*}} (\S+)$', text, re.MULTILINE)
    return float(found[1]) if found else None
