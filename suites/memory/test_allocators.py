"""Memory that the system's allocator keeps, and whether other allocators give it back."""

from __future__ import annotations

import pytest

from triton_claims.errors import Undecided
from triton_claims.measure.comparison import Outcome, must_be_decided
from triton_claims.report.pictures import memory_picture
from triton_claims.servers.models import model

ECHO = model("echo")
ARGUMENTS = ["--model-control-mode=explicit", "--load-model=*", "--disable-auto-complete-config"]


@pytest.mark.claim("malloc-retention")
@pytest.mark.server(models=[ECHO], arguments=ARGUMENTS)
def test_system_allocator_keeps_memory(measure_bursts, evidence):
    """With the system's allocator an idle server holds more memory after bursts of work than
    before, and further bursts do not raise it.
    """
    with evidence.step("work servers in bursts, look at them after each, and unload the model"):
        bursts = measure_bursts()
    kept, grown = bursts.kept, bursts.grown
    evidence.show("MiB of the server and its model, server by server", bursts.table())
    evidence.show("after the bursts against before", str(kept))
    evidence.show("the most after all bursts against the most after the first ones", str(grown))
    evidence.measure("held after the bursts, of what it was before", kept.ratio, "x")
    evidence.picture(
        "memory over time", memory_picture({"system": bursts.timeline}, "one server, in bursts")
    )

    for each in (kept, grown):
        must_be_decided(each)
    assert kept.outcome is Outcome.VIOLATED, (
        f"after the bursts an idle server holds no more than before: {kept}"
    )
    assert grown.outcome is Outcome.MET, f"further bursts raise what it holds: {grown}"


@pytest.mark.claim("allocator-jemalloc-releases")
@pytest.mark.server(models=[ECHO], arguments=ARGUMENTS)
def test_jemalloc_gives_memory_back(try_allocators, evidence):
    """With jemalloc preloaded an idle server holds less memory after bursts of work than with the
    system's allocator.
    """
    must_help_somewhere("jemalloc", try_allocators, evidence)


@pytest.mark.claim("allocator-tcmalloc-releases")
@pytest.mark.server(models=[ECHO], arguments=ARGUMENTS)
def test_tcmalloc_gives_memory_back(try_allocators, evidence):
    """With tcmalloc preloaded an idle server holds less memory after bursts of work than with the
    system's allocator.
    """
    must_help_somewhere("tcmalloc", try_allocators, evidence)


def must_help_somewhere(allocator, try_allocators, evidence):
    """The notes advise to try which allocator helps: one that helps with one workload does."""
    with evidence.step("servers with each allocator, round by round"):
        for trial in try_allocators():
            compared = trial.compare(allocator)
            outcomes = {each.outcome for each in compared.values()}
            if Outcome.MET in outcomes or outcomes == {Outcome.VIOLATED}:
                break
    told = "\n".join(f"{workload}: {each}" for workload, each in compared.items())
    evidence.show("what servers hold, by allocator: medians", trial.table())
    evidence.show(f"{allocator} against the system's allocator", told)
    for workload, each in compared.items():
        evidence.measure(f"{allocator} / system {workload}", each.ratio, "x")
    evidence.picture(
        "memory over time, by allocator",
        memory_picture(trial.timelines, "one server with each allocator"),
    )

    if Outcome.MET in outcomes:
        return
    if Outcome.UNDECIDED in outcomes:
        undecided = [each for each in compared.values() if each.outcome is Outcome.UNDECIDED]
        raise Undecided(told, needed="; ".join(each.needed for each in undecided))
    raise AssertionError(f"{allocator} holds no less in any workload tried:\n{told}")
