"""llama.cpp's server with a tiny model, on loopback, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from triton_claims.endpoints import llama_program
from triton_claims.endpoints.tiny_language_model import CONTEXT, NAME, write_tiny_language_model
from triton_claims.errors import BrokenError
from triton_claims.servers.cache import silent
from triton_claims.servers.running import describe_exit
from triton_claims.servers.scratch import RUN_VARIABLE
from triton_claims.servers.wheels import fetch_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from triton_claims.notes.endpoint_packages import ModulePackage
    from triton_claims.servers.cache import Progress

_START_TIMEOUT = 60.0  # seconds; it takes one or two
_POLL_INTERVAL = 0.02
_STOP_TIMEOUT = 10.0


@dataclass(frozen=True)
class LlamaServer:
    """A llama.cpp server that runs; made by :func:`serve`.

    Attributes:
        url: Where it listens: ``http://HOST:PORT``.
        log_path: What it prints; gone when it is.
        model: The name its model goes by.
    """

    url: str
    log_path: Path
    _process: subprocess.Popen[bytes] = field(repr=False)
    model: str = NAME

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def how_it_ended(self) -> str | None:
        """How it ended, in words; None where it runs on."""
        status = self._process.poll()
        return None if status is None else describe_exit(status)


@contextmanager
def serve(
    folder: Path, package: ModulePackage, run: str = "", progress: Progress = silent
) -> Iterator[LlamaServer]:
    """Runs the server for as long as the context lasts.

    Args:
        folder: Where its model and its log are put, in a folder of their own.
        package: The wheel it comes in.
        run: The run's id, by which its process is found when the run was killed.
        progress: Told what takes its time, line by line.

    Raises:
        Blocked: The wheel is not in the cache and cannot be fetched.
        BrokenError: The server does not start, or had ended before the context did.
    """
    modules = fetch_module(package, progress)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        scratch = Path(name)
        write_tiny_language_model(scratch / f"{NAME}.gguf")
        process = _start(modules, scratch, run)
        try:
            log_path = scratch / "llama-server.log"
            server = LlamaServer(_address(process, scratch, log_path), log_path, process)
            yield server
            ended = server.how_it_ended()
            if ended is not None:
                raise BrokenError(
                    f"llama.cpp's server {ended} in mid-use; it printed:\n{_end_of(log_path)}"
                )
        finally:
            _stop(process)


def _start(modules: Path, scratch: Path, run: str) -> subprocess.Popen[bytes]:
    program = Path(llama_program.__file__)
    model = str(scratch / f"{NAME}.gguf")
    with (scratch / "llama-server.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, str(program), model, NAME, str(CONTEXT), str(scratch / "address")],
            env={
                "PATH": "",
                "HOME": str(scratch),
                "TMPDIR": str(scratch),
                "PYTHONPATH": str(modules),
                "PYTHONDONTWRITEBYTECODE": "1",
                RUN_VARIABLE: run,
            },
            cwd=scratch,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _address(process: subprocess.Popen[bytes], scratch: Path, log_path: Path) -> str:
    told = scratch / "address"
    deadline = time.monotonic() + _START_TIMEOUT
    while not told.exists():
        status = process.poll()
        if status is not None or time.monotonic() > deadline:
            how = "did not start in time" if status is None else describe_exit(status)
            raise BrokenError(f"llama.cpp's server {how}; it printed:\n{_end_of(log_path)}")
        time.sleep(_POLL_INTERVAL)
    return told.read_text(encoding="utf-8")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_of(log_path: Path) -> str:
    return log_path.read_text(encoding="utf-8", errors="replace")[-2000:]
