"""Limits that are recorded from a run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from verdicts.samples import HEADER, cell, ledger, write

from triton_claims.notes.ceilings import Host, load_ceilings
from triton_claims.report.provenance import host_facts
from triton_claims.verdicts.cell import LoadFigures, StartFigures
from triton_claims.verdicts.verdict import Verdict

FIGURES = LoadFigures(
    load="single",
    protocol="grpc",
    model="echo",
    engine="client 1",
    requests=1000,
    starts=2,
    p50=0.001,
    p90=0.002,
    p99=0.003,
    throughput=900.0,
    p50_high=0.0011,
    p90_high=0.0022,
    p99_high=0.004,
    throughput_low=800.0,
)
START = StartFigures("echo", starts=9, median=1.5, high=2.0)
BOUNDLESS = replace(FIGURES, p50_high=None, p90_high=None, p99_high=None, throughput_low=None)
SERVER = {"target": "wheel", "release": "24.10", "gpu": "cpu", "model": "echo"}
LOAD = {"load": "single", "protocol": "grpc"}


@pytest.fixture
def recorded(tmp_path):
    """Writes the ledger of a run with these cells; gives its path."""

    def recorded(*cells, **header):
        told = ledger(*cells)
        told = replace(told, header={**HEADER, "host": host_facts(), **header})
        return str(write(tmp_path / "ledger.jsonl", told))

    return recorded


def test_limits_of_a_run_are_its_bounds_and_some_more(run, recorded, project):
    path = recorded(cell(loads=(FIGURES,), starts=(START,)), suite_commit="abc")
    answer = run("ceilings", "record", path)
    assert answer.code == 0
    assert answer.out == "1 load and 1 start limited: ceilings.toml\n"
    found = load_ceilings(project.root / "ceilings.toml")
    limits = found.of_load(**SERVER, **LOAD)
    assert limits.p50 == pytest.approx(0.0011 * 1.2)
    assert limits.p90 == pytest.approx(0.0022 * 1.2)
    assert limits.p99 == pytest.approx(0.004 * 1.2)
    assert limits.throughput == pytest.approx(800 / 1.2, rel=1e-3)
    assert found.of_start(**SERVER).seconds == pytest.approx(2.4)
    assert HEADER["run"] in limits.source


def test_they_hold_on_the_machine_of_the_run(run, recorded, project):
    run("ceilings", "record", recorded(cell(loads=(FIGURES,))))
    ceilings = load_ceilings(project.root / "ceilings.toml")
    ceilings.refuse_elsewhere(Host.from_facts(host_facts()))
    assert ceilings.host.cores == host_facts()["cores"]


def test_the_widest_of_several_cells_count(run, recorded, project):
    other = replace(FIGURES, p99_high=0.009, throughput_low=900.0)
    path = recorded(
        cell(loads=(FIGURES,)), cell(claim="dogs", verdict=Verdict.REFUTED, loads=(other,))
    )
    assert run("ceilings", "record", path, "--margin", "0").code == 0
    limits = load_ceilings(project.root / "ceilings.toml").of_load(**SERVER, **LOAD)
    assert (limits.p99, limits.throughput) == (pytest.approx(0.009), 800)


def test_a_gpu_is_told_by_its_architecture_and_an_unknown_server_by_no_release(
    run, recorded, project
):
    gpu = {
        "uuid": "GPU-1",
        "name": "a GPU",
        "architecture": "hopper",
        "compute_capability": "9.0",
        "memory_bytes": 1,
        "driver": "570",
        "mig_parent": None,
        "docker_host": None,
    }
    path = recorded(
        cell(loads=(FIGURES,), gpu="GPU-1", server_version="2.99.0", target="install:/x"),
        gpus={"origin": "NVML", "reason": "", "devices": [gpu]},
    )
    run("ceilings", "record", path)
    (ceiling,) = load_ceilings(project.root / "ceilings.toml").loads
    assert (ceiling.place.target, ceiling.place.release, ceiling.place.gpu) == (
        "install",
        "*",
        "hopper",
    )


def test_they_can_be_for_other_releases(run, recorded, project):
    path = recorded(cell(loads=(FIGURES,)))
    assert run("ceilings", "record", path, "--for-releases", "*").code == 0
    (ceiling,) = load_ceilings(project.root / "ceilings.toml").loads
    assert ceiling.place.release == "*"


def test_nothing_is_overwritten_but_by_force(run, recorded, project):
    path = recorded(cell(loads=(FIGURES,)))
    output = project.root / "mine.toml"
    output.write_text("precious", encoding="utf-8")
    answer = run("ceilings", "record", path, "-o", str(output))
    assert answer.code == 2
    assert "is there already" in answer.complaint
    assert output.read_text(encoding="utf-8") == "precious"
    assert run("ceilings", "record", path, "-o", str(output), "--force").code == 0
    assert load_ceilings(output).loads


@pytest.mark.parametrize(
    ("cells", "header", "told"),
    [
        ([cell()], {}, "has no figures of loads or starts"),
        ([cell(loads=(FIGURES,), verdict=Verdict.ERROR)], {}, "has no figures of loads or starts"),
        ([cell(loads=(BOUNDLESS,))], {}, "has too few requests of each load"),
        ([cell(starts=(replace(START, starts=4),))], {}, "has too few requests of each load, and"),
        (
            [cell(loads=(FIGURES,), docker_host="tcp://10.0.0.5:2376")],
            {},
            "its loads ran on the Docker host tcp://10.0.0.5:2376",
        ),
        (
            [cell(loads=(FIGURES,))],
            {"host": {"system": "Linux"}},
            "does not tell the machine (no cores, memory_gib)",
        ),
    ],
)
def test_a_ledger_without_figures_is_refused_and_nothing_is_written(
    run, recorded, project, cells, header, told
):
    path = recorded(*cells, **header)
    answer = run("ceilings", "record", path)
    assert answer.code == 2
    assert answer.complaint.startswith(f"{path}:1: {told}")
    assert not (project.root / "ceilings.toml").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--margin", "-1"), "--margin: found -1.0, expected a share"),
        (("--margin", "nan"), "--margin: found nan, expected a share"),
        (("--margin", "wide"), "argument --margin: invalid float value"),
        (("--for-releases", "new"), "--for-releases: 'new' matches no release"),
        (("-o", "/dev/null/x"), "--output: cannot write '/dev/null/x'"),
        (("-o", "no-folder/deep/x"), "--output: cannot write 'no-folder/deep/x'"),
        (("-o", ".", "--force"), "--output: '.' is a folder"),
    ],
)
def test_wrong_options_are_told_in_one_line(run, recorded, arguments, told):
    answer = run("ceilings", "record", recorded(cell(loads=(FIGURES,))), *arguments)
    assert answer.code == 2
    assert answer.complaint.startswith(told)


def test_what_to_do_with_ceilings_has_to_be_said(run):
    assert run("ceilings").code == 2
    assert run("ceilings", "--help").code == 0
