"""What Allure is told of the figures that were measured."""

from __future__ import annotations

import json

from report.staged_runs import KILLED
from verdicts.samples import cell, ledger

from triton_claims.report.allure_metrics import allure_metrics
from triton_claims.verdicts.cell import Measurement

P99, STARTS = Measurement("p99", 0.25, "s"), Measurement("starts", 12, "servers")


def test_each_figure_is_a_metric_of_its_place():
    told = ledger(
        cell(claim="dogs-run", seconds=1.5, measurements=(P99, STARTS)),
        cell(claim="dogs-run", protocol="http", measurements=(P99,)),
        cell(claim="dogs-run", gpu="hopper", protocol=None, measurements=(P99,)),
        cell(claim="dogs-bark"),
    )
    metrics = json.loads(allure_metrics(told))
    assert [metric["key"] for metric in metrics] == [
        "dogs-run: p99 [wheel:24.10, cpu, grpc]",
        "dogs-run: starts [wheel:24.10, cpu, grpc]",
        "dogs-run: p99 [wheel:24.10, cpu, http]",
        "dogs-run: p99 [wheel:24.10, hopper]",
    ]
    assert len({metric["id"] for metric in metrics}) == len(metrics)
    first = metrics[0]
    assert (first["value"], first["unit"], first["group"]) == (0.25, "s", "dogs-run")
    assert first["stop"] - first["start"] == 1500


def test_a_figure_that_was_measured_twice_is_there_twice():
    metrics = json.loads(allure_metrics(ledger(cell(measurements=(P99, P99)))))
    assert metrics[0]["key"] == metrics[1]["key"]
    assert metrics[0]["id"] != metrics[1]["id"]


def test_a_run_without_figures_has_none():
    assert json.loads(allure_metrics(ledger(cell(measurements=())))) == []
    json.loads(allure_metrics(KILLED))
