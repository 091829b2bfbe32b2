"""A way to what listens on the loopback of a machine that is reached by ssh."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from triton_claims.errors import BrokenError
from triton_claims.secrets import redact
from triton_claims.servers.process import free_ports
from triton_claims.servers.running import LOOPBACK
from triton_claims.servers.scratch import RUN_VARIABLE
from triton_claims.servers.ssh_command import ssh_command

if TYPE_CHECKING:
    from collections.abc import Sequence

_TIMEOUT = 20.0  # seconds
_POLL_INTERVAL = 0.02


class SshTunnel:
    """Ports of this machine's loopback that lead to ports of another's.

    Args:
        url: ``ssh://[user@]host[:port]``.
        ports: The ports there.
        run: The run's id, by which its processes are found when it was killed.

    Raises:
        BrokenError: ssh does not get there.
    """

    def __init__(self, url: str, ports: Sequence[int], run: str) -> None:
        here = free_ports(len(ports))
        self.ports = dict(zip(ports, here, strict=True))
        forwards = [
            word
            for there, local in self.ports.items()
            for word in ("-L", f"{LOOPBACK}:{local}:{LOOPBACK}:{there}")
        ]
        self._process = subprocess.Popen(
            ssh_command(url, ["-N", "-o", "ExitOnForwardFailure=yes", *forwards]),
            env={**os.environ, RUN_VARIABLE: run},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            self._wait_until_open(here)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends it."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.communicate()

    def _wait_until_open(self, ports: Sequence[int]) -> None:
        deadline = time.monotonic() + _TIMEOUT
        for port in ports:
            while not _listens(port):
                with suppress(subprocess.TimeoutExpired):
                    _, words = self._process.communicate(timeout=_POLL_INTERVAL)
                    told = redact(words.decode(errors="replace").strip())
                    raise BrokenError(f"the tunnel to the Docker host does not open: {told}")
                if time.monotonic() > deadline:
                    raise BrokenError("the tunnel to the Docker host did not open in time")


def _listens(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.settimeout(_POLL_INTERVAL)
        return attempt.connect_ex((LOOPBACK, port)) == 0
