"""The analyze subcommand of GenAI-Perf: what it sweeps, and what it finds."""

from __future__ import annotations

import re
from contextlib import closing

import pytest

from triton_claims.endpoints.genai_perf_exports import SWEEP, find_one, read_sweep
from triton_claims.errors import BrokenError
from triton_claims.servers.model_control import load
from triton_claims.servers.models import model

LOADS = (1, 2, 4)
#: Three windows of so many ms are measured at each load.
WINDOW = ("--measurement-interval", "500")
SERVED = model("vllm_interface", responses="2", text="One_two", fails="never")
BEST = re.compile(r"\b(best|optimal|optimum)\b", re.IGNORECASE)


@pytest.mark.claim("genai-perf-analyze-sweep")
@pytest.mark.tool("genai-perf")
def test_analyze_profiles_each_load_of_a_range(run_genai_perf, tool, evidence):
    """The analyze subcommand of GenAI-Perf profiles a model at each point of a range of loads and
    reports them side by side.
    """
    sweep = ("--sweep-type", "concurrency", "--sweep-range", f"{LOADS[0]}:{LOADS[-1]}")
    with evidence.step(f"sweep the concurrency from {LOADS[0]} to {LOADS[-1]}"):
        run = run_genai_perf("analyze", *sweep, *WINDOW)
    assert not run.refusal, run.refusal
    run.finished.must_have_succeeded()
    rows = read_sweep(find_one(tool.folder, SWEEP))
    at_once = most_at_once(run.requests)
    evidence.show("reported", "\n".join(map(str, rows)))
    evidence.measure("requests at once, by the endpoint", at_once, "requests")

    loads = sorted(int(row["Concurrency"]) for row in rows)
    assert loads == list(LOADS), f"it reports the loads {loads}"
    assert at_once == LOADS[-1], f"the endpoint was asked {at_once} times at once at most"
    throughputs = [float(row[name]) for row in rows for name in row if "Request Throughput" in name]
    assert len(list(filter(None, throughputs))) == len(LOADS), f"throughputs: {throughputs}"


@pytest.mark.claim("genai-perf-analyze-optimum")
@pytest.mark.tool("genai-perf")
def test_analyze_names_the_best_configuration(
    tool, tokenizer, triton_endpoint, refusal_of, evidence
):
    """The analyze subcommand of GenAI-Perf tries several model configurations and names the best of
    them.
    """
    # Whoever is to try other configurations must be let: the server takes them with each load.
    server = triton_endpoint([SERVED], arguments=["--model-control-mode=explicit"])
    with (
        closing(server.client("grpc")) as client,
        evidence.step("control: a load of the model is seen in the server's log"),
    ):
        answer = load(client, SERVED.name)
        by_us = loads_of(server)
        if not answer.accepted or not by_us:
            raise BrokenError(f"the check's control failed: {by_us} loads after {answer}")
    with evidence.step("analyze the model"):
        run = tool.genai_perf(
            *("analyze", "-m", SERVED.name, "--service-kind", "triton", "--backend", "vllm"),
            *(
                "-u",
                server.process.grpc,
                "--streaming",
                "--tokenizer",
                str(tokenizer("byte-level")),
            ),
            *("--synthetic-input-tokens-mean", "20", "--num-prompts", "10"),
            *("--sweep-type", "concurrency", "--sweep-range", "1:2", *WINDOW),
        )
    refusal = refusal_of(run)
    assert not refusal, refusal
    run.must_have_succeeded()
    loads = loads_of(server) - by_us
    told = find_one(tool.folder, SWEEP).read_text(encoding="utf-8")
    evidence.show("reported", told)
    evidence.measure("loads of the model by the analysis", loads, "loads")

    assert loads, "the model's configuration was never changed: it was loaded once, before"
    assert BEST.search(told + run.output), "no configuration is called the best"


def most_at_once(requests):
    """How many requests an endpoint had to answer at once, at most."""
    ends = [(request.sent[-1].at, -1) for request in requests if request.sent]
    changes = sorted([*ends, *((request.at, 1) for request in requests if request.sent)])
    now = most = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def loads_of(server):
    """How often the server's log says that the model was loaded."""
    return server.process.log().count(f"successfully loaded '{SERVED.name}'")
