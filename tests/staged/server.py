"""The process of a staged server: it starts, logs, serves and stops, or misbehaves."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NoReturn

from staged.grpc_frontend import start_grpc
from staged.http_frontend import HttpServer
from staged.models import BadConfigError, load_models
from staged.options import Options, usage
from staged.serving import EXTENSIONS, Serving, die
from staged.staging import Knobs

_CHILD_LIFE = "300"  # seconds; a child that nobody ends shall not stay for ever


_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}


def main(arguments: list[str], folder: Path) -> NoReturn:
    """Runs a staged server until it is told to stop, and ends the process.

    Args:
        arguments: The command line.
        folder: Where its knobs.json is.
    """
    exit_code = _run(Options.parse(arguments), folder)
    sys.stdout.flush()
    sys.stderr.flush()
    # Python's own way out waits for all threads, also for those of requests without an answer.
    os._exit(exit_code)


def _run(options: Options, folder: Path) -> int:
    if "help" in options:
        sys.stdout.write(usage())
        return 0
    knobs = Knobs.from_json((folder / "knobs.json").read_text(encoding="utf-8"))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # its deaths are staged: nobody wants the core
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    explicit = options.last("model-control-mode", "none") == "explicit"
    try:
        models = load_models(
            options.all("model-repository") + options.all("model-store"),
            options.all("load-model") if explicit else None,
        )
    except BadConfigError as error:
        _log("E", "model_repository_manager.cc:1460", str(error))
        sys.stderr.write("error: creating server: Internal - failed to load all models\n")
        return 1
    serving = Serving(knobs, knobs.server_name or options.last("id", "triton"), models)
    if knobs.leaves_child:
        _leave_behind(options)
    if knobs.dies_on == "start":
        sys.stderr.write("error: creating server: Internal - failed to load all models\n")
        die(knobs.signal, knobs.exit_code)
    _log_start(serving, options)
    if _is_told_to_stop(knobs, knobs.slow_start):
        return 0
    try:
        # Held until the process ends: a gRPC server that nobody refers to stops.
        _frontends = _listen(serving, options, folder)
    except _PortInUseError as error:
        _log("E", "main.cc:245", f"failed to start {error} already in use ")
        return 1
    _is_told_to_stop(knobs)
    return _stop(serving, float(options.last("exit-timeout-secs", "30")))


def _is_told_to_stop(knobs: Knobs, seconds: float | None = None) -> bool:
    """Waits for a signal to stop; for so many seconds, or for ever.

    The signals are blocked in every thread and taken here: a handler of Python's runs only when
    the main thread gets round to it, which one that waits may never do.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        if deadline is None:
            told = signal.sigwaitinfo(_STOP_SIGNALS)
        else:
            told = signal.sigtimedwait(_STOP_SIGNALS, max(0.0, deadline - time.monotonic()))
        if told is None:
            return False
        os.write(2, f"Signal ({told.si_signo}) received.\n".encode())
        if not (knobs.ignores_sigterm and told.si_signo == signal.SIGTERM):
            return True


def _leave_behind(options: Options) -> None:
    child = subprocess.Popen(["/bin/sleep", _CHILD_LIFE])
    _log("I", "stub_launcher.cc:388", f"left the process {child.pid}")
    prefix = options.shared_memory_prefix()
    if prefix:
        # Where the stubs of the Python backend keep theirs.
        stale = Path("/dev/shm", f"{prefix}stale")  # noqa: S108
        stale.write_bytes(b"\0" * 1024)
        _log("I", "stub_launcher.cc:388", f"left the file {stale}")


class _PortInUseError(Exception):
    """Names the service and the socket."""

    def __init__(self, service: str, host: str, port: int) -> None:
        super().__init__(f"{service} service: Unavailable - Socket '{host}:{port}'")


def _listen(serving: Serving, options: Options, folder: Path) -> tuple[Any, HttpServer]:
    host = options.last("grpc-address", "127.0.0.1")
    port = int(options.last("grpc-port", "8001"))
    if serving.knobs.port_in_use_once and _is_first_start(folder):
        raise _PortInUseError("GRPC", host, port)
    try:
        grpc_server = start_grpc(f"{host}:{port}", serving)
    except OSError as error:
        raise _PortInUseError("GRPC", host, port) from error
    _log("I", "grpc_server.cc:2558", f"Started GRPCInferenceService at {host}:{port}")
    host = options.last("http-address", "127.0.0.1")
    port = int(options.last("http-port", "8000"))
    try:
        http_server = HttpServer((host, port), serving)
    except OSError as error:
        raise _PortInUseError("HTTP", host, port) from error
    threading.Thread(target=http_server.serve_forever, name="http", daemon=True).start()
    _log("I", "http_server.cc:4713", f"Started HTTPService at {host}:{port}")
    return grpc_server, http_server


def _is_first_start(folder: Path) -> bool:
    try:
        (folder / "started-before").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _stop(serving: Serving, timeout: float) -> int:
    if serving.knobs.dies_on == "stop":
        die(serving.knobs.signal, serving.knobs.exit_code)
    _log("I", "server.cc:305", "Waiting for in-flight requests to complete.")
    if not serving.wait_until_idle(timeout):
        _log(
            "E",
            "main.cc:535",
            "failed to stop server: Internal - Exit timeout expired. Exiting immediately.",
        )
        return 1
    _log("I", "server.cc:336", "All models are stopped, unloading models")
    return 0


def _log_start(serving: Serving, options: Options) -> None:
    models = [(m.name, version, "READY") for m in serving.models.values() for version in m.versions]
    for name, _, _ in models:
        _log("I", "model_lifecycle.cc:839", f"successfully loaded '{name}'")
    _log_table("server.cc:674", [("Model", "Version", "Status"), *models])
    _log_table(
        "tritonserver.cc:2598",
        [
            ("Option", "Value"),
            ("server_id", serving.name),
            ("server_version", serving.knobs.log_version or serving.knobs.version),
            ("server_extensions", " ".join(EXTENSIONS)),
            *(
                (f"model_repository_path[{number}]", path)
                for number, path in enumerate(options.all("model-repository"))
            ),
            ("model_control_mode", f"MODE_{options.last('model-control-mode', 'none').upper()}"),
            ("exit_timeout", options.last("exit-timeout-secs", "30")),
        ],
    )


def _log(severity: str, place: str, message: str) -> None:
    sys.stderr.write(f'{_log_prefix(severity, place)}"{message}"\n')


def _log_prefix(severity: str, place: str) -> str:
    now = datetime.now(tz=timezone.utc)
    return f"{severity}{now:%m%d %H:%M:%S.%f} {os.getpid()} {place}] "


def _log_table(place: str, rows: list[tuple[str, ...]]) -> None:
    """Triton's way to log a table: the first row is the heading."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    lines = [
        "|" + "|".join(f" {cell:<{w}} " for cell, w in zip(row, widths, strict=True)) + "|"
        for row in rows
    ]
    table = "\n".join([rule, lines[0], rule, *lines[1:], rule])
    sys.stderr.write(f"{_log_prefix('I', place)}\n{table}\n\n")
