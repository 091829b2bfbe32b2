"""Every row of the table of verdicts, as pytest, the ledger and Allure tell it."""

from __future__ import annotations

import pytest

NEW, OLD = "2.54.0", "2.51.0"

#: server, what the check does -> verdict, pytest's count, Allure's status, exit code
TABLE = [
    (NEW, "holds", "confirmed", {"passed": 2}, "passed", 0),
    (NEW, "does not hold", "refuted", {"passed": 1, "failed": 1}, "failed", 1),
    (OLD, "does not hold", "baseline", {"passed": 2}, "passed", 0),
    (OLD, "holds", "premature", {"passed": 1, "failed": 1}, "failed", 1),
    (NEW, "blocked", "blocked", {"passed": 1, "skipped": 1}, "skipped", 0),
    (OLD, "blocked", "blocked", {"passed": 1, "skipped": 1}, "skipped", 0),
    (NEW, "skip", "blocked", {"passed": 1, "skipped": 1}, "skipped", 0),
    (NEW, "undecided", "undecided", {"passed": 1, "errors": 1}, "broken", 1),
    (OLD, "undecided", "undecided", {"passed": 1, "errors": 1}, "broken", 1),
    (NEW, "broke", "error", {"passed": 1, "errors": 1}, "broken", 1),
    (OLD, "broke", "error", {"passed": 1, "errors": 1}, "broken", 1),
    (OLD, "fail", "error", {"passed": 1, "errors": 1}, "broken", 1),
]


@pytest.mark.parametrize(("version", "does", "verdict", "counts", "status", "code"), TABLE)
def test_row(project, monkeypatch, *, version, does, verdict, counts, status, code):
    monkeypatch.setenv("RANGED", does)
    result = project.run("suites", "--target", project.stage("server", version=version))
    result.assert_outcomes(**counts)
    assert result.ret == code
    assert project.verdicts() == {"correlation-id-string": verdict, "server-version": "confirmed"}
    told = project.allure()["correlation-id-string"]
    assert told["status"] == status
    assert {"name": "verdict", "value": verdict} in told["labels"]
    if verdict not in {"confirmed", "baseline"}:
        # nobody should have to look into a log for what a result means
        assert told["statusDetails"]["message"].strip()
    cell = next(c for c in project.ledger().cells if c.claim == "correlation-id-string")
    assert cell.server_version == version
    assert cell.expectation.value == ("holds" if version == NEW else "absent")
    assert cell.reason


def test_baseline_keeps_what_was_seen(project, monkeypatch):
    monkeypatch.setenv("RANGED", "does not hold")
    result = project.run("suites", "-v", "--target", project.stage("server", version=OLD))
    cell = next(c for c in project.ledger().cells if c.claim == "correlation-id-string")
    assert "seen otherwise" in cell.reason
    result.stdout.fnmatch_lines(["*test_ranged* BASELINE*"])


def test_premature_says_what_it_means(project):
    result = project.run("suites", "--target", project.stage("server", version=OLD))
    result.stdout.fnmatch_lines(["*the check has no teeth, or the notes are wrong*"])
    assert result.ret == 1


def test_blocked_says_how_to_unblock(project, monkeypatch):
    monkeypatch.setenv("RANGED", "blocked")
    result = project.run("suites", "--target", project.stage("server"))
    result.stdout.fnmatch_lines(["*there is no GPU; to unblock: add one*"])


def test_nothing_decided_is_no_success(project, monkeypatch):
    monkeypatch.setenv("RANGED", "blocked")
    monkeypatch.setenv("ALWAYS", "blocked")
    result = project.run("suites", "--target", project.stage("server"))
    assert result.ret == 1
    assert project.ledger().footer["failures"] == ["nothing was decided"]


@pytest.mark.parametrize(("require", "code"), [("decided", 1), ("confirmed", 1)])
def test_require_does_not_let_blocked_pass(project, monkeypatch, require, code):
    monkeypatch.setenv("RANGED", "blocked")
    target = project.stage("server")
    assert project.run("suites", "--target", target).ret == 0
    assert project.run("suites", "--target", target, "--require", require).ret == code


def test_require_confirmed_does_not_let_baseline_pass(project, monkeypatch):
    monkeypatch.setenv("RANGED", "does not hold")
    target = project.stage("server", version=OLD)
    assert project.run("suites", "--target", target, "--require", "decided").ret == 0
    assert project.run("suites", "--target", target, "--require", "confirmed").ret == 1


def test_server_that_does_not_start_is_an_error_with_its_log(project):
    target = project.stage("server", dies_on="start", exit_code=3)
    result = project.run("suites", "--target", target)
    assert result.ret == 1
    assert set(project.verdicts().values()) == {"error"}
    cell = project.ledger().cells[0]
    assert "exited with status 3" in cell.reason
    assert cell.server_version is None
    assert project.allure()["server-version"]["status"] == "broken"


def test_assertion_in_a_fixture_does_not_speak_of_the_claim(project):
    project.check("""
        import pytest


        @pytest.fixture
        def broken(server):
            assert False, "infrastructure"


        @pytest.mark.claim("correlation-id-string")
        def test_ranged(broken):
            pass
    """)
    project.run("suites", "--target", project.stage("server", version=OLD))
    assert project.verdicts() == {"correlation-id-string": "error"}
    assert project.allure()["correlation-id-string"]["status"] == "broken"


def test_failing_teardown_makes_it_an_error(project):
    project.check("""
        import pytest


        @pytest.fixture
        def leaky(server):
            yield
            raise OSError("cannot clear up")


        @pytest.mark.claim("correlation-id-string")
        def test_ranged(leaky):
            pass
    """)
    result = project.run("suites", "--target", project.stage("server"))
    assert project.verdicts() == {"correlation-id-string": "error"}
    assert result.ret == 1


def test_unchecked_claims_are_listed(project):
    result = project.run("suites", "--target", project.stage("server"))
    unchecked = {claim.claim for claim in project.ledger().unchecked}
    assert "blackwell-inference" in unchecked
    assert "server-version" not in unchecked
    assert project.ledger().footer["counts"]["unchecked"] == len(unchecked)
    result.stdout.fnmatch_lines(["unchecked (*", "*blackwell-inference*"])


ACCEPTANCE = """
[[acceptance]]
claim = "correlation-id-string"
verdict = "{verdict}"
target = "{target}"
reason = "upstream knows and will mend it"
link = "https://example.org/issues/1"
date = "2025-02-14"
"""


def accept(project, verdict="refuted", target="install:*"):
    text = ACCEPTANCE.format(verdict=verdict, target=target)
    (project.path / "releases" / "acceptances.toml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("does", "verdict", "version"),
    [
        ("does not hold", "refuted", NEW),
        ("broke", "error", NEW),
        ("holds", "premature", OLD),
    ],
)
def test_accepted_stays_visible_and_does_not_fail(project, monkeypatch, does, verdict, version):
    monkeypatch.setenv("RANGED", does)
    accept(project, verdict)
    result = project.run("suites", "-v", "--target", project.stage("server", version=version))
    assert result.ret == 0
    cell = next(c for c in project.ledger().cells if c.claim == "correlation-id-string")
    assert cell.verdict.value == verdict
    assert "upstream knows" in cell.accepted
    result.stdout.fnmatch_lines([f"*{verdict.upper()}, ACCEPTED*", f"*{verdict}, accepted*"])


def test_acceptance_of_another_verdict_does_not_help(project, monkeypatch):
    monkeypatch.setenv("RANGED", "does not hold")
    accept(project, "error")
    assert project.run("suites", "--target", project.stage("server")).ret == 1


def test_acceptance_whose_cell_is_confirmed_fails_the_run(project):
    accept(project)
    result = project.run("suites", "--target", project.stage("server"))
    assert result.ret == 1
    assert project.verdicts()["correlation-id-string"] == "confirmed"
    result.stdout.fnmatch_lines(["*acceptances.toml:2: *no longer fits*remove it*"])


def test_acceptance_for_another_target_is_not_judged(project):
    accept(project, target="ngc:*")
    assert project.run("suites", "--target", project.stage("server")).ret == 0


def test_accepted_server_that_does_not_start(project):
    for claim in ("correlation-id-string", "server-version"):
        path = project.path / "releases" / "acceptances.toml"
        text = ACCEPTANCE.format(verdict="error", target="install:*")
        with path.open("a", encoding="utf-8") as file:
            file.write(text.replace("correlation-id-string", claim))
    result = project.run("suites", "--target", project.stage("server", dies_on="start"))
    assert all(cell.accepted for cell in project.ledger().cells)
    assert result.ret == 1  # for nothing was decided


def test_secrets_reach_neither_ledger_nor_allure(project, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefghijklmnop")
    monkeypatch.setenv("RANGED", "does not hold")
    project.check("""
        import os
        import pytest


        @pytest.mark.claim("correlation-id-string")
        def test_ranged(server, evidence):
            token = os.environ["HF_TOKEN"]
            evidence.show("token", f"the token is {token}")
            assert not token, f"{token} at https://user:geheim123@host/"
    """)
    project.run("suites", "--target", project.stage("server", version=OLD))
    for path in project.reports.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"hf_abcdefghijklmnop" not in content, path
            assert b"geheim123" not in content, path


def test_server_that_dies_under_a_check_is_told_with_its_log(project):
    project.check("""
        import os
        import signal

        import pytest


        @pytest.mark.claim("server-version")
        def test_always(server):
            os.kill(server.process.pid, signal.SIGKILL)
            server.process.how_it_ended(30)
            server.process.get("/v2")
    """)
    project.run("suites", "--target", project.stage("server"))
    (cell,) = project.ledger().cells
    assert cell.verdict.value == "error"
    assert "the server was killed by SIGKILL (exit status -9)" in cell.reason
    assert "Started HTTPService" in cell.reason


def test_report_that_cannot_be_written_takes_nothing_with_it(project):
    (project.reports / "summary.md").mkdir(parents=True)
    result = project.run("suites", "--target", project.stage("server"))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["summary.md could not be written: *"])
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
    assert project.ledger().footer["complete"]
    assert (project.reports / "junit.xml").is_file()
