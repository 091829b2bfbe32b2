"""A Docker engine behind ssh as a socket of this machine.

Docker's own library can do this, but neither waits for its processes nor ever gives up on one.
Here each connection to the socket is handed to an ``ssh`` as its input and output: it ends when
either side does, and has the timeouts that every socket has.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import threading
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from docker.transport import UnixHTTPAdapter

from triton_claims.secrets import redact
from triton_claims.servers.scratch import RUN_VARIABLE, new_scratch
from triton_claims.servers.ssh_command import ssh_command

if TYPE_CHECKING:
    from docker import DockerClient

#: What Docker offers to be reached by: it joins its input and output to the engine's socket.
_COMMAND = ("docker", "system", "dial-stdio")
_END_TIMEOUT = 5.0  # seconds


class SshEngine:
    """The socket, for as long as this process runs or until it is closed.

    Attributes:
        url: Where it listens, to this process alone: ``unix:///path``.

    Args:
        url: ``ssh://[user@]host[:port]``.
    """

    def __init__(self, url: str) -> None:
        # A run's own place: what is left of it when this process is killed is found and removed.
        self._scratch = new_scratch()
        self._command = ssh_command(url, ["-T"], _COMMAND)
        self._said = self._scratch.folder / "ssh.log"
        self._processes: list[subprocess.Popen[bytes]] = []
        # By way of the open folder, for a socket's path must be short, and TMPDIR need not be.
        self._folder: int | None = os.open(self._scratch.folder, os.O_PATH)
        path = f"/proc/self/fd/{self._folder}/engine.sock"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        self.url = f"unix://{path}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def last_words(self) -> str:
        """What ssh complained of last; empty where all was well."""
        try:
            lines = self._said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            return ""
        return redact(lines[-1]) if lines else ""

    def close(self) -> None:
        """Ends all connections and removes the socket."""
        if self._folder is None:
            return
        os.close(self._folder)
        self._folder = None
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._thread.join()
        self._listener.close()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(_END_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        self._scratch.remove()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._processes = [each for each in self._processes if each.poll() is None]
            with connection, self._said.open("ab") as said:
                try:
                    process = subprocess.Popen(
                        self._command,
                        env={**os.environ, RUN_VARIABLE: self._scratch.run},
                        stdin=connection.fileno(),
                        stdout=connection.fileno(),
                        stderr=said,
                        start_new_session=True,
                    )
                except OSError as problem:
                    said.write(f"{problem.strerror}: {problem.filename}\n".encode())
                else:
                    self._processes.append(process)
                    threading.Thread(target=process.wait, daemon=True).start()


class _SharedConnections(UnixHTTPAdapter):  # type: ignore[misc]
    """Docker's own keeps connections for each path apart; by ssh, each of them is a process."""

    def get_connection(self, _url: str, proxies: Any = None) -> Any:
        return super().get_connection(self.socket_path, proxies)


def share_connections(client: DockerClient) -> None:
    """Makes a client of such a socket get along with few connections."""
    prefix = "http+docker://"
    usual = client.api.get_adapter(prefix)
    client.api.mount(prefix, _SharedConnections(f"http+unix://{usual.socket_path}"))
    usual.close()


@cache
def engine_by_ssh(url: str) -> SshEngine:
    """The way to a host's engine, the same one each time; closed when this process ends.

    Args:
        url: ``ssh://[user@]host[:port]``.
    """
    engine = SshEngine(url)
    atexit.register(engine.close)
    return engine
