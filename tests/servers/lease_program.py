"""A process that leases GPUs, for the tests of leases: `lease_program.py OPTIONS-AS-JSON`.

It proves that it is alone on a device by making a file that must not be there (O_EXCL).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from triton_claims.servers.gpu_leases import lease_gpus

SHARED = 3  # exit status: somebody else was on the device


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def work(lease, markers):
    """Is alone on the devices for a moment."""
    files = [markers / uuid for uuid in lease.uuids]
    for file in files:
        try:
            os.close(os.open(file, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            sys.exit(SHARED)
    time.sleep(0.01)  # the work
    for file in files:
        file.unlink()


def main(*, folder, candidates, markers, count=1, mode="once", run="a run", user=0):
    if user:
        os.setgid(user)
        os.setuid(user)

    def ask():
        return lease_gpus(candidates, count, run, timeout=60, folder=Path(folder))

    if mode == "once":
        with ask() as lease:
            work(lease, Path(markers))
    elif mode == "until told":
        say("started")
        os.set_blocking(0, False)
        while sys.stdin.buffer.raw.read(1) is None:
            with ask() as lease:
                work(lease, Path(markers))
    elif mode == "hold":
        with ask() as lease:
            say("held", *lease.uuids)
            sys.stdin.readline()
        say("released")
    elif mode == "hold with a child":
        with ask() as lease:
            child = subprocess.Popen(["/bin/cat"], pass_fds=lease.descriptors)
            say("held", child.pid)
            child.wait()


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
