"""Two runs that each did a part, merged, are the run that did all of it."""

from __future__ import annotations

import json

import pytest

from triton_claims import cli
from triton_claims.verdicts.ledger import read_ledger

CHECKS = """
    import os

    import pytest


    @pytest.mark.claim("correlation-id-string")
    def test_ranged(server):
        assert os.environ.get("RANGED") != "does not hold", "seen otherwise"


    @pytest.mark.claim("server-version")
    def test_always(server, evidence):
        evidence.picture("memory", "<svg>1</svg>")


    @pytest.mark.claim("python-no-restart")
    def test_other(server):
        pytest.skip("not today")
"""
PARTS = {
    "first": ["--claim=correlation-*"],
    "second": ["--claim=server-version", "--claim=python-*"],
}


@pytest.fixture
def run(project):
    """Runs a part of the checks with reports of its own; gives them and the exit code."""
    project.check(CHECKS)
    target = project.stage("server")

    def run(name, *options):
        reports = project.path / name
        result = project.run("suites", f"--target={target}", f"--reports={reports}", *options)
        return reports, result.ret

    return run


def told(ledger):
    """What a ledger says of each cell that does not change from run to run."""
    return {
        cell.key: (cell.verdict, cell.expectation, cell.server_version, cell.accepted)
        for cell in ledger.cells
    }


def stories(reports):
    """The claim of each Allure result, and whether all that is attached to it is there."""
    found = []
    for path in (reports / "allure-results").glob("*-result.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        story = next(each["value"] for each in result["labels"] if each["name"] == "story")
        files = [path.parent / each["source"] for each in result.get("attachments", ())]
        found.append((story, all(file.is_file() for file in files)))
    return sorted(found)


@pytest.mark.parametrize("ranged", ["holds", "does not hold"])
def test_the_merge_of_two_parts_is_the_whole(project, run, monkeypatch, capsys, ranged):
    monkeypatch.setenv("RANGED", ranged)
    whole, exit_code = run("whole")
    parts = [run(name, *options)[0] for name, options in PARTS.items()]
    monkeypatch.chdir(project.path)
    out = project.path / "merged"
    assert cli.main(["merge", *map(str, parts), "-o", str(out)]) == exit_code
    assert ("The run passes." if ranged == "holds" else "1 refuted") in capsys.readouterr().out

    single, merged = read_ledger(whole / "ledger.jsonl"), read_ledger(out / "ledger.jsonl")
    assert len(merged.cells) == 3
    assert told(merged) == told(single)
    assert merged.unchecked == single.unchecked
    for fact in ("complete", "interrupted", "counts", "planned", "failures", "outside_checks"):
        assert merged.footer[fact] == single.footer[fact]
    for fact in ("release", "targets", "suite_version", "suite_commit", "notes_digest", "host"):
        assert merged.header[fact] == single.header[fact]
    runs = [read_ledger(part / "ledger.jsonl").header["run"] for part in parts]
    assert {cell.claim: cell.shard for cell in merged.cells} == {
        "correlation-id-string": runs[0],
        "server-version": runs[1],
        "python-no-restart": runs[1],
    }

    assert stories(out) == stories(whole) == sorted((key[0], True) for key in told(single))
    for name in ("summary.md", "junit.xml", "allure-results/environment.properties"):
        assert (out / name).is_file()
    (picture,) = (each for cell in merged.cells for each in cell.pictures)
    assert (out / picture.file).read_text(encoding="utf-8") == "<svg>1</svg>"
    for name, part in zip(runs, parts, strict=True):
        logs = {path.name for path in (part / "logs").iterdir()}
        assert logs
        assert {path.name for path in (out / "logs" / name).iterdir()} == logs


def test_a_failure_outside_the_checks_fails_the_merge(project, run, monkeypatch, capsys):
    one, _ = run("first", *PARTS["first"])
    project.check("raise ValueError('broken')", name="test_broken.py")
    two, exit_code = run("second", *PARTS["second"], "--continue-on-collection-errors")
    assert exit_code != 0
    monkeypatch.chdir(project.path)
    assert cli.main(["merge", str(one), str(two), "-o", str(project.path / "merged")]) == 1
    assert "1 failures outside the checks" in capsys.readouterr().out
