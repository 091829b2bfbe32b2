"""A run on a server that somebody else runs: a real one, started by these tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from triton_claims.servers.pool import ServerSpecification
from triton_claims.servers.remote import EXPLICIT
from triton_claims.servers.running import METRICS

pytestmark = pytest.mark.xdist_group("suites-remote-target")

ROOT = Path(__file__).resolve().parents[2]
AWAY = "url:http://127.0.0.1:1"
PASSWORD = "geheim-enough"  # noqa: S105 - a stand-in for one
#: By claim, what its cells on such a server of 2.51.0 come to, and words of the reason.
EXPECTED = {
    "correlation-id-dtype-integer-to-string": ("baseline", "not refused with an error"),
    "correlation-id-string": ("blocked", "needs a server of its own"),
    "server-version": ("blocked", "its log cannot be seen from here"),
    "cpu-only": ("blocked", "its options cannot be asked for"),
    "python-numpy2": ("blocked", "the NumPy of its models cannot be chosen"),
    "python-no-restart": ("blocked", "started with"),
    "decoupled-unload-clean": ("blocked", "loads and unloads models of its repository itself"),
    "windows-grpc-latency": ("blocked", "a server on windows, and url:"),
    "ubuntu-version": ("blocked", "needs the image py3, and url:"),
}


@pytest.fixture(scope="module")
def theirs(embedded_pool):
    """A server of somebody else's that loads models on demand."""
    return embedded_pool.start(ServerSpecification("theirs", arguments=(EXPLICIT, METRICS)))


@pytest.fixture(scope="module")
def run(run_altered, theirs):
    """Checks of each kind, on that server; its user has a password."""
    facts = f"#os=linux,grpc={theirs.grpc},metrics=http://{theirs.metrics}"
    url = f"url:http://me:{PASSWORD}@{theirs.http}{facts}"
    return run_altered(*EXPECTED, targets=[url, AWAY])


@pytest.mark.parametrize("claim", EXPECTED)
def test_what_can_be_decided_from_outside_is(run, claim):
    verdict, words = EXPECTED[claim]
    cells = [each for each in run.ledger.cells if each.claim == claim and each.target != AWAY]
    assert cells
    for cell in cells:
        assert cell.verdict.value == verdict, cell.reason
        assert words in cell.reason


def test_the_server_is_left_as_it_was(run, theirs):
    assert run.ledger.footer["server_starts"] == 0
    assert theirs.is_ready()
    assert theirs.get("/v2/models/correlation_id-none/ready")[0] != 200


def test_the_password_is_told_nowhere(run):
    files = [path for path in run.reports.rglob("*") if path.is_file()]
    assert len(files) > len(EXPECTED)
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]
    assert PASSWORD not in run.output
    target, _ = run.ledger.header["targets"]
    assert target["target"].startswith("url:http://127.0.0.1:")


#: What is claimed of Windows and Jetson alone, and is not so on a server that is neither.
ELSEWHERE = {
    "windows-no-system-shared-memory": ("refuted", "Unable to open shared memory region"),
    "windows-python-no-gpu-tensors": ("refuted", "built for tensors on GPUs"),
    "windows-python-no-metrics": ("refuted", "nv_cpu_utilization"),
    "windows-python-no-environments": ("refuted", "not as unsupported"),
    "windows-python-no-model-control": ("refuted", "'load': 'done', 'unload': 'done'"),
    "windows-partial": ("blocked", "TRITON_CLAIMS_WINDOWS_BUILD names no build"),
    "jetson-backends": ("refuted", "tensorrt: 400"),
    "jetson-onnxruntime-cuda": ("blocked", "has no ONNX Runtime"),
}


@pytest.fixture(scope="module")
def declared(run_altered, theirs):
    """Checks of Windows and Jetson servers, on one of which they are wrongly declared."""
    facts = f"os=windows,platform=jetson,grpc={theirs.grpc},metrics=http://{theirs.metrics}"
    return run_altered(*ELSEWHERE, targets=[f"url:http://{theirs.http}#{facts}"])


@pytest.mark.parametrize("claim", ELSEWHERE)
def test_on_another_system_the_claims_are_seen_not_to_hold(declared, claim):
    verdict, words = ELSEWHERE[claim]
    cell = declared.cell(claim)
    assert cell.verdict.value == verdict, cell.reason
    assert words in cell.reason


def test_models_are_written_out(tmp_path):
    command = [sys.executable, "-m", "pytest", "suites", "--claim=correlation-id-*", "-q"]
    done = subprocess.run(
        [*command, f"--export-models={tmp_path / 'models'}", "-p", "no:cacheprovider"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "models to " in done.stdout
    configs = list(tmp_path.glob("models/correlation_id-*/config.pbtxt"))
    assert configs
    assert all("triton_claims_digest" in config.read_text() for config in configs)


def test_a_server_that_is_away_blocks(run):
    cells = [cell for cell in run.ledger.cells if cell.target == AWAY]
    assert {cell.verdict.value for cell in cells} == {"blocked"}
    version = run.cell("server-version", target=AWAY)
    assert f"no server answers at {AWAY.removeprefix('url:')}" in version.reason
