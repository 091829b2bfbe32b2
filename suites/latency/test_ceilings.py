"""Whether a server keeps to the limits that are set for it, under each load and at its start."""

from __future__ import annotations

from dataclasses import replace

import pytest

from triton_claims.errors import Blocked, Undecided
from triton_claims.measure.ceiling import START_DESIGN, judge_ceiling, judge_until_decided
from triton_claims.measure.comparison import Outcome
from triton_claims.report.pictures import latency_picture
from triton_claims.servers.loads import LOADS

MODELS = tuple(dict.fromkeys(model for load in LOADS.values() for model in load.models))
#: As the comparisons with a baseline start their servers, from which a limit can be recorded.
ARGUMENTS = ("--disable-auto-complete-config",)
START_MODEL = LOADS["single"].models[0]


@pytest.mark.claim("latency-ceilings")
@pytest.mark.server(models=MODELS, arguments=ARGUMENTS)
def test_loads_keep_to_their_ceilings(server, protocol, ceilings, load_engine, evidence):
    """Under each load that has limits of its own, the server's latencies and its throughput keep to
    them.
    """
    found = {}
    for name, load in LOADS.items():
        limits = ceilings.for_load(load.request.model, name)
        if limits is None or protocol not in load.protocols:
            continue
        with evidence.step(f"put the load {load} on the server"), server.working():
            found[name] = judge_until_decided(putter(load_engine, server, protocol, load), limits)
        engine = load_engine.name_for(load)
        evidence.show(f"{name}, by {engine}", str(found[name]))
        evidence.load(
            name,
            found[name].latencies,
            protocol=protocol,
            model=load.request.model,
            engine=engine,
        )
        curve = {"server": found[name].latencies.seconds.tolist()}
        title = f"{name}, {protocol}: {server.specification.target}"
        evidence.picture(f"{name}: latency", latency_picture(curve, title, limits.ceilings))
    must_have_limits(found, ceilings)

    must_keep({name: (each.outcome, str(each), each.needed) for name, each in found.items()})


@pytest.mark.claim("start-ceiling")
@pytest.mark.server(models=[START_MODEL], arguments=ARGUMENTS)
def test_the_start_keeps_to_its_ceiling(server, ceilings, evidence):
    """From its start until it is ready, the server takes no longer than the limit that is set for
    it.
    """
    limit = ceilings.for_start(START_MODEL.name)
    must_have_limits(limit, ceilings)
    seconds = []
    for look in START_DESIGN.looks:
        while len(seconds) < look:
            with server.fresh() as fresh:
                seconds.append(fresh.process.start_seconds)
        judgement = judge_ceiling(seconds, 0.5, limit, START_DESIGN)
        if judgement.outcome is not Outcome.UNDECIDED:
            break
    evidence.show("starts, seconds", " ".join(f"{each:.3f}" for each in seconds))
    evidence.start(START_MODEL.name, seconds)

    must_keep({"start": (judgement.outcome, str(judgement), judgement.needed)})


def putter(load_engine, server, protocol, load):
    """Puts so many requests of a load on the server."""
    return lambda requests: load_engine.run(
        server.process, protocol, replace(load, load=replace(load.load, requests=requests))
    )


def must_have_limits(limits, ceilings):
    """Where nothing is asked, nothing is kept to."""
    if not limits:
        raise Blocked(
            f"no limit is set for {ceilings}",
            unblock="record some from a run of this server, or write them into the file",
        )


def must_keep(found):
    """One limit that is not kept to refutes; else all must be decided."""
    exceeded = [words for outcome, words, _ in found.values() if outcome is Outcome.VIOLATED]
    assert not exceeded, f"it does not keep to its limits: {'; '.join(exceeded)}"
    open_ones = {
        name: (words, needed)
        for name, (outcome, words, needed) in found.items()
        if outcome is Outcome.UNDECIDED
    }
    if open_ones:
        raise Undecided(
            "; ".join(f"{name}: {words}" for name, (words, _) in open_ones.items()),
            needed="; ".join(f"{name}: {needed}" for name, (_, needed) in open_ones.items()),
        )
