"""Compares the server with the baseline in pairs of starts, under one load after the other."""

from __future__ import annotations

import statistics
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from triton_claims.measure.regression import (
    Regression,
    RegressionDesign,
    regress,
    regress_pairs,
)
from triton_claims.report.pictures import latency_picture, starts_picture
from triton_claims.servers.loads import LOADS
from triton_claims.servers.paired_load import paired_load

if TYPE_CHECKING:
    from triton_claims.measure.load import Latencies

#: What is tolerated beyond the baseline, as a share of it: as little as pairs of starts on a small
#: machine can tell. The 99th percentile of one start is a few requests, and differs more.
LATENCY_DESIGN = RegressionDesign(tolerated={"p50": 0.05, "p99": 0.25})
#: With four requests at once it depends on luck which of two cores is busy.
CONCURRENT_DESIGN = RegressionDesign(tolerated={"p50": 0.1, "p99": 0.25})


@pytest.fixture
def compare_latency(server, baseline, load_engine, evidence):
    """Puts a load on pairs of starts: ``compare_latency("single", "grpc") -> Regression``."""

    def compare(name, protocol) -> Regression:
        load = LOADS[name]
        engine = load_engine.comparing
        measured: tuple[list[Latencies], list[Latencies]] = ([], [])

        def pair(*, a_first):
            with server.working():
                found = paired_load(
                    starts_of(baseline),
                    starts_of(server),
                    engine,
                    protocol,
                    load,
                    a_first=a_first,
                )
            for side, latencies in zip(measured, found, strict=True):
                side.append(latencies)
            return tuple(
                {"p50": each.percentile(0.5), "p99": each.percentile(0.99)} for each in found
            )

        design = CONCURRENT_DESIGN if load.load.concurrency > 1 else LATENCY_DESIGN
        with evidence.step(f"start baseline and server in pairs, under the load {load}"):
            regression = regress_pairs(pair, design)
        before, after = (of[0].joined(*of[1:]) for of in measured)
        evidence.show("what put the load on them", engine.name_for(load))
        evidence.show("the server against the baseline", str(regression))
        evidence.load(
            name,
            after,
            protocol=protocol,
            model=load.request.model,
            engine=engine.name_for(load),
            starts=regression.pairs,
        )
        tell(evidence, regression, "s")
        title = f"{name}, {protocol}: {server.specification.target} against the baseline"
        curves = {"baseline": before.seconds.tolist(), "server": after.seconds.tolist()}
        evidence.picture("latency percentiles", latency_picture(curves, title))
        evidence.picture(
            "medians and 99th percentiles, start by start",
            starts_picture(comparisons(regression), a="baseline", b="server", title=title),
        )
        return regression

    return compare


@pytest.fixture
def compare_starts(server, baseline, evidence):
    """Compares figures of single starts: ``compare_starts(what, unit, figure, design)``.

    ``figure`` gives the figure of a server that has just got ready.
    """

    def compare(what, unit, figure, design) -> Regression:
        def start_of(side):
            def measure():
                with side.fresh() as fresh:
                    return dict.fromkeys(design.tolerated, figure(fresh))

            return measure

        with evidence.step("start baseline and server in pairs"):
            regression = regress(start_of(baseline), start_of(server), design)
        evidence.show("the server against the baseline", str(regression))
        tell(evidence, regression, unit)
        evidence.picture(
            what,
            starts_picture(
                comparisons(regression),
                a="baseline",
                b="server",
                title=f"{server.specification.target} against the baseline: {what}",
                unit=unit,
                scale=1,
            ),
        )
        return regression

    return compare


def starts_of(side):
    """Starts one side's servers for :func:`paired_load`."""

    @contextmanager
    def start():
        with side.fresh() as fresh:
            yield fresh.process

    return start


def comparisons(regression):
    """Its comparisons by figure, for the picture."""
    return {name: figure.comparison for name, figure in regression.figures.items()}


def tell(evidence, regression, unit):
    """Writes down the medians of both sides."""
    for name, figure in regression.figures.items():
        for side, figures in (("baseline", figure.comparison.a), ("server", figure.comparison.b)):
            evidence.measure(f"{name}, {side}", statistics.median(figures), unit)
