"""Two servers in one cell: it remains the cell of the one under test."""

from __future__ import annotations

import pytest

from triton_claims import cli

COMPARING = """
    import os
    import signal

    import pytest

    from triton_claims.servers.models import model


    @pytest.mark.claim("correlation-id-string")
    @pytest.mark.server(arguments=["--log-info=true"], environment={"TZ": "UTC"})
    def test_ranged(server, baseline, evidence):
        for _ in range(2):
            with server.fresh() as a, baseline.fresh() as b:
                evidence.show("versions", f"{a.version} {b.version}")
                assert a.process.name != b.process.name
                b.process.get("/v2")
        mine, its = server.specification, baseline.specification
        assert mine.arguments == its.arguments and mine.environment == its.environment
        if os.environ.get("RANGED") == "kill":
            os.kill(baseline.process.pid, signal.SIGKILL)
            baseline.process.how_it_ended(30)
            raise ConnectionError("the connection broke")


    @pytest.mark.claim("server-version")
    def test_always(server):
        pass
"""


@pytest.fixture
def comparing(project):
    """A newer server under test and an older baseline, as options."""
    project.check(COMPARING)
    target = project.stage("new", version="2.54.0")
    baseline = project.stage("old", version="2.51.0")
    return [f"--target={target}", f"--baseline={baseline}"]


def ranged(project):
    return next(each for each in project.ledger().cells if each.claim == "correlation-id-string")


def test_the_cell_is_that_of_the_server_under_test(project, comparing):
    result = project.run("suites", *comparing)
    assert result.ret == 0
    cell = ranged(project)
    # on the baseline alone it would be premature
    assert (cell.verdict.value, cell.expectation.value) == ("confirmed", "holds")
    assert (cell.server_version, cell.baseline_version) == ("2.54.0", "2.51.0")
    assert [piece.text for piece in cell.evidence] == ["2.54.0 2.51.0"] * 2
    other = next(each for each in project.ledger().cells if each.claim == "server-version")
    assert other.baseline_version is None


def test_header_and_reports_name_it(project, comparing):
    result = project.run("suites", *comparing)
    baseline = comparing[1].partition("=")[2]
    header = project.ledger().header
    assert header["baseline"]["target"] == baseline
    assert header["baseline"]["sha256"]
    assert [each["target"] for each in header["targets"]] == [comparing[0].partition("=")[2]]
    sentence = f"The baseline is {baseline}, Triton 2.51.0: 1 cell compared with it."
    result.stdout.fnmatch_lines([sentence])
    assert "Triton 2.51.0: 1 cell compared" in (project.reports / "summary.md").read_text()


def test_the_command_that_decides_the_cell_again_names_it(project, comparing):
    project.run("suites", *comparing, "--load-engine=client")
    command = ranged(project).reproduce.split()
    assert comparing[1] in command
    assert "--load-engine=client" in command


def test_its_servers_are_told_apart_in_allure(project, comparing):
    project.run("suites", *comparing)
    names = [each["name"] for each in project.allure()["correlation-id-string"]["attachments"]]
    assert sum(each.startswith("command that started baseline ") for each in names) == 2
    assert sum(each.startswith("log of baseline ") for each in names) == 2


def test_without_a_baseline_the_check_is_blocked_before_anything_is_compared(project, comparing):
    project.run("suites", comparing[0])
    cell = ranged(project)
    assert cell.verdict.value == "blocked"
    assert cell.reason.startswith("no baseline is given; to unblock: name one: --baseline wheel:2")
    assert "baseline" not in project.ledger().header


def test_the_target_can_be_its_own_baseline(project, comparing):
    target = comparing[0].partition("=")[2]
    project.run("suites", comparing[0], f"--baseline={target}")
    cell = ranged(project)
    assert (cell.verdict.value, cell.baseline_version) == ("confirmed", "2.54.0")
    assert len(project.ledger().header["targets"]) == 1


def test_workers_know_it_too(project, comparing):
    assert project.run("suites", "-n", "2", *comparing).ret == 0
    assert ranged(project).baseline_version == "2.51.0"


def test_a_baseline_that_dies_is_an_error_that_says_who_died(project, comparing, monkeypatch):
    monkeypatch.setenv("RANGED", "kill")
    project.run("suites", *comparing)
    cell = ranged(project)
    assert cell.verdict.value == "error"
    assert "the baseline's server was killed by SIGKILL" in cell.reason


def test_a_baseline_that_does_not_start_is_an_error_of_the_cells_that_compare_alone(project):
    project.check(COMPARING)
    baseline = project.stage("old", dies_on="start", exit_code=3)
    project.run("suites", "--target", project.stage("new"), f"--baseline={baseline}")
    assert project.verdicts() == {"correlation-id-string": "error", "server-version": "confirmed"}
    assert ranged(project).baseline_version is None


def test_shards_with_different_baselines_are_no_parts_of_one_run(project, comparing, capsys):
    shards = {}
    for name, claim, options in (
        ("a", "correlation-*", comparing),
        ("b", "server-version", comparing[:1]),
        ("c", "server-version", comparing),
    ):
        shards[name] = project.path / name
        project.run("suites", f"--claim={claim}", f"--reports={shards[name]}", *options)
    out = str(project.path / "merged")
    assert cli.main(["merge", str(shards["a"]), str(shards["b"]), "-o", out]) == 2
    assert "found the baseline none, but install:" in capsys.readouterr().err
    assert cli.main(["merge", str(shards["a"]), str(shards["c"]), "-o", out]) == 0
    assert "The baseline is install:" in capsys.readouterr().out
