"""What Windows servers are advised to be asked over."""

from __future__ import annotations

import pytest

from triton_claims.errors import Blocked
from triton_claims.measure.comparison import Design, Outcome, compare, must_be_decided
from triton_claims.report.pictures import comparison_picture
from triton_claims.servers.loads import LOADS
from triton_claims.servers.perf_analyzer_program import PROGRAM

#: What is asked, by protocol: the same small inferences, one at a time.
ASKED = {"http": LOADS["single"], "grpc": LOADS["single"]}
DESIGN = Design(tolerated=0.0)


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
            with server.fresh() as fresh, fresh.working():
                load = ASKED[protocol]
                return load_engine.run(fresh.process, protocol, load).percentile(0.5)

        return measure

    with evidence.step("start servers in pairs, and ask one over HTTP and the other over gRPC"):
        comparison = compare(median("http"), median("grpc"), DESIGN)
    evidence.show(f"gRPC against HTTP, by {engine}", str(comparison))
    evidence.picture(
        "medians, start by start",
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
