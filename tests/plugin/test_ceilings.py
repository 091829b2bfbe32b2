"""Limits that a run is given, those it leaves, and the check between."""

from __future__ import annotations

import numpy as np
import pytest

from triton_claims import cli
from triton_claims.report.provenance import host_facts

CHECKS = """
    import os

    import numpy as np
    import pytest

    from triton_claims.measure.load import Latencies


    @pytest.mark.claim("no-slower-single")
    def test_measured(server, protocol, evidence):
        took = np.random.default_rng(1).integers(900_000, 1_100_000, 2_000)
        sent = np.arange(2_000) * 2_000_000
        evidence.load(
            "single",
            Latencies(sent, sent, sent + took),
            protocol=protocol,
            model="echo",
            engine="client 1",
            starts=2,
        )
        evidence.load(
            "concurrent",
            Latencies(sent[:10], sent[:10], sent[:10] + took[:10]),
            protocol=protocol,
            model="echo",
            engine="client 1",
        )
        evidence.start("echo", [1.0, 1.5, 1.25, 1.0, 1.0])


    @pytest.mark.claim("latency-ceilings")
    def test_limited(server, protocol, ceilings, evidence):
        limits = ceilings.for_load("echo", "single")
        evidence.show("limits", str(limits))
        evidence.show("start", str(ceilings.for_start("echo")))
        evidence.show("sources", "; ".join(ceilings.sources))
        evidence.show("looked up by", str(ceilings))
        assert ceilings.for_load("echo", "concurrent") is None
        assert limits is not None, "no limits"
        assert limits.p50 < 0.002
"""


@pytest.fixture
def measured(project):
    """A run with figures; gives its target as an option."""
    project.check(CHECKS)
    target = f"--target={project.stage('server', version='2.51.0')}"
    project.run("suites", target, "--claim=no-slower-*")
    return target


def record(project, *options):
    path = project.path / "ceilings.toml"
    ledger = str(project.reports / "ledger.jsonl")
    assert cli.main(["ceilings", "record", ledger, "-o", str(path), *options]) == 0
    return path


def limited(project):
    return [each for each in project.ledger().cells if each.claim == "latency-ceilings"]


def test_the_ledger_keeps_the_figures_of_loads_and_starts(project, measured):
    cells = project.ledger().cells
    assert measured
    assert [cell.protocol for cell in cells] == ["grpc", "http"]
    for cell in cells:
        single, concurrent = cell.loads
        assert (single.load, single.protocol, single.requests) == ("single", cell.protocol, 2000)
        assert 0.0009 <= single.p50 <= single.p50_high <= single.p99_high <= 0.0011
        assert single.throughput_low <= single.throughput * 1.0001
        # of so few requests nothing is known of others
        assert concurrent.bounds == {}
        (start,) = cell.starts
        assert (start.starts, start.median, start.high) == (5, 1.0, 1.5)


def test_limits_recorded_from_a_run_are_those_of_the_next(project, measured):
    path = record(project)
    result = project.run("suites", measured, "--claim=latency-*", f"--ceilings={path}")
    assert result.ret == 0
    for cell in limited(project):
        assert cell.verdict.value == "confirmed"
        texts = {piece.title: piece.text for piece in cell.evidence}
        assert texts["limits"].startswith("Limits(p50=0.00")
        assert float(texts["start"]) == pytest.approx(1.8)
        assert texts["sources"].startswith("recorded from run ")
        assert texts["looked up by"] == f"install, release 24.10, cpu, {cell.protocol}"
        assert f"--ceilings={path}" in cell.reproduce.split()


def test_without_limits_the_check_is_blocked_and_says_how_to_get_some(project, measured):
    project.run("suites", measured, "--claim=latency-*")
    for cell in limited(project):
        assert cell.verdict.value == "blocked"
        assert "triton-claims ceilings record" in cell.reason


def test_limits_of_another_machine_are_refused_unless_told_otherwise(project, measured):
    path = record(project)
    cores = host_facts()["cores"]
    text = path.read_text(encoding="utf-8")
    assert f"\ncores = {cores}\n" in text
    path.write_text(text.replace(f"\ncores = {cores}\n", "\ncores = 999\n"), encoding="utf-8")
    options = ("suites", measured, "--claim=latency-*", f"--ceilings={path}")

    result = project.run(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    told = [line for line in result.stderr.lines if line.startswith("ERROR: ")]
    assert len(told) == 1
    assert f"recorded on another machine: cores 999, here {cores};" in told[0]

    assert project.run(*options, "--ceilings-from-elsewhere").ret == 0
    assert "--ceilings-from-elsewhere" in limited(project)[0].reproduce.split()


def test_limits_for_another_release_are_not_asked_of_this_one(project, measured):
    path = record(project, "--for-releases", "25.01")
    project.run("suites", measured, "--claim=latency-*", f"--ceilings={path}")
    assert {cell.verdict.value for cell in limited(project)} == {"refuted"}


def test_figures_survive_a_merge(project, measured, capsys):
    out = project.path / "merged"
    assert measured
    assert cli.main(["merge", str(project.reports), "-o", str(out)]) == 0
    path = project.path / "merged.toml"
    assert cli.main(["ceilings", "record", str(out / "ledger.jsonl"), "-o", str(path)]) == 0
    assert "2 loads and 1 start limited" in capsys.readouterr().out


def test_figures_that_are_none_make_an_error_of_the_check(project):
    project.check("""
        import pytest


        @pytest.mark.claim("no-slower-start")
        def test_measured(server, evidence):
            evidence.start("echo", [0.0])
    """)
    project.run("suites", "--target", project.stage("server"))
    assert project.verdicts() == {"no-slower-start": "error"}


def test_numpy_numbers_are_figures_too(project):
    project.check("""
        import numpy as np
        import pytest


        @pytest.mark.claim("no-slower-start")
        def test_measured(server, evidence):
            evidence.start("echo", list(np.array([1.5, 2.5])))
    """)
    project.run("suites", "--target", project.stage("server"))
    (cell,) = project.ledger().cells
    assert cell.starts[0].median == np.float64(2.0)
