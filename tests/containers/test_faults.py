"""Whatever breaks around a run with containers: its verdict and words, and nothing is left."""

from __future__ import annotations

import os
import signal
from contextlib import closing, suppress
from pathlib import Path

import docker
import psutil
import pytest

from containers.engines import ask
from polling import until
from triton_claims.servers.container_traces import sweep_host
from triton_claims.servers.docker_host import connect, docker_host

pytestmark = pytest.mark.xdist_group("containers-faults")

#: Says which container it has, and judges what it then answers.
WAITS = """
@pytest.mark.claim("server-version")
def test_waits(server):
    meet(server.process.id, os.getpid())
    try:
        status, _ = server.process.get("/v2", timeout=1.0)
    except OSError:
        status = None
    assert status == 200, "it keeps silent"
"""
PLAIN = """
@pytest.mark.claim("server-version")
def test_plain(server, evidence):
    evidence.show("status", str(server.process.get("/v2")[0]))
"""
NOWHERE = "unix:///nowhere/docker.sock"


def refusal(run):
    """The one line by which a run says that it does not begin."""
    assert run.exit_code == pytest.ExitCode.USAGE_ERROR, run.output
    assert "Traceback" not in run.output
    (line,) = (each for each in run.output.splitlines() if each.startswith("ERROR: "))
    assert run.leftovers() == []
    return line


def test_all_is_well_and_nothing_is_left(suite_run):
    run = suite_run(PLAIN)
    assert run.cell().verdict.value == "confirmed"
    assert run.exit_code == 0
    assert run.leftovers() == []


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_without_docker_a_run_ends_with_one_line(suite_run, options):
    line = refusal(suite_run(PLAIN, *options, target="ngc:25.01", engine=NOWHERE))
    assert f"no Docker engine answers at {NOWHERE}: No such file or directory" in line
    assert "install and start Docker" in line


def test_a_run_without_containers_needs_no_docker(suite_run):
    asks = """
import sys

@pytest.mark.claim("server-version")
def test_asks(server, evidence):
    loaded = [each for each in sys.modules if each.split(".")[0] in ("docker", "testcontainers")]
    evidence.show("loaded", str(loaded))
"""
    run = suite_run(asks, target="wheel:24.10", engine=NOWHERE)
    assert run.cell().verdict.value == "confirmed"
    assert run.cell().evidence[0].text == "[]"
    assert run.exit_code == 0


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("nowhere.invalid/none:1", "nowhere.invalid/none:1 cannot be pulled to "),
        ("UPPER/case:1", "'UPPER/case:1' is no reference of an image"),
    ],
)
def test_an_image_that_cannot_be_had_ends_the_run_with_one_line(suite_run, image, words):
    assert words in refusal(suite_run(PLAIN, target=f"image:{image}"))


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_an_image_without_a_server_ends_the_run_with_one_line(suite_run, serverless, options):
    line = refusal(suite_run(PLAIN, *options, target=f"image:{serverless}"))
    assert f"the image '{serverless}' holds no tritonserver that runs" in line


def test_an_option_that_no_container_can_have_ends_the_run_with_one_line(suite_run):
    line = refusal(suite_run(PLAIN, "--docker-option=shm_size=much"))
    assert "--docker-option: 'shm_size' can't be 'much'" in line


def test_an_option_that_the_server_does_not_know_is_an_error(suite_run):
    wrong = '\n@pytest.mark.server(arguments=["--no-such-option=1"])' + PLAIN
    run = suite_run(wrong)
    cell = run.cell()
    assert (cell.verdict.value, run.exit_code) == ("error", 1)
    assert "exited with status 1 before it was ready" in cell.reason
    assert "unrecognized option '--no-such-option=1'" in cell.reason
    assert run.leftovers() == []


def test_a_paused_container_is_an_error_and_refutes_nothing(suite_run, docker_client):
    run = suite_run(WAITS)
    container, _ = run.under_way()
    docker_client.containers.get(container).pause()
    run.go_on()
    cell = run.cell()
    assert (cell.verdict.value, run.exit_code) == ("error", 1)
    assert "is paused: nothing is known of the claim" in cell.reason
    assert run.leftovers() == []


def test_a_server_killed_in_its_container_is_an_error_with_its_log(suite_run):
    run = suite_run(WAITS.replace("status = None", "raise"))
    container, _ = run.under_way()
    for server in servers_in(container):
        server.kill()
    run.go_on()
    cell = run.cell()
    assert (cell.verdict.value, run.exit_code) == ("error", 1)
    assert "the server was killed by SIGKILL (exit status -9); the end of its log:" in cell.reason
    assert "Started HTTPService" in cell.reason
    assert run.leftovers() == []


def servers_in(container):
    """The processes of its servers."""
    found = []
    for process in psutil.process_iter(["name"]):
        with suppress(OSError):
            groups = Path(f"/proc/{process.pid}/cgroup").read_text()
            if process.info["name"] == "tritonserver" and container in groups:
                found.append(process)
    assert found
    return found


def test_too_little_memory_is_an_error_that_says_so(suite_run, docker_client):
    limit = ("--docker-option=mem_limit=64m", "--docker-option=memswap_limit=64m")
    run = suite_run(WAITS.replace("status = None", "raise"), *limit)
    container, _ = run.under_way()
    for server in servers_in(container):  # of all in there, the kernel is to take the server
        Path(f"/proc/{server.pid}/oom_score_adj").write_text("1000")
    eats = ["python3", "-c", "held = [bytearray(2**20) for _ in range(2**10)]"]
    docker_client.containers.get(container).exec_run(eats)
    run.go_on()
    cell = run.cell()
    assert (cell.verdict.value, run.exit_code) == ("error", 1)
    assert "the server was killed by SIGKILL (exit status -9), out of memory" in cell.reason
    assert run.leftovers() == []


def test_a_killed_worker_leaves_an_error_and_nothing_else(suite_run):
    run = suite_run(WAITS, "-n", "2")
    _, worker = run.under_way()
    assert run.containers()
    os.kill(int(worker), signal.SIGKILL)
    cell = run.cell()
    assert (cell.verdict.value, run.exit_code) == ("error", 1)
    assert "the process that ran the check died" in cell.reason
    until_clean(run)


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_a_killed_run_leaves_a_ledger_without_a_footer_and_nothing_else(suite_run, options):
    run = suite_run(WAITS, *options)
    run.under_way()
    assert run.containers()
    run.process.kill()
    assert run.exit_code == -signal.SIGKILL
    ledger = run.ledger()
    assert (ledger.footer, ledger.cells) == (None, ())
    assert ledger.truncation
    until_clean(run)


def test_an_engine_that_is_restarted_is_an_error_with_its_name(suite_run, second_engine):
    run = suite_run(WAITS, engine=second_engine.url)
    run.under_way()
    second_engine.kill()
    second_engine.start()
    run.go_on()
    cell = run.cell()
    assert (cell.verdict.value, run.exit_code) == ("error", 1)
    assert second_engine.url in cell.reason
    assert "the Docker host" in cell.reason
    host = docker_host(second_engine.url)
    sweep_host(host)
    connect(host).close()
    assert run.leftovers() == []


def test_a_secret_is_told_nowhere(suite_run):
    secret, password = "kept-between-us", "hunter2222"
    shows = f"""
@pytest.mark.claim("server-version")
@pytest.mark.server(environment={{"SOME_TOKEN": "{secret}", "SOME_PAT": "{secret}"}})
def test_shows(server, evidence):
    evidence.show("inside", server.process.run_inside(["printenv"])[1])
    assert False, server.process.command_line
"""
    run = suite_run(shows)
    assert run.cell().verdict.value == "refuted"
    assert "SOME_PAT=[secret]" in run.cell().evidence[0].text
    # In the test's own source, which pytest shows, it stands of course.
    told = [line for line in run.written().splitlines() if "pytest.mark.server" not in line]
    assert not [line for line in told if secret in line]

    run = suite_run(PLAIN, f"--docker-host=ssh://user:{password}@nowhere.invalid")
    assert run.exit_code == pytest.ExitCode.USAGE_ERROR
    assert password not in run.written()


@pytest.fixture(scope="session")
def serverless(docker_engine, server_image):
    """The reference of an image with everything but the server."""
    reference = "triton-claims-test/serverless:1"
    with closing(docker.DockerClient(docker_engine)) as client:
        container = client.containers.run(
            server_image, ["rm", "/opt/tritonserver/bin/tritonserver"], detach=True
        )
        try:
            container.wait()
            container.commit(*reference.split(":"))
        finally:
            container.remove(force=True)
        assert ask(docker_engine, f"/images/{reference}/json")
        yield reference
        client.images.remove(reference, force=True)


def until_clean(run):
    try:
        until(lambda: not run.leftovers(), "something is left")
    except AssertionError:
        assert run.leftovers() == []
