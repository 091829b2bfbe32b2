"""A Docker host that is reached by ssh: by a real sshd on loopback, with keys of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from polling import until
from triton_claims.servers.container_traces import sweep_host
from triton_claims.servers.docker_host import docker_host

pytestmark = pytest.mark.xdist_group("containers-elsewhere")

#: Where sshd insists on a folder.
SEPARATION = Path("/run/sshd")
CHECKS = """
from triton_claims.servers.models import model

MODEL = model("numpy_tensors", batching="single")

@pytest.mark.claim("server-version")
def test_version(server, evidence):
    evidence.show("status", str(server.process.get("/v2")[0]))

@pytest.mark.claim("python-no-restart")
@pytest.mark.server(models=[MODEL])
def test_models(server):
    assert not server.process.shares_files
    assert server.process.get(f"/v2/models/{MODEL.name}/ready")[0] == 200

@pytest.mark.claim("cloud-repository-copies")
def test_loopback(server):
    with server.fresh(loopback=True) as fresh:
        assert fresh.process
"""
WAITS = """
@pytest.mark.claim("server-version")
def test_waits(server):
    meet(server.process.id)
    try:
        status, _ = server.process.get("/v2", timeout=1.0)
    except OSError:
        status = None
    assert status == 200, "it keeps silent"
"""
#: Leaves a container as a run does that is killed.
LEFT_BEHIND = """
import sys, docker
from triton_claims.servers.container_traces import labels_of
client = docker.DockerClient(sys.argv[1])
container = client.containers.create(sys.argv[2], ["true"], labels=labels_of("left"))
print(container.id)
client.close()
"""
SWEEP = "import sys; from triton_claims.cli import main; sys.exit(main(sys.argv[1:]))"


def found(program):
    """The program's path; users' own seldom leads to sshd."""
    return shutil.which(program, path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")


def missing():
    """Why no sshd can be started here, or None."""
    absent = [each for each in ("sshd", "ssh", "ssh-keygen", "docker") if not found(each)]
    if absent:
        return f"{' and '.join(absent)} is not installed"
    return None if os.geteuid() == 0 else "only root starts an sshd without more ado"


class SshServer:
    """An sshd on loopback, and an ``ssh`` that knows it.

    Attributes:
        url: The Docker host that it leads to.
        environment: What makes a command use that ssh.
    """

    def __init__(self, folder, docker_engine):
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"ssh://root@127.0.0.1:{port}"
        for name in ("host", "user", "stranger"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(command, check=True)
        host = (folder / "host.pub").read_text().split()[:2]
        (folder / "known").write_text(f"[127.0.0.1]:{port} {' '.join(host)}\n")
        (folder / "nobody").touch()
        self._configure(
            "sshd_config",
            f"Port {port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {folder}/host",
            f"AuthorizedKeysFile {folder}/user.pub",
            "StrictModes no",
            "UsePAM no",
            "PidFile none",
            "PermitRootLogin yes",
            "PasswordAuthentication no",
            # A home of its own: what the user's shell does when it starts is no matter of these.
            f'SetEnv DOCKER_HOST={docker_engine} HOME={folder} "PATH={os.environ["PATH"]}"',
        )
        self.environment = self.client("user", "known")

    def client(self, key, known):
        """The environment with an ssh that has a key and knows some hosts."""
        binaries = self._folder / f"bin-{key}-{known}"
        binaries.mkdir(exist_ok=True)
        settings = self._configure(
            f"config-{key}-{known}",
            f"IdentityFile {self._folder}/{key}",
            "IdentitiesOnly yes",
            f"UserKnownHostsFile {self._folder}/{known}",
            "GlobalKnownHostsFile /dev/null",
        )
        ssh = binaries / "ssh"
        ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {settings} "$@"\n')
        ssh.chmod(0o755)
        return {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}

    def _configure(self, name, *lines):
        (self._folder / name).write_text("\n".join(lines) + "\n")
        return self._folder / name

    def start(self):
        """Starts it, and waits until it listens."""
        sshd = [found("sshd"), "-D", "-e", "-f", str(self._folder / "sshd_config")]
        log = (self._folder / "log").open("wb")
        with log:
            self._process = subprocess.Popen(sshd, stdin=subprocess.DEVNULL, stderr=log)
        words = self._folder / "log"
        until(
            lambda: "listening" in words.read_text() or self._process.poll() is not None,
            "sshd does not listen",
        )
        if self._process.poll() is not None:
            pytest.skip(f"sshd does not start: {words.read_text().strip()}")

    def clients(self):
        """The processes of our ssh."""
        found = []
        for process in psutil.process_iter():
            try:
                if any(str(self._folder) in word for word in process.cmdline()[1:]):
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return [each for each in found if each.pid != self._process.pid]

    def stop(self):
        """Ends it with all its connections."""
        sessions = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()
        self._process.wait()
        for each in sessions:
            if each.is_running():
                each.kill()


@pytest.fixture(scope="module")
def ssh_server(docker_engine, tmp_path_factory):
    if why_not := missing():
        pytest.skip(f"no Docker host by ssh: {why_not}")
    made = not SEPARATION.exists()
    SEPARATION.mkdir(exist_ok=True)
    server = SshServer(tmp_path_factory.mktemp("ssh"), docker_engine)
    server.start()
    yield server
    server.stop()
    if made:
        SEPARATION.rmdir()


@pytest.fixture
def start(suite_run, ssh_server):
    """Starts a run of checks on the host behind ssh."""

    def start(checks, *options, url=ssh_server.url, environment=ssh_server.environment):
        return suite_run(checks, f"--docker-host={url}", *options, environment=environment)

    return start


def test_a_run_by_ssh_has_its_verdicts_and_leaves_nothing(start, ssh_server):
    run = start(CHECKS)
    cells = {cell.claim: cell for cell in run.ledger().cells}
    assert run.exit_code == 0, run.output
    assert cells["server-version"].verdict.value == "confirmed"
    assert cells["server-version"].docker_host == ssh_server.url
    assert cells["python-no-restart"].verdict.value == "confirmed"
    assert cells["cloud-repository-copies"].verdict.value == "blocked"
    assert "this machine's loopback" in cells["cloud-repository-copies"].reason
    assert "ResourceWarning" not in run.output
    assert run.leftovers() == []
    assert ssh_server.clients() == []


def test_nothing_stays_of_a_killed_run(start, ssh_server):
    run = start(WAITS)
    run.under_way()
    tunnels = [each for each in ssh_server.clients() if "-N" in each.cmdline()]
    assert tunnels  # the detector detects
    guards = [
        each
        for each in psutil.Process(run.process.pid).children()
        if "triton_claims.servers.guard" in each.cmdline()
    ]
    assert guards
    run.process.kill()
    assert run.exit_code == -signal.SIGKILL
    psutil.wait_procs(guards, timeout=30)
    assert run.leftovers() == []
    assert ssh_server.clients() == []


def test_a_host_that_is_lost_is_an_error(start, ssh_server, docker_engine):
    run = start(WAITS)
    run.under_way()
    ssh_server.stop()
    try:
        run.go_on()
        cell = run.cell()
        assert cell.verdict.value == "error", run.output
        assert f"the Docker host {ssh_server.url} does not answer any more" in cell.reason
        assert ssh_server.clients() == []
    finally:
        ssh_server.start()
    assert run.exit_code == 1
    assert len(run.containers()) == 1
    sweep_host(docker_host(docker_engine))
    assert run.leftovers() == []


def test_what_a_killed_run_left_is_swept_by_ssh(
    ssh_server, docker_engine, docker_client, server_image
):
    environment = {**os.environ, **ssh_server.environment}
    command = [sys.executable, "-c", LEFT_BEHIND, docker_engine, server_image]
    left = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    command = [sys.executable, "-c", SWEEP, "sweep", "--docker-host", ssh_server.url]
    swept = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert swept.returncode == 0, swept.stderr
    assert swept.stderr == ""
    assert left not in [each.id for each in docker_client.containers.list(all=True)]
    assert ssh_server.clients() == []


@pytest.mark.parametrize(
    ("key", "known", "url", "words"),
    [
        ("user", "known", "ssh://root@nowhere.invalid", "Could not resolve hostname"),
        ("user", "known", "ssh://root@127.0.0.1:9", "Connection refused"),
        ("stranger", "known", None, "Permission denied"),
        ("user", "nobody", None, "Host key verification failed"),
    ],
    ids=["no such host", "nobody listens", "key refused", "unknown host"],
)
def test_a_host_that_lets_nobody_in_is_told_in_one_line(start, ssh_server, key, known, url, words):
    url = url or ssh_server.url
    run = start(WAITS, url=url, environment=ssh_server.client(key, known))
    assert run.exit_code == pytest.ExitCode.USAGE_ERROR, run.output
    assert "Traceback" not in run.output
    (line,) = (each for each in run.output.splitlines() if each.startswith("ERROR: "))
    assert f"no Docker engine answers at {url}: " in line
    assert words in line
    assert f"see that DOCKER_HOST={url} docker version answers" in line
    assert run.leftovers() == []
