"""The GPU metrics that a server offers: on a part of a GPU, and beside an agent."""

from __future__ import annotations

import re
import time

import psutil
import pytest

from triton_claims.errors import Blocked, BrokenError, Undecided
from triton_claims.measure.crashes import RARE, try_for_crashes
from triton_claims.servers.models import model

ARGUMENTS = ["--allow-metrics=true"]
MODELS = [model("echo")]
#: What one looks at first. Memory in use is never 0 while a server has a context.
WATCHED = ("nv_gpu_utilization", "nv_gpu_memory_total_bytes", "nv_gpu_memory_used_bytes")
POSITIVE = WATCHED[1:]
SAMPLE = re.compile(r'^(nv_gpu_\w+)\{gpu_uuid="([^"]+)"[^}]*\}\s+([-+.\dEe]+|NaN)$', re.MULTILINE)
#: Seconds for a server to have asked for the metrics of its GPUs several times.
SETTLED_WITHIN = 10.0
#: What collects GPU metrics on its own; processes' names are cut at 15 characters.
AGENTS = ("nv-hostengine", "dcgm-exporter")


@pytest.mark.claim("mig-gpu-metrics")
@pytest.mark.needs("gpu", mig=True, image="py3")
@pytest.mark.server(models=MODELS, arguments=ARGUMENTS)
def test_a_mig_device_has_no_usable_metrics(server, evidence):
    """On a GPU split with MIG the server offers no usable GPU metrics."""
    text = settled_metrics_of(server)
    evidence.show("GPU metrics", lines_of_gpus(text) or "none")
    assert not are_usable(text), "the server tells utilization and memory"


@pytest.mark.claim("dcgm-agent-metrics")
@pytest.mark.needs("gpu", image="py3")
@pytest.mark.server(models=MODELS, arguments=ARGUMENTS)
def test_metrics_can_be_missing_beside_an_agent(server, evidence):
    """Beside a DCGM agent that runs on its own the server can lack its GPU metrics."""
    evidence.show("agents", ", ".join(must_have_agent()))

    def attempt():
        with server.fresh() as fresh:
            text = settled_metrics_of(fresh)
        lacks = not are_usable(text)
        return lacks, "lacks GPU metrics" if lacks else "has them"

    found = try_for_crashes(attempt)
    evidence.show("servers", "\n".join(found.ends))
    if not found.happened and not found.are_rare:
        raise Undecided(f"none of {len(found.ends)} servers lacks them", needed="more servers")
    assert found.happened, f"fewer than {RARE:.0%} of all servers lack them: {found.rate}"


def must_have_agent():
    """The agents that run on this machine; without one nothing can be seen."""
    names = {process.info["name"] for process in psutil.process_iter(["name"])}
    agents = [each for each in AGENTS if each[:15] in names]
    if not agents:
        raise Blocked(
            "no DCGM agent runs on this machine",
            unblock=f"start one of {', '.join(AGENTS)} on the machine that the server runs on",
        )
    return agents


def settled_metrics_of(server):
    """The metrics when they are usable, or when they should have been long since.

    A server offers the metrics of GPUs as 0 until it has asked for them once: a second after its
    start (src/metrics.cc of core at r25.01), and every two seconds from then on.
    """
    deadline = time.monotonic() + SETTLED_WITHIN
    while not are_usable(text := metrics_of(server)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return text


def metrics_of(server):
    """What the server tells of itself; the metrics of models show that it tells anything."""
    status, content = server.process.get("/metrics", of=server.process.metrics)
    text = content.decode()
    if status != 200 or "nv_inference_request_success" not in text:
        raise BrokenError(f"the check's control failed: /metrics answers {status} and no metrics")
    return text


def lines_of_gpus(text):
    """The metrics of GPUs among all."""
    return "\n".join(line for line in text.splitlines() if line.startswith("nv_gpu_"))


def are_usable(text):
    """Whether the metrics tell of a GPU what one needs to watch it."""
    told = {name: float(value) for name, _, value in SAMPLE.findall(text)}
    return all(name in told for name in WATCHED) and all(told[name] > 0 for name in POSITIVE)
