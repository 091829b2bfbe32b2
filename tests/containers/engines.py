"""Docker engines of our own, each in a folder of its own, gone without a trace afterwards.

Beside each engine runs a guard: a process that waits until its owner closes a pipe, or has died by
whatever, and then stops the engine and removes what it made. So there is one way of clearing up,
and it works from what the folder says alone. Standard library only, for ``scripts/with-dockerd``.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

#: Why the tests have no engine, for those that need one.
REASON_VARIABLE = "TRITON_CLAIMS_NO_DOCKER"

USUAL_SOCKET = "unix:///var/run/docker.sock"
_STAND_INS = Path(__file__).resolve().parent / "bin"
_START_TIMEOUT = 60.0
_STOP_TIMEOUT = 15.0
_ENGINE_PROGRAMS = (
    *("dockerd", "containerd", "containerd-shim", "containerd-shim-runc-v2", "runc"),
    *("podman", "conmon"),
)
#: A file with a command, as JSON, that removes what an engine's control group does not lead to.
CLEAR = "clear"


class NoEngineError(Exception):
    """No engine can be started here; the text says why, in one line."""


def ask(url, path, timeout=10.0):
    """What an engine answers to a GET, or None where none answers."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        connection = http.client.HTTPConnection("docker", timeout=timeout)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(timeout)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port or 2375, timeout=timeout)
    try:
        if connection.sock is not None:
            connection.sock.connect(parts.path)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read() if answer.status == http.client.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def answers(url):
    """Whether an engine is there; one behind ssh or TLS is taken at its owner's word."""
    if urlsplit(url).scheme not in ("unix", "tcp") or os.environ.get("DOCKER_TLS_VERIFY"):
        return True
    return ask(url, "/_ping") is not None


def asked_for():
    """The URL of the engine that this process's environment means."""
    return os.environ.get("DOCKER_HOST") or USUAL_SOCKET


def obstacle():
    """Why no engine can be started here, or None."""
    if os.geteuid() != 0:
        return "no Docker engine answers, and only root can start one"
    missing = [tool for tool in ("dockerd", "ip", "nsenter", "umount") if not shutil.which(tool)]
    if missing:
        return f"no Docker engine answers, and to start one {' and '.join(missing)} must be there"
    return None


@dataclass(frozen=True)
class Machine:
    """A network namespace that stands for a second machine, joined to this one by a cable."""

    name: str
    cable: str
    here: str
    address: str

    @classmethod
    def make(cls, name):
        """Makes it; who owns the engine that runs there removes it."""
        here, address = _free_addresses()
        machine = cls(name, f"{name}c", here, address)
        inside = f"{name}i"
        _ip("netns", "add", name)
        _ip("link", "add", machine.cable, "type", "veth", "peer", "name", inside, "netns", name)
        _ip("addr", "add", f"{here}/30", "dev", machine.cable)
        _ip("-n", name, "addr", "add", f"{address}/30", "dev", inside)
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", name, "link", "set", inside, "up")
        machine.link("up")
        return machine

    def link(self, state):
        """Pulls the cable (``down``) or plugs it in (``up``)."""
        _ip("link", "set", self.cable, state)


class Engine:
    """A dockerd of our own.

    Attributes:
        folder: All it has on disk.
        name: What it is known by: its label, its network devices, its control groups.
        socket: Its URL on this machine, also while its machine's cable is pulled.
        url: Its URL as clients should know it.
        program: What it is a process of.
    """

    program = "dockerd"

    def __init__(self, *, machine=False):
        self.folder = Path(tempfile.mkdtemp(prefix="triton-claims-docker-"))
        self.name = f"tc{random.SystemRandom().getrandbits(32):08x}"
        (self.folder / "name").write_text(self.name, encoding="utf-8")
        # Before anything is made, so that there is no moment in which it could be left behind.
        self._guard = subprocess.Popen(
            [sys.executable, "-I", __file__, str(self.folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self._process = None
        self.socket = self.url = f"unix://{self.folder}/docker.sock"
        try:
            self.machine = Machine.make(self.name) if machine else None
            if self.machine:
                self.url = f"tcp://{self.machine.address}:2375"
            else:
                self._make_bridge()
        except BaseException:
            self.remove()
            raise

    def _make_bridge(self):
        # docker0 may belong to another engine.
        address = _free_addresses()[0]
        _ip("link", "add", self.name, "type", "bridge")
        _ip("addr", "add", f"{address}/24", "dev", self.name)
        _ip("link", "set", self.name, "up")

    def start(self):
        """Starts it, and waits until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_TIMEOUT
        while not ask(self.socket, "/_ping"):
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=0.05)
                raise NoEngineError(f"{self.program} ended: {self._last_words()}")
            if time.monotonic() > deadline:
                raise NoEngineError(f"{self.program} does not answer: {self._last_words()}")

    def _environment(self):
        return {**os.environ, "PATH": f"{_STAND_INS}{os.pathsep}{os.environ['PATH']}"}

    def _command(self):
        listening = ["-H", self.socket]
        if self.machine:
            entered = ["nsenter", f"--net=/run/netns/{self.name}"]
            listening += ["-H", self.url, "--tls=false", "--ip", self.machine.address]
        else:
            entered = []
            listening += ["--bridge", self.name, "--ip", "127.0.0.1"]
        return [
            *(*entered, "dockerd", *listening),
            # The machine's firewall and routing stay as they are; published ports go through
            # docker-proxy, which needs neither.
            *("--iptables=false", "--ip-forward=false", "--ip-masq=false"),
            *("--data-root", str(self.folder / "data"), "--exec-root", str(self.folder / "exec")),
            *("--pidfile", str(self.folder / "pid"), "--label", self.label),
            *("--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", f"/{self.name}"),
        ]

    def _last_words(self):
        said = (self.folder / "log").read_text("utf-8", "replace").strip().splitlines()
        return said[-1] if said else "it said nothing"

    @property
    def label(self):
        """What ``docker info`` tells it from other engines by."""
        return f"engine={self.name}"

    def link_down(self):
        """Pulls its machine's cable."""
        self.machine.link("down")

    def link_up(self):
        """Plugs it in again."""
        self.machine.link("up")

    @property
    def runs(self):
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def kill(self):
        """Ends it with no time for anything; its containers run on until it is started again."""
        self._process.kill()
        self._process.wait()
        # Its containerd dies with it. A new dockerd would take it for alive until it is reaped,
        # which not every init does soon.
        daemons = [pid for pid, program in _processes(self.folder) if program == "containerd"]
        _end(daemons, signal.SIGKILL)
        (self.folder / "exec" / "containerd" / "containerd.pid").unlink(missing_ok=True)

    def remove(self):
        """Stops it and removes all that it made."""
        self._guard.stdin.close()
        if self._guard.wait():  # it was killed: nobody else would stop the engine
            remove_engine(self.folder)
        if self._process is not None:
            self._process.wait()


@contextmanager
def log_of(container):
    """The lines of a container's log, as they come."""
    stream = container.logs(stream=True, follow=True)
    try:
        yield iter(stream)
    finally:
        stream._response.close()  # its own close() leaves a socket behind


@contextmanager
def own_engine():
    """An engine of our own while the block runs."""
    try:
        engine = Engine()
    except (OSError, subprocess.CalledProcessError) as problem:
        raise NoEngineError(f"no Docker engine could be started: {_words(problem)}") from None
    try:
        engine.start()
        yield engine
    finally:
        engine.remove()


def _words(problem):
    said = getattr(problem, "stderr", None)
    return " ".join((said or str(problem)).split())


def _ip(*arguments):
    command = ["ip", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _free_addresses():
    """The first two addresses of a network that this machine doesn't know."""
    routes = _ip("-4", "route", "show", "table", "all")
    while True:
        random_ = random.SystemRandom()
        prefix = f"10.{random_.randrange(128, 255)}.{random_.randrange(1, 255)}."
        if prefix not in routes:
            return f"{prefix}1", f"{prefix}2"


def remove_engine(folder):
    """Stops the engine of a folder, and removes all that it made."""
    name = (folder / "name").read_text(encoding="utf-8")
    networks = json.loads(ask(f"unix://{folder}/docker.sock", "/networks") or "[]")
    # The containers first, so that the engine needn't wait for them.
    if (folder / CLEAR).exists():
        subprocess.run(json.loads((folder / CLEAR).read_text()), check=False, capture_output=True)
    _kill_group(name)
    engine = [pid for pid, program in _processes(folder) if program == "dockerd"]
    _end(engine, signal.SIGTERM)
    _end([pid for pid, _ in _processes(folder)], signal.SIGKILL)
    _kill_group(name)
    for group in _groups(name):
        with suppress(OSError):
            group.rmdir()
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    for mount in reversed([line.split()[1] for line in mounts]):
        if mount.startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)  # noqa: S607
    bridges = [f"br-{network['Id'][:12]}" for network in networks if network["Driver"] == "bridge"]
    for command in (
        *(["link", "del", link] for link in (name, f"{name}c", *bridges)),
        ["netns", "del", name],
    ):
        with suppress(subprocess.CalledProcessError, FileNotFoundError):
            _ip(*command)
    shutil.rmtree(folder, ignore_errors=True)


def _groups(name):
    """Control groups of an engine's containers, the innermost first; under both versions."""
    roots = [Path("/sys/fs/cgroup") / name, *Path("/sys/fs/cgroup").glob(f"*/{name}")]
    found = {Path(folder) for root in roots if root.is_dir() for folder, _, _ in os.walk(root)}
    return sorted(found, key=lambda path: len(path.parts), reverse=True)


def _kill_group(name):
    pids = set()
    for group in _groups(name):
        with suppress(OSError):
            pids.update(map(int, (group / "cgroup.procs").read_text().split()))
    _end(pids, signal.SIGKILL)


def _processes(folder):
    """The engine's processes, and what each is."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            program = Path(command[0]).name
            if program in _ENGINE_PROGRAMS and any(str(folder) in each for each in command):
                yield int(entry.name), program


def _end(pids, number):
    """Sends a signal and waits until it has worked, or long enough."""
    deadline = time.monotonic() + _STOP_TIMEOUT
    handles = []
    for pid in pids:
        with suppress(ProcessLookupError):
            handles.append(os.pidfd_open(pid))
            os.kill(pid, number)
    for handle in handles:
        select.select([handle], [], [], max(0.0, deadline - time.monotonic()))
        os.close(handle)


def main(folder):
    """The guard: waits until its owner is done or gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    remove_engine(Path(folder))


if __name__ == "__main__":
    main(sys.argv[1])
