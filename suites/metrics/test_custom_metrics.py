"""Metrics of their own that Python models keep."""

from __future__ import annotations

import json
import re
from contextlib import closing

import numpy as np
import pytest

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers.models import model

MODEL = model("metric_updates")
#: Updates of each metric. An update takes the server some microseconds, in which another thread
#: runs only where the system lets it: in about a third of them on a busy machine.
UPDATES = 300


@pytest.mark.claim("python-metrics-let-threads-run")
@pytest.mark.server(arguments=["--disable-auto-complete-config"])
def test_threads_run_while_a_metric_is_updated(server, evidence):
    """While a Python model increments or observes a custom metric, the other threads of its process
    run on.
    """
    if "allow-metrics" not in server.options:
        raise Blocked("the server was built without metrics", unblock="a server with metrics")
    arguments = [*server.specification.arguments, "--allow-metrics=true"]
    with server.fresh([MODEL], arguments=arguments) as metered:
        with evidence.step("update metrics beside another thread of the model"):
            ran = updates_with_progress(metered)
        with evidence.step("control: every update has reached the server's metrics"):
            must_have_counted(metered, ran)
    evidence.show(
        f"in how many of {UPDATES} calls another thread ran",
        "\n".join(f"{call}: {'no such call' if n is None else n}" for call, n in ran.items()),
    )
    if ran["sleep"] < UPDATES / 2 or ran["compute"]:
        raise BrokenError(
            f"the check's control failed: another thread ran in {ran['sleep']} of {UPDATES} calls "
            f"that let it, and in {ran['compute']} that do not"
        )

    stopped = {call: ran[call] for call in ("increment", "observe") if not ran[call]}
    assert not stopped, "; ".join(
        f"there is no {call}" if n is None else f"no other thread ran in {UPDATES} calls of {call}"
        for call, n in stopped.items()
    )


def updates_with_progress(server):
    """In how many calls another thread ran, by the kind of call; None for one that is not there."""
    numbers = {"UPDATES": np.array([UPDATES], dtype=np.int32)}
    with closing(server.client("grpc")) as client:
        answer = client.infer(MODEL.name, numbers, expected_outputs=["REPORT"])
    if not answer.accepted:
        raise BrokenError(f"the model does not answer: {answer}")
    return json.loads(answer.outputs["REPORT"].tobytes())


def must_have_counted(server, ran):
    """An update that does nothing would let other threads run, or stop them, for no reason."""
    text = server.process.get("/metrics", of=server.process.metrics)[1].decode()
    for call, metric in (("increment", "updates"), ("observe", "sizes_count")):
        counted = re.search(rf"^{metric}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
        if ran[call] is not None and (counted is None or float(counted[1]) != UPDATES):
            raise BrokenError(
                f"the check's control failed: the server's metric {metric} is "
                f"{counted[1] if counted else 'not there'} after {UPDATES} updates"
            )
