"""Clears up after its run at once when that run is killed.

The guard is a small process in a session of its own, so that neither Ctrl-C nor a signal to the
run's process group reaches it. It holds the reading end of a pipe whose other end only the run
has: however the run ends, the pipe closes, and the guard sweeps. A run that ends in order clears
up by itself and sends the guard home.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

import psutil

from triton_claims.servers.scratch import Owner, sweep, wait_until_ended


class Guard:
    """The guard of this process; to be dismissed when the process has cleared up by itself."""

    def __init__(self) -> None:
        owner = Owner.this_process()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(owner.pid), str(owner.created)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """Sends it home."""
        with suppress(BrokenPipeError):
            self._process.communicate(b"all is well")


def main(pid: str, created: str) -> None:
    """Waits for the run to end, and sweeps if it did not end in order."""
    if sys.stdin.buffer.read():
        return
    owner = Owner(int(pid), float(created))
    with suppress(psutil.NoSuchProcess):
        # The pipe closes a moment before the process is gone.
        if owner.is_alive():
            wait_until_ended([psutil.Process(owner.pid)], timeout=30)
    sweep()


if __name__ == "__main__":
    main(*sys.argv[1:])
