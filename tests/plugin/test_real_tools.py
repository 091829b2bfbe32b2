"""One real GenAI-Perf with its Perf Analyzer, and a real Triton that they are pointed at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from triton_claims.servers.cache import VARIABLE, cache_root

# the environment is made once; it takes a minute where the cache is empty
pytestmark = pytest.mark.xdist_group("real-tools")

ROOT = Path(__file__).resolve().parents[2]
CACHE = cache_root()  # as it is without pytester, which gives tests a home of their own
TARGET = "genai-perf:0.0.10"
CHECKS = """
    import os
    import signal
    import sys

    import pytest

    from triton_claims.servers.models import model

    MAKES_A_PICTURE = '''
    import plotly.graph_objects as graphs
    graphs.Figure(graphs.Scatter(y=[1, 2])).write_image("picture.jpeg")
    '''
    ASKS_PERF_ANALYZER = '''
    import subprocess
    subprocess.run(["perf_analyzer", "--version"])
    '''


    @pytest.mark.claim("genai-perf-header")
    @pytest.mark.tool("genai-perf")
    def test_tools(tool):
        told = tool.genai_perf("--version")
        assert told.stdout == "genai-perf 0.0.10\\n"
        assert tool.versions == {"genai-perf": "0.0.10", "perf-analyzer": "2.54.0"}
        started = tool.python("-c", ASKS_PERF_ANALYZER).output
        assert started == tool.perf_analyzer("--version").output
        assert started.startswith("Perf Analyzer Version 2.54.0 ")
        tool.python("-c", MAKES_A_PICTURE)
        assert (tool.folder / "picture.jpeg").stat().st_size > 1000


    @pytest.mark.claim("perf-analyzer-output-bytes")
    @pytest.mark.tool("perf-analyzer")
    def test_endpoint(tool, triton_endpoint):
        endpoint = triton_endpoint([model("echo")])
        command = ("-m", "echo", "-i", "grpc", "-u", endpoint.process.grpc, "--shape", "IN:4")
        run = tool.perf_analyzer(*command, "--request-count", "20")
        assert run.returncode == 0, run.output
        assert "Throughput: " in run.stdout
        if os.environ.get("KILL"):
            os.kill(endpoint.process.pid, signal.SIGKILL)
            endpoint.process.how_it_ended(30)
            assert tool.perf_analyzer(*command, "--request-count", "1").returncode == 0, "no"
"""


@pytest.fixture
def real(project, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(CACHE))
    shutil.copytree(ROOT / "model_repository" / "echo", project.path / "model_repository" / "echo")
    project.check(CHECKS)
    return project


def test_the_tools_run_and_find_each_other_and_a_triton(real):
    result = real.run("suites", f"--target={TARGET}")
    assert result.ret == 0
    ledger = real.ledger()
    assert {cell.verdict.value for cell in ledger.cells} == {"confirmed"}
    assert ledger.footer["server_starts"] == 1
    # the endpoint says nothing of the version that is decided on
    assert {cell.server_version for cell in ledger.cells} == {"2.54.0"}
    names = [each["name"] for each in real.allure()["perf-analyzer-output-bytes"]["attachments"]]
    assert any(name.startswith("command that started endpoint ") for name in names)


def test_what_is_seen_of_an_endpoint_that_died_says_nothing_of_the_tool(real, monkeypatch):
    monkeypatch.setenv("KILL", "1")
    real.run("suites", f"--target={TARGET}", "--claim=perf-analyzer-output-bytes")
    (cell,) = real.ledger().cells
    assert cell.verdict.value == "error"
    assert "was killed by SIGKILL (exit status -9) while it answered perf_analyzer" in cell.reason
