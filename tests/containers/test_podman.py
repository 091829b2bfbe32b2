"""Podman's Docker API: the same verdicts as with Docker, and what it passes over is noticed."""

from __future__ import annotations

import subprocess

import pytest

from containers.engines import NoEngineError
from containers.podman import Podman, obstacle_to_podman
from containers.runs import copy_image
from containers.test_gpus import machine
from triton_claims.servers.container_image import ensure_image
from triton_claims.servers.docker_host import docker_host
from triton_claims.servers.staged_gpus import STAGED_VARIABLE

pytestmark = pytest.mark.xdist_group("containers-elsewhere")

#: Asks a container all that the suites ask of one.
CHECKS = """
import psutil

@pytest.mark.claim("server-version")
def test_version(server, evidence):
    assert server.process.shares_files
    assert server.process.process_of(1).is_running()
    assert server.process.read_inside("/opt/tritonserver/TRITON_VERSION")
    code, printed = server.process.run_inside(["sh", "-c", "echo here; exit 3"])
    assert (code, printed) == (3, "here\\n")
    assert "started HTTPService" in server.process.log().replace("Started", "started")

@pytest.mark.claim("http-grpc-agree")
@pytest.mark.server(arguments=["--exit-timeout-secs=5"])
def test_stop(server):
    status, log = server.stop()
    assert (status, "signal" in log.lower()) == (0, True)

@pytest.mark.claim("python-no-restart")
@pytest.mark.server(arguments=["--exit-timeout-secs=6"])
def test_death(server):
    server.process.run_inside(["sh", "-c", "kill -9 $(pidof tritonserver)"])
    assert "SIGKILL" in server.process.how_it_ended(20)
"""
COPIED = """
@pytest.mark.claim("server-version")
def test_copied(server):
    assert not server.process.shares_files
"""
ON_A_GPU = """
@pytest.mark.claim("server-version")
@pytest.mark.needs("gpu")
def test_gpu(server):
    assert server.process
"""


@pytest.fixture(scope="module")
def podman_with_image(docker_engine, server_image):
    if why_not := obstacle_to_podman():
        pytest.skip(f"no podman: {why_not}")
    try:
        podman = Podman()
    except (OSError, subprocess.CalledProcessError) as problem:
        pytest.skip(f"no podman: {problem}")
    try:
        podman.serve()
        copy_image(server_image, docker_engine, podman.url)
        yield podman
    except NoEngineError as problem:
        pytest.skip(f"no podman: {problem}")
    finally:
        podman.remove()


@pytest.fixture
def podman(podman_with_image):
    """Podman with the server image, as it is by default."""
    if podman_with_image.changed:
        podman_with_image.serve()
    return podman_with_image


@pytest.fixture
def start(suite_run, podman, tmp_path):
    """Starts a run of checks on podman."""

    def start(checks, *options, environment=None):
        # Its ports are published on its machine.
        hosts = tmp_path / "hosts.toml"
        hosts.write_text(
            f'[[host]]\nname = "podman"\nurl = "{podman.url}"\n'
            f'address = "{podman.machine.address}"\n'
        )
        return suite_run(
            checks, f"--docker-host={hosts}", *options, engine=podman.url, environment=environment
        )

    return start


def test_it_has_the_same_image(podman, docker_engine, server_image):
    here, there = (
        ensure_image(docker_host(url), server_image, print) for url in (docker_engine, podman.url)
    )
    assert there.id == here.id


def test_a_container_is_all_that_checks_expect(start):
    run = start(CHECKS, "--gpu=none")
    verdicts = {cell.claim: cell.verdict.value for cell in run.ledger().cells}
    assert set(verdicts.values()) == {"confirmed"}, run.output
    assert run.exit_code == 0
    assert run.leftovers() == []


def test_a_gpu_that_it_does_not_give_is_an_error_and_not_a_pass(start, tmp_path):
    inventory = tmp_path / "gpus.toml"
    inventory.write_text(machine("9.0"))
    cell = start(ON_A_GPU, environment={STAGED_VARIABLE: str(inventory)}).cell()
    assert cell.verdict.value == "error"
    assert "was to see GPU-00000000-0000 and sees no GPU: the engine at podman" in cell.reason


def test_what_it_lacks_to_start_a_container_is_said(start, podman):
    podman.serve(with_init=False)
    cell = start(COPIED, "--gpu=none").cell()
    assert cell.verdict.value == "blocked"
    assert "has no program to be the first process of containers" in cell.reason
    assert "--docker-option init=false" in cell.reason


def test_on_another_machine_it_gets_copies(start, podman):
    # It would make up an empty folder where it does not see one of this machine.
    podman.serve(elsewhere=True, with_init=False)
    run = start(COPIED, "--gpu=none", "--docker-option=init=false")
    assert run.cell().verdict.value == "confirmed", run.output
    assert run.leftovers() == []
