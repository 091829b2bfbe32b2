"""A server where no GPU is to be had."""

from __future__ import annotations

import json
from contextlib import closing

import numpy as np
import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers.client import PROTOCOLS
from triton_claims.servers.models import model
from triton_claims.servers.running import ServerFailedToStartError

#: Its instances are of the kind that takes a GPU where there is one.
MODEL = model("cpu_witness")
NUMBERS = np.arange(-500, 500, dtype=np.int32)


@pytest.mark.claim("cpu-only")
def test_starts_and_answers_without_a_gpu(server, evidence):
    """The server starts and answers requests on a machine without a GPU."""
    # Not every server is built with metrics; those that are must have none of a GPU.
    arguments = ["--allow-metrics=true"] if "allow-metrics" in server.options else []
    with server.fresh([MODEL], arguments=arguments) as under_test:
        with evidence.step("start"):
            try:
                process = under_test.process
            except ServerFailedToStartError as problem:
                if not problem.ended:
                    raise
                raise AssertionError(f"it does not start without a GPU: {problem}") from None
        with evidence.step("ask"):
            answers = [ask(under_test, protocol) for protocol in PROTOCOLS]
        with evidence.step("control: neither the server nor the model has a GPU"):
            metrics = metrics_of(process)
            gpu_metrics = [line for line in metrics or () if "nv_gpu_" in line]
            seen = [json.loads(a.outputs["GPUS"].tobytes()) for a in answers if a.accepted]
            evidence.show("GPUs that the model can use", "\n".join(map(json.dumps, seen)))
            without = "none" if metrics else "the server is built without metrics"
            evidence.show("metrics of GPUs", "\n".join(gpu_metrics) or without)
            evidence.show("the server's words", words_of_gpus(process.log()))
            on_cpu = all(each["count"] == 0 and each["instance"] == "CPU" for each in seen)
            if gpu_metrics or not on_cpu:
                raise BrokenError("the check's control failed: the server may well have a GPU")

    wrong = [each for each in answers if not is_right(each)]
    assert not wrong, "not answered rightly without a GPU: " + "; ".join(map(tell, wrong))


def metrics_of(process):
    """The lines of the server's metrics; None of one that has none."""
    if process.metrics is None:
        return None
    lines = process.get("/metrics", of=process.metrics)[1].decode().splitlines()
    if not any("nv_inference_count" in line for line in lines):
        raise BrokenError("the check's control failed: the server's metrics tell of no inference")
    return lines


def ask(server, protocol):
    """The answer to one request."""
    with closing(server.client(protocol)) as client:
        return client.infer(MODEL.name, {"IN": NUMBERS}, expected_outputs=["DOUBLED", "GPUS"])


def is_right(answer):
    """Whether each number was doubled."""
    return answer.accepted and np.array_equal(answer.outputs["DOUBLED"], 2 * NUMBERS)


def tell(answer):
    """The request, and what came of it."""
    if answer.accepted:
        return f"{answer.request}: {answer.outputs['DOUBLED'][:3]}... for {NUMBERS[:3]}..., doubled"
    return f"{answer.request}: {answer}"


def words_of_gpus(log):
    """What the log says of GPUs and CUDA."""
    words = ("gpu", "cuda", "cpu device")
    lines = [line for line in log.splitlines() if any(word in line.lower() for word in words)]
    return "\n".join(line for line in lines if not line.startswith("|")) or "none"
