"""``triton-claims plan``: what would run, what it would take, and what is refused."""

from __future__ import annotations

import json

import pytest
from notes.test_ceilings import FILE
from verdicts.samples import cell, ledger, write

from triton_claims.servers.staged_gpus import STAGED_VARIABLE
from triton_claims.verdicts.verdict import Verdict

CHECKS = """\
import pytest

@pytest.mark.claim("cats-faster")
def test_cats(client):
    pass

@pytest.mark.claim("dogs-no-tail")
@pytest.mark.needs("gpu", gpus=2, architecture="blackwell")
def test_dogs(server):
    pass
"""
IMAGES = """\
registry = "registry.example"
repository = "vendor/server"
source = "made up for the test"

[tags]
"py3" = "{container}-py3"
"vllm-python-py3" = "{container}-vllm-python-py3"

[sizes]
source = "made up for the test"

[sizes."25.01"]
"py3" = 17.5
"""


@pytest.fixture(autouse=True)
def animals(project, monkeypatch, tmp_path):
    """A project with two checks, on a machine without GPUs."""
    project.check.write_text(CHECKS, encoding="utf-8")
    project.add("releases/images.toml", IMAGES)
    nothing = tmp_path / "nothing.toml"
    nothing.write_text("", encoding="utf-8")
    monkeypatch.setenv(STAGED_VARIABLE, str(nothing))
    return project


@pytest.fixture
def plan(run):
    def plan(*options):
        answer = run("plan", "--json", *options)
        assert answer.err == ""
        return json.loads(answer.out)

    return plan


def planned(told):
    return [
        (each["claim"], each["gpu"], each["protocol"], each["plan"], each["expectation"])
        for each in told["cells"]
    ]


def test_a_machine_without_gpus(run):
    answer = run("plan")
    assert (answer.code, answer.err) == (0, "")
    assert "dogs-no-tail  wheel:24.10  cpu  -         holds        blocked  2     -" in answer.out
    assert "blocked: dogs-no-tail\n  the check needs 2 GPUs of architecture blackwell: " in (
        answer.out
    )
    assert "\n3 cells of the notes of 25.01: 2 would run, 1 blocked; 0 claims" in answer.out
    assert "wheel:24.10: 2 cells, GB: 0.06\n" in answer.out


def test_a_machine_of_the_mind(plan):
    told = plan("--gpu-of", "blackwell:2,hopper:1", "--target", "ngc:25.01")
    assert planned(told) == [
        ("cats-faster", "cpu", "grpc", "runs", "holds"),
        ("cats-faster", "cpu", "http", "runs", "holds"),
        ("dogs-no-tail", "blackwell", None, "runs", "holds"),
    ]
    assert told["gpus_at_once"] == 2
    assert told["pulls"] == [
        {
            "reference": "registry.example/vendor/server:25.01-py3",
            "flavour": "py3",
            "cells": 3,
            "gigabytes": 17.5,
        }
    ]


def test_one_gpu_is_not_two(plan):
    assert planned(plan("--gpu-of", "blackwell:1"))[2][3] == "blocked"
    assert planned(plan("--gpu-of", "hopper:2"))[2][3] == "blocked"


def test_a_size_that_nobody_tells_is_unknown(run):
    image = "--image=py3=mirror.example/own:1"
    out = run("plan", "--target", "ngc:25.01", image).out
    assert "mirror.example/own:1: 2 cells, GB: unknown\n" in out
    assert "\nGB in all, where nothing is cached: 0, and 1 of unknown size\n" in out


def test_gpus_of_a_file(plan, tmp_path):
    path = tmp_path / "gpus.toml"
    path.write_text(
        "".join(
            f'[[gpu]]\nuuid = "GPU-{each}"\ncompute_capability = "10.0"\n' for each in ("a", "b")
        ),
        encoding="utf-8",
    )
    assert planned(plan("--gpus", str(path)))[2][1:4] == ("blackwell", None, "runs")
    assert planned(plan("--gpus", str(path), "--gpu", "none"))[2][1:4] == ("cpu", None, "blocked")


def test_durations_are_those_of_a_run_before(run, tmp_path):
    path = write(
        tmp_path / "ledger.jsonl",
        ledger(
            cell(protocol="grpc", seconds=3.0),
            cell(protocol="http", seconds=900.0, verdict=Verdict.BLOCKED),
        ),
    )
    out = run("plan", "--like", str(path), "--claim", "cats-*").out
    # what was blocked took no time that says anything: the claim's other cell stands for it
    assert out.endswith("Seconds, one cell after the other: 6.\n")
    assert run("plan", "--claim", "cats-*").out.endswith("0, and 2 cells of unknown duration.\n")


@pytest.mark.parametrize("option", ["baseline", "ceilings"])
def test_what_needs_an_option_is_blocked_without_it(plan, animals, option):
    text = CHECKS.replace("client", f"client, {option}")
    animals.check.write_text(text, encoding="utf-8")
    assert planned(plan())[0][3] == "blocked"
    limits = animals.add("ceilings.toml", FILE)
    given = {"baseline": "wheel:24.10", "ceilings": str(limits)}[option]
    assert planned(plan(f"--{option}", given))[0][3] == "runs"


def test_where_nothing_would_run_it_is_bad_news(run):
    assert run("plan", "--claim", "dogs-*").code == 1


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--gpu-of", "blackwell"), "--gpu-of: found 'blackwell', expected ARCHITECTURE:NUMBER"),
        (("--gpu-of", "blackwell:0"), "--gpu-of: found 'blackwell:0', expected"),
        (("--gpu-of", "cats:2"), "--gpu-of: found 'cats:2', expected"),
        (("--gpu-of", "hopper:1", "--gpus", "x"), "argument --gpus: not allowed with"),
        (("--gpu", "hopper"), "--gpu: 'hopper' is not here"),
        (("--claim", "cat-faster"), "--claim: 'cat-faster' matches no claim: did you mean cats-"),
        (("--target", "x"), "--target: 'x' is no target"),
        (("--baseline", "x"), "--baseline: 'x' is no target"),
        (("--baseline", "genai-perf:0"), "--baseline: '0' is no GenAI-Perf"),
        (("--ceilings", "/nowhere"), "/nowhere:1: "),
        (("--release", "24.10"), "--release: '24.10' has no notes"),
    ],
)
def test_wrong_input_is_told_in_one_line(run, options, complaint):
    answer = run("plan", *options)
    assert answer.code == 2
    assert answer.complaint.startswith(complaint)


def test_a_check_whose_needs_cannot_be_read_is_told_with_its_place(run, animals):
    text = CHECKS.replace("gpus=2", "gpus=0")
    animals.check.write_text(text, encoding="utf-8")
    answer = run("plan")
    assert answer.code == 2
    assert answer.complaint.startswith("suites/animals/test_cats.py:9: mark needs has gpus=0")
