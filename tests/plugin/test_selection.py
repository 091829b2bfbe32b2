"""Which cells a run has, and how pytest's own options act on them."""

from __future__ import annotations

import pytest

CHECKS = """
    import pytest


    @pytest.mark.claim("correlation-id-string")
    @pytest.mark.server(arguments=["--log-info=true"])
    def test_ranged(server, client):
        pass


    @pytest.mark.claim("server-version")
    def test_always(server):
        pass


    @pytest.mark.claim("python-no-restart")
    def test_other_server(server):
        pass
"""


@pytest.fixture
def two(project):
    """Two targets, as options."""
    project.check(CHECKS)
    return [f"--target={project.stage(name)}" for name in ("one", "two")]


def keys(project):
    return sorted(
        (cell.claim, cell.target.rpartition("/")[2], cell.protocol)
        for cell in project.ledger().cells
    )


ALL = sorted(
    [("correlation-id-string", target, p) for target in ("one", "two") for p in ("grpc", "http")]
    + [("server-version", target, None) for target in ("one", "two")]
    + [("python-no-restart", target, None) for target in ("one", "two")]
)


def test_cells_are_claims_by_targets_by_protocols(project, two):
    result = project.run("suites", *two)
    assert result.ret == 0
    assert keys(project) == ALL
    footer = project.ledger().footer
    # one server a target for the two checks alike, one for the check with other arguments
    assert footer["server_starts"] == footer["specifications"] == 4


def test_workers_give_the_same_cells(project, two):
    result = project.run("suites", "-n", "2", *two)
    assert result.ret == 0
    assert keys(project) == ALL
    footer = project.ledger().footer
    assert footer["complete"]
    assert footer["planned"] == len(ALL)
    # a server's checks stay on one worker: none is started twice
    assert footer["server_starts"] == 4


def test_claim_glob(project, two):
    project.run("suites", "--claim", "server-*", *two)
    assert {claim for claim, *_ in keys(project)} == {"server-version"}


def test_keyword(project, two):
    result = project.run("suites", "-k", "always", *two)
    assert result.ret == 0
    assert {claim for claim, *_ in keys(project)} == {"server-version"}
    assert project.ledger().footer["complete"]


def test_collect_only_starts_and_writes_nothing(project, two):
    result = project.run("suites", "--co", "-q", *two)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*test_ranged?install:*/one-cpu-grpc?"])
    assert not project.reports.exists()


def test_first_failure_stops_and_the_ledger_says_so(project):
    project.check("""
        import pytest


        @pytest.mark.claim("correlation-id-string")
        def test_ranged(server):
            assert False, "no"


        @pytest.mark.claim("server-version")
        def test_always(server):
            pass
    """)
    result = project.run("suites", "-x", "--target", project.stage("server"))
    assert result.ret == 1
    ledger = project.ledger()
    assert [cell.verdict.value for cell in ledger.cells] == ["refuted"]
    assert not ledger.footer["complete"]
    assert ledger.footer["planned"] == 2
    assert ledger.truncation


def test_last_failed_runs_what_failed(project, monkeypatch):
    target = project.stage("server", version="2.51.0")
    monkeypatch.setenv("RANGED", "does not hold")
    monkeypatch.setenv("ALWAYS", "does not hold")
    assert project.run("suites", "--target", target).ret == 1
    result = project.run("suites", "--lf", "--target", target)
    # the baseline passed, and is not run again
    assert set(project.verdicts()) == {"server-version"}
    assert result.ret == 1


def test_releases_without_notes_cannot_be_checked(project):
    result = project.run("suites", "--release", "24.05")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --release: *24.05*has no notes*"])


def test_worker_that_dies_leaves_an_error(project, monkeypatch):
    monkeypatch.setenv("RANGED", "exit process")
    result = project.run("suites", "-n", "1", "--target", project.stage("server"))
    assert result.ret == 1
    assert project.verdicts() == {"correlation-id-string": "error", "server-version": "confirmed"}
    cell = next(c for c in project.ledger().cells if c.claim == "correlation-id-string")
    assert "died" in cell.reason


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ('@pytest.mark.claim("no-such-claim")\ndef test_a(server): pass', "*no-such-claim*"),
        (
            '@pytest.mark.claim("server-version")\n@pytest.mark.claim("python-no-restart")\n'
            "def test_a(server): pass",
            "*test_a: found 2 claim marks*",
        ),
        (
            '@pytest.mark.claim("server-version")\ndef test_a(server): pass\n'
            '@pytest.mark.claim("server-version")\ndef test_b(server): pass',
            "*second check of 'server-version'*",
        ),
        ("@pytest.mark.claim()\ndef test_a(server): pass", "*exactly one literal text*"),
        (
            '@pytest.mark.claim("server-version")\n@pytest.mark.server(model="x")\n'
            "def test_a(server): pass",
            "*mark server takes the keywords*",
        ),
        (
            '@pytest.mark.claim("server-version")\n@pytest.mark.needs("luck")\n'
            "def test_a(server): pass",
            "*mark needs takes some of*",
        ),
    ],
)
def test_wrong_marks_are_told_before_anything_runs(project, source, complaint):
    project.check(f"import pytest\n\n{source}")
    result = project.run("suites", "--target", project.stage("server"))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    told = [line for line in result.stderr.lines if line.startswith("ERROR: ")]
    assert len(told) == 1
    result.stderr.fnmatch_lines([complaint])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


def test_check_that_needs_what_is_not_here_is_blocked(project):
    project.check("""
        import pytest


        @pytest.mark.claim("server-version")
        @pytest.mark.needs("gpu")
        def test_always(server):
            pass
    """)
    project.run("suites", "--target", project.stage("server"))
    assert project.verdicts() == {"server-version": "blocked"}
    assert project.ledger().footer["server_starts"] == 0


def test_ordinary_tests_are_left_alone(project):
    project.check("def test_plain():\n    pass\n", "test_plain.py")
    result = project.run("suites/test_plain.py")
    assert result.ret == 0
    result.assert_outcomes(passed=1)


def test_ordinary_failure_beside_good_checks_fails_the_run(project):
    project.check("def test_plain():\n    assert False\n", "test_plain.py")
    result = project.run("suites", "--target", project.stage("server"))
    assert result.ret == 1
    assert "1 failures outside the checks" in project.ledger().footer["failures"]


def test_a_run_elsewhere_writes_no_reports(project):
    tests = project.path / "tests"
    tests.mkdir()
    (tests / "test_own.py").write_text("def test_own():\n    pass\n", encoding="utf-8")
    assert project.run("tests").ret == 0
    assert not project.reports.exists()


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["one process", "worker"])
def test_target_whose_path_is_not_ascii(project, workers):
    target = project.stage("Größe [1] x")
    assert project.run("suites", "--target", target, *workers).ret == 0
    assert project.ledger().footer["complete"]
    assert {cell.target for cell in project.ledger().cells} == {target}
