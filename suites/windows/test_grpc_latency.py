"""What Windows servers are advised to be asked over."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import pytest

from triton_claims.errors import Blocked
from triton_claims.measure.comparison import Design, Outcome, compare, must_be_decided
from triton_claims.report.pictures import comparison_picture
from triton_claims.servers.loads import LOADS
from triton_claims.servers.perf_analyzer_program import PROGRAM

#: What is asked, by protocol: the same small inferences, one at a time.
ASKED = {"http": LOADS["single"], "grpc": LOADS["single"]}
DESIGN = Design(tolerated=0.0)
#: What is compared where somebody else runs the server.
ONE_SERVER = "blocks of requests to one server, started once"


@pytest.mark.claim("windows-grpc-latency")
@pytest.mark.server(models=LOADS["single"].models)
@pytest.mark.needs(os="windows")
def test_small_inferences_are_quicker_over_grpc(server, load_engine, evidence):
    """On Windows the median latency of a small inference is lower over gRPC than over HTTP."""
    engine = load_engine.name_for(ASKED["grpc"])
    if not engine.startswith(PROGRAM):
        # A Python client takes longer over gRPC than over HTTP, and would be what is measured.
        raise Blocked(
            f"the loads are put on by {engine}, which is slower over gRPC itself",
            unblock=f"a machine that Perf Analyzer runs on, and --load-engine {PROGRAM}",
        )

    def median(protocol):
        def measure():
            with asked(server) as under_test, under_test.working():
                load = ASKED[protocol]
                return load_engine.run(under_test.process, protocol, load).percentile(0.5)

        return measure

    # The luck of a start is shared by all that is asked of it: where none can be started, what is
    # found is true of the one that runs, and said to be.
    design = DESIGN if server.process.is_ours else replace(DESIGN, unit=ONE_SERVER)
    with evidence.step(f"pairs of {design.unit}: ask one over HTTP and the other over gRPC"):
        comparison = compare(median("http"), median("grpc"), design)
    evidence.show(f"gRPC against HTTP, by {engine}", str(comparison))
    evidence.picture(
        "medians, pair by pair",
        comparison_picture(
            comparison,
            a="HTTP",
            b="gRPC",
            unit="seconds, median of a small inference",
            title=server.specification.target,
        ),
    )
    must_be_decided(comparison)

    assert comparison.outcome is Outcome.MET, f"it is not lower over gRPC: {comparison}"


@contextmanager
def asked(server):
    """A server that was just started; of somebody else's, the one there is."""
    if not server.process.is_ours:
        yield server
        return
    with server.fresh() as fresh:
        yield fresh
