"""Targets that are tools: which checks run on them, what they get, and how it is told.

The tools are stand-ins; tests/suites has the real ones.
"""

from __future__ import annotations

import json

import psutil
import pytest

from staged.tool_wheels import stage_tools
from triton_claims import cli

CHECKS = """
    import os

    import pytest

    from triton_claims.errors import Blocked


    @pytest.mark.claim("genai-perf-header")  # since 2.54.0
    @pytest.mark.tool("genai-perf")
    def test_header(tool, evidence):
        assert list(tool.folder.iterdir()) == []
        (tool.folder / "left").write_text("there")
        assert tool.genai_perf("options", "--header", "--header").returncode == 0
        evidence.show("versions", str(tool.versions))
        how = os.environ.get("RANGED", "holds")
        if how == "hang":
            tool.genai_perf("spawn", "hang", timeout=5)
        assert how == "holds", "seen otherwise"


    @pytest.mark.claim("perf-analyzer-output-bytes")  # since 2.54.0
    @pytest.mark.tool("perf-analyzer")
    def test_bytes(tool):
        by_itself = tool.perf_analyzer("-m", "echo")
        by_the_other = tool.genai_perf("analyze", "-m", "echo")
        assert by_itself.stdout == by_the_other.stdout == "analyzed -m echo\\n"
        assert by_itself.returncode == by_the_other.returncode == 9
        assert tool.versions["perf-analyzer"] == "2.54.0"


    @pytest.mark.claim("server-version")
    def test_always(server):
        pass
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """One cache for all tests here: what is in it is the same for all."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def staged(project, cache, monkeypatch):
    """A project with checks of tools and of a server, and stand-ins for the tools."""
    monkeypatch.setenv("TRITON_CLAIMS_CACHE", str(cache))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    stage_tools(project.path / "releases", cache / "downloads")
    project.check(CHECKS)
    return project


def told(project):
    """Verdicts of the last run, by claim and target."""
    return {(cell.claim, cell.target): cell.verdict.value for cell in project.ledger().cells}


HEADER, BYTES = "genai-perf-header", "perf-analyzer-output-bytes"
OLD, MIXED, NEW = (
    "genai-perf:0.0.9",
    "genai-perf:0.0.10+perf-analyzer:2.53.0",
    "genai-perf:0.0.10",
)


def test_the_version_of_the_tool_that_a_check_names_decides(staged, monkeypatch):
    monkeypatch.setenv("RANGED", "does not hold")
    result = staged.run("suites", f"--target={OLD}", f"--target={MIXED}", f"--target={NEW}")
    assert result.ret == 1
    assert told(staged) == {
        (HEADER, OLD): "baseline",
        (HEADER, MIXED): "refuted",
        (HEADER, NEW): "refuted",
        (BYTES, OLD): "baseline",
        (BYTES, MIXED): "baseline",
        (BYTES, NEW): "confirmed",
    }
    ledger = staged.ledger()
    cells = {(cell.claim, cell.target): cell for cell in ledger.cells}
    assert cells[HEADER, MIXED].server_version == "2.54.0"
    assert cells[BYTES, MIXED].server_version == "2.53.0"
    assert cells[BYTES, NEW].reason == (
        "the claim holds on perf-analyzer 2.54.0 of server 2.54.0 (since 2.54.0)"
    )
    assert ledger.footer["server_starts"] == 0


def test_a_claim_that_holds_too_early_is_premature(staged):
    staged.run("suites", f"--target={OLD}", "--claim=genai-perf-header")
    (cell,) = staged.ledger().cells
    assert cell.verdict.value == "premature"
    assert "holds on genai-perf 0.0.9 of server 2.53.0, where it must be absent" in cell.reason


def test_the_oldest_gets_the_next_newer_perf_analyzer_and_says_so(staged):
    staged.run("suites", "--target=genai-perf:0.0.8", "--claim=genai-perf-header")
    (cell,) = staged.ledger().cells
    pieces = {piece.title: piece.text for piece in cell.evidence}
    assert pieces["the tools"].startswith("GenAI-Perf 0.0.8 on Python 3.")
    assert pieces["the tools"].endswith("with the Perf Analyzer 2.53.0 of 24.12")
    assert pieces["versions"] == "{'genai-perf': '0.0.8', 'perf-analyzer': '2.53.0'}"
    assert pieces["genai-perf options"].startswith("$ genai-perf options --header --header\n")
    assert cell.reproduce == (
        "pytest 'suites/test_checks.py::test_header[genai-perf:0.0.8-cpu]' "
        "--target=genai-perf:0.0.8 --release=25.01"
    )


def test_reports_tell_of_tools_as_tools(staged):
    result = staged.run("suites", f"--target={MIXED}", "--claim=perf-analyzer-output-bytes")
    output = result.stdout.str()
    assert f"{MIXED} is genai-perf 0.0.10 with perf-analyzer 2.53.0: what is" in output
    row = next(line for line in output.splitlines() if line.startswith(BYTES))
    assert row.split()[:4] == [BYTES, MIXED, "-", "cpu"]
    header = staged.ledger().header
    (target,) = header["targets"]
    assert target["tools"] == {"genai-perf": "0.0.10", "perf-analyzer": "2.53.0"}
    assert target["server_version"] is None
    assert len(target["sha256"]) == 64
    assert "is Triton" not in output
    told = staged.allure()[BYTES]["description"]
    assert "The notes imply for perf-analyzer 2.53.0 of server 2.53.0: absent" in told


def test_without_a_tool_its_checks_are_blocked_once_and_say_what_to_add(staged):
    first, second = staged.stage("first"), staged.stage("second")
    result = staged.run("suites", f"--target={first}", f"--target={second}")
    assert result.ret == 0
    assert told(staged) == {
        (HEADER, first): "blocked",
        (BYTES, first): "blocked",
        ("server-version", first): "confirmed",
        ("server-version", second): "confirmed",
    }
    blocked = [cell for cell in staged.ledger().cells if cell.verdict.value == "blocked"]
    for cell in blocked:
        assert cell.reason == (
            "the check is one of a tool, and the run has servers alone; to unblock: "
            "--target genai-perf:0.0.10"
        )
        assert (cell.expectation, cell.server_version) == (None, None)
    assert staged.ledger().footer["server_starts"] == 2


def test_servers_and_tools_get_the_checks_that_are_for_them(staged):
    server = staged.stage("server")
    result = staged.run("suites", f"--target={server}", f"--target={NEW}")
    assert result.ret == 0
    assert told(staged) == {
        (HEADER, NEW): "confirmed",
        (BYTES, NEW): "confirmed",
        ("server-version", server): "confirmed",
    }


def test_with_tools_alone_the_checks_of_servers_are_not_told_of(staged):
    result = staged.run("suites", f"--target={NEW}")
    assert result.ret == 0
    result.assert_outcomes(passed=2, deselected=1)
    assert {cell.target for cell in staged.ledger().cells} == {NEW}


def test_side_by_side_on_two_workers_each_has_a_folder_of_its_own(staged):
    result = staged.run("suites", f"--target={OLD}", f"--target={NEW}", "-n", "2")
    assert told(staged)[HEADER, NEW] == "confirmed"
    assert told(staged)[HEADER, OLD] == "premature"
    assert len(told(staged)) == 4
    assert result.stdout.str().count("making an environment") <= 1


@pytest.fixture
def temporary(staged, monkeypatch):
    """A folder for all that is temporary."""
    folder = staged.path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.mark.usefixtures("temporary")
def test_a_tool_that_hangs_is_an_error_and_leaves_nothing(staged, monkeypatch):
    monkeypatch.setenv("RANGED", "hang")
    staged.run("suites", f"--target={NEW}", "--claim=genai-perf-header")
    (cell,) = staged.ledger().cells
    assert cell.verdict.value == "error"
    assert "genai-perf did not end within 5 s" in cell.reason
    child = int(cell.reason.split("stdout: ")[1].split()[0])
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie"
    assert list((staged.path / "tmp").rglob("left")) == []


def test_the_tools_get_nothing_of_the_callers_environment_but_path(staged, monkeypatch):
    staged.check(
        """
        import json

        import pytest


        @pytest.mark.claim("genai-perf-header")
        @pytest.mark.tool("genai-perf")
        def test_header(tool):
            told = json.loads(tool.genai_perf("tell").stdout)
            environment = told["environment"]
            assert set(environment) - {"LC_CTYPE"} == {
                "PATH", "HOME", "TMPDIR", "HF_HUB_OFFLINE", "LC_ALL", "COLUMNS", "NO_COLOR",
                "PYTHONDONTWRITEBYTECODE", "TRITON_CLAIMS_RUN",
            }
            assert environment["HF_HUB_OFFLINE"] == "1"
            assert told["folder"] == str(tool.folder)
            for each in ("HOME", "TMPDIR"):
                assert environment[each].startswith(str(tool.folder.parent))
            assert told["needed"] == "GenAI-Perf"
            told = tool.python("-c", "import sys; print(sys.executable)").stdout.strip()
            assert told == str(tool.python_path)
            failed = tool.genai_perf("fail")
            assert failed.returncode == 3 and "hunter2222" in failed.stderr
        """
    )
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    result = staged.run("suites", f"--target={NEW}")
    assert result.ret == 0
    assert "hunter2222" not in (staged.reports / "ledger.jsonl").read_text()


@pytest.mark.parametrize(
    ("decorators", "fixtures", "why"),
    [
        ('@pytest.mark.tool("genai-perf")', "", "the mark tool wants the fixture tool"),
        ('@pytest.mark.tool("genai")', "tool", "mark tool takes one of genai-perf, perf-analyzer"),
        ("@pytest.mark.tool()", "tool", "mark tool takes one of"),
        ('@pytest.mark.tool("genai-perf")', "tool, server", "there is no server under test"),
        ('@pytest.mark.tool("genai-perf")', "tool, client", "there is no server under test"),
        (
            '@pytest.mark.tool("genai-perf")\n@pytest.mark.server()',
            "tool",
            "there is no server under test",
        ),
        ("", "tool", "the fixture tool is for checks with the mark tool"),
        ("", "server, triton_endpoint", "the fixture triton_endpoint is for checks with the mark"),
    ],
)
def test_a_check_of_both_a_tool_and_a_server_is_refused(project, decorators, fixtures, why):
    project.check(
        "import pytest\n\n\n@pytest.mark.claim('genai-perf-header')\n"
        f"{decorators}\ndef test_header({fixtures}):\n    pass\n"
    )
    result = project.run("suites", "--target=genai-perf:0.0.10", "--co", in_process=True)
    assert result.ret == 4
    assert why in result.stderr.str() + result.stdout.str()


def test_a_tool_is_no_baseline(project):
    result = project.run("suites", "--baseline=genai-perf:0.0.10", in_process=True)
    assert result.ret == 4
    assert "--baseline: 'genai-perf:0.0.10' is a tool: expected a server" in result.stderr.str()


def test_a_tool_that_cannot_be_had_blocks_its_checks(staged, tmp_path, monkeypatch):
    monkeypatch.setenv("TRITON_CLAIMS_CACHE", str(tmp_path / "empty"))
    result = staged.run("suites", f"--target={NEW}")
    assert result.ret == 1  # nothing was decided
    assert set(told(staged).values()) == {"blocked"}
    for cell in staged.ledger().cells:
        assert cell.reason.startswith(
            "tritonclient 2.54.0 is not in the cache and can't be fetched"
        )
        assert cell.expectation.value == "holds"


def test_fetch_makes_it_ready(staged, monkeypatch, capsys):
    monkeypatch.chdir(staged.path)
    assert cli.main(["fetch", NEW]) == 0
    assert "genai-perf:0.0.10 is ready: GenAI-Perf 0.0.10 on Python" in capsys.readouterr().out


def test_shards_with_tools_are_merged(staged, capsys, monkeypatch):
    for name in ("header", "bytes"):
        claim = HEADER if name == "header" else BYTES
        staged.run("suites", f"--target={MIXED}", f"--claim={claim}", f"--reports={name}")
    monkeypatch.chdir(staged.path)
    # the tools of the target are of two releases: that is no contradiction
    assert cli.main(["merge", "header", "bytes", "-o", "merged"]) == 0
    assert "is genai-perf 0.0.10 with perf-analyzer 2.53.0" in capsys.readouterr().out
    lines = (staged.path / "merged" / "ledger.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["targets"][0]["tools"]["genai-perf"] == "0.0.10"
