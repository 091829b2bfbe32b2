"""Has Perf Analyzer put a load on a server, and takes the times of all requests from it.

What it prints is not used: with a number of requests its throughput is counted over whole seconds,
and its percentiles are rounded. It writes when each request was sent and each answer came, which
gives the same figures as our own client has. In an open loop it is given the times to send at, so
that what it sends late counts from the time it was meant for; its own latencies leave that out.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from triton_claims.errors import Blocked, BrokenError
from triton_claims.measure.load import Latencies
from triton_claims.secrets import redact
from triton_claims.servers.cache import Progress, silent
from triton_claims.servers.load_client import check_answers
from triton_claims.servers.perf_analyzer_program import PROGRAM
from triton_claims.servers.running import POLL_INTERVAL, ServerDiedError
from triton_claims.servers.scratch import RUN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from subprocess import Popen

    from triton_claims.measure.load import Load
    from triton_claims.servers.loads import Array, LoadRequest, NamedLoad
    from triton_claims.servers.perf_analyzer_program import PerfAnalyzerProgram
    from triton_claims.servers.running import RunningServer

#: It writes the tensors of all requests down as text.
_LARGEST_INPUT = 2**14
#: 2 is for a load that was not stable by its own rule, which is not ours.
_MEASURED = {0, 2}
_MICRO = 1000
#: ns before the first request of an open loop, for its threads to be there.
_LEAD = 10_000_000
#: Seconds for all that it does beside sending requests.
_PATIENCE = 20.0
_DEATH_TAKES = 5.0
_TAIL = 2000  # characters


class PerfAnalyzer:
    """Perf Analyzer as a load engine.

    Args:
        program: The program.
        progress: Told what takes longer than it should.
    """

    name = PROGRAM
    #: A part takes a whole second and more.
    parts = 1

    @property
    def comparing(self) -> PerfAnalyzer:
        """Itself, as it was asked for."""
        return self

    def __init__(self, program: PerfAnalyzerProgram, progress: Progress = silent) -> None:
        self._program = program
        self._progress = progress

    def name_for(self, load: NamedLoad) -> str:  # noqa: ARG002 - other engines choose by it
        """What puts the load on a server, with its version."""
        return f"{PROGRAM} {self._program.version}"

    def run(self, server: RunningServer, protocol: str, load: NamedLoad) -> Latencies:
        """Has it put a load on a server.

        Perf Analyzer looks at no answer: one of each kind is looked at before, and those that it
        writes down are afterwards.

        Args:
            server: The server; it has the load's models.
            protocol: ``grpc`` or ``http``.
            load: The load.

        Returns:
            The times of all measured requests.

        Raises:
            ServerDiedError: The server ended meanwhile.
            Blocked: The load is not for it.
            BrokenError: A request was refused, not answered or answered wrongly, or Perf Analyzer
                itself failed or did not end.
            ValueError: The load is not for that protocol.
        """
        if unfit := why_not(load):
            raise Blocked(
                f"Perf Analyzer is not for the load {load.name}: {unfit}",
                unblock="--load-engine auto or client",
            )
        words = f"{protocol} {load.request.model} by Perf Analyzer"
        patience = self._patience(server, protocol, load)
        answered = _answered(server, load)
        try:
            return self._once(server, protocol, load, words, patience)
        except _HungError as hung:
            # Seen once in some 270 runs: every request is answered, all its senders are gone, and
            # it waits for ever. Nothing was measured, and the server has no part in it.
            how = load.load
            if _answered(server, load) - answered < how.requests + how.warm_up * how.concurrency:
                raise
            self._progress(f"{hung}; the server had answered it all, so it is tried once more")
        return self._once(server, protocol, load, words, patience)

    def _once(
        self, server: RunningServer, protocol: str, load: NamedLoad, words: str, patience: float
    ) -> Latencies:
        with TemporaryDirectory(dir=server.folder, prefix="load-") as temporary:
            folder = Path(temporary)
            export = folder / "export.json"
            command = (
                *self._program.command,
                *_arguments(server, protocol, load, folder),
                *("--profile-export-file", str(export)),
            )
            _run(command, server, words, folder, patience)
            return _read(export, load, words)

    @contextmanager
    def opened(
        self, server: RunningServer, protocol: str, load: NamedLoad
    ) -> Iterator[Callable[[int], Latencies]]:
        """The load part by part; each is a run of its own, of a whole second and more.

        Yields:
            Puts so many requests of the load on the server.
        """
        yield lambda requests: self.run(
            server, protocol, replace(load, load=replace(load.load, requests=requests))
        )

    @staticmethod
    def _patience(server: RunningServer, protocol: str, load: NamedLoad) -> float:
        """Seconds it may take, by what it would if the server answered one after the other."""
        began = time.perf_counter()
        check_answers(server, protocol, load)
        each = (time.perf_counter() - began) / load.request.sequence_length
        requests = load.load.requests + load.load.warm_up * load.load.concurrency
        if load.load.rate is not None:
            each += 1 / load.load.rate
        return _PATIENCE + each * requests


class _HungError(BrokenError):
    """Perf Analyzer did not end."""


def _answered(server: RunningServer, load: NamedLoad) -> int:
    """How many requests to the load's model the server has answered since it started.

    Raises:
        BrokenError: It does not say so.
    """
    try:
        _, body = server.get(f"/v2/models/{load.request.model}/stats")
        return int(json.loads(body)["model_stats"][0]["inference_stats"]["success"]["count"])
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as problem:
        raise BrokenError(f"the server does not tell what it has answered: {problem!r}") from None


def why_not(load: NamedLoad) -> str | None:
    """Why a load is not for Perf Analyzer, in words; None where it is."""
    if load.request.shared_memory:
        return (
            "it names its shared memory by the tensors alone, so that two runs on a machine "
            "would get into one another's, and a killed one leaves it behind"
        )
    if load.request.input_bytes > _LARGEST_INPUT:
        return f"it would write inputs of {load.request.input_bytes} bytes down for each request"
    if load.load.rate is not None and load.request.mode != "unary":
        return "its open loops are made for unary requests"
    return None


def _arguments(
    server: RunningServer, protocol: str, load: NamedLoad, folder: Path
) -> Iterator[str]:
    request, how = load.request, load.load
    address = server.plain(protocol)
    yield from ("-m", request.model, "-i", protocol, "-u", address)
    yield from ("--request-count", str(how.requests))
    if how.warm_up:
        yield from ("--warmup-request-count", str(how.warm_up * how.concurrency))
    # A thread for each request under way, as our own client has.
    yield "--streaming" if request.mode == "streaming" else "--sync"
    if how.rate is None:
        yield from ("--concurrency-range", str(how.concurrency))
    else:
        intervals = folder / "intervals"
        intervals.write_text("\n".join(map(str, _intervals(how))), encoding="utf-8")
        yield from ("--request-intervals", str(intervals), "--max-threads", str(how.concurrency))
    if request.mode == "sequence":
        yield from ("--sequence-length", str(request.sequence_length))
        yield from ("--sequence-length-variation", "0")
    inputs = folder / "inputs"
    inputs.mkdir()
    for name, array in request.inputs.items():
        (inputs / name).write_bytes(array.tobytes())
        yield from ("--shape", f"{name}:{','.join(map(str, array.shape))}")
    yield from ("--input-data", str(inputs))


def _intervals(load: Load) -> list[int]:
    """The whole microseconds before each request of an open loop."""
    times = (load.offsets() + _LEAD) // _MICRO
    return [int(gap) for gap in np.diff(times, prepend=0)]


def _run(
    command: Sequence[str], server: RunningServer, words: str, folder: Path, patience: float
) -> None:
    output = folder / "output"
    with output.open("wb") as sink:
        process = subprocess.Popen(
            command,
            cwd=folder,
            # Nothing of ours but the run's id, by which it is found where we are killed.
            env={"LC_ALL": "C.UTF-8", RUN_VARIABLE: server.run},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        status = _ended(process, server, words, time.monotonic() + patience)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    said = redact(output.read_text(encoding="utf-8", errors="replace"))
    if status is None:
        raise _HungError(f"{words} did not end within {patience:.0f} s; it said:\n{said[-_TAIL:]}")
    if status not in _MEASURED:
        if how := server.how_it_ended(_DEATH_TAKES):
            raise ServerDiedError(server.name, how, server.log_tail(), words)
        raise BrokenError(f"{words} ended with status {status}; it said:\n{_shortened(said)}")


def _ended(process: Popen[bytes], server: RunningServer, words: str, deadline: float) -> int | None:
    """Its exit status; None where its time is up."""
    while (status := process.poll()) is None:
        if how := server.how_it_ended(POLL_INTERVAL):
            raise ServerDiedError(server.name, how, server.log_tail(), words)
        if time.monotonic() > deadline:
            return None
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    return status


def _shortened(said: str) -> str:
    """Its output without the page of help that it prints after a mistake."""
    kept = said.partition("Usage: ")[0].strip() or said
    return kept[-_TAIL:]


def _read(export: Path, load: NamedLoad, words: str) -> Latencies:
    try:
        (experiment,) = json.loads(export.read_text(encoding="utf-8"))["experiments"]
        requests = sorted(experiment["requests"], key=lambda each: each["timestamp"])
        if load.request.mode == "sequence":
            # It ends its sequences, and writes those requests down as well.
            requests = requests[: load.load.requests]
        sent = np.array([each["timestamp"] for each in requests], dtype=np.int64)
        ends = [max(each["response_timestamps"], default=0) for each in requests]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise BrokenError(f"{words} wrote no export that can be read: {problem!r}") from None
    if len(requests) != load.load.requests:
        raise BrokenError(
            f"found {len(requests)} requests of {words}, expected {load.load.requests}"
        )
    _look_at_answers(requests, load.request, words)
    return Latencies(_intended(sent, load.load), sent, np.array(ends, dtype=np.int64))


def _intended(sent: Array, load: Load) -> Array:
    """When requests were meant to be sent, in order: the one that was least late was on time."""
    if load.rate is None:
        return sent
    offsets = load.offsets() // _MICRO * _MICRO
    intended: Array = offsets + (sent - offsets).min()
    return intended


def _look_at_answers(requests: Sequence[dict[str, Any]], request: LoadRequest, words: str) -> None:
    expected = [
        {name: array.ravel().tolist() for name, array in answer.items()}
        for answer in request.answers
    ]
    places: dict[Any, int] = {}
    for each in requests:
        found = [_values(outputs) for outputs in each["response_outputs"]]
        if request.mode == "streaming":
            # The last one may say nothing but that it is the last.
            right = [outputs for outputs in found if any(outputs.values())] == expected
        elif request.mode == "sequence":
            # The first one that was measured may be in the midst of its sequence.
            sequence = each["sequence_id"]
            first = next((at for at, answer in enumerate(expected) if [answer] == found), -1)
            right = first >= 0 and places.setdefault(sequence, first) == first
            places[sequence] = first + 1
        else:
            right = found == expected
        if not right:
            raise BrokenError(
                f"found the answers {str(found)[:200]} to {words}, expected "
                f"{str(expected)[:200]}: wrong answers are not measured"
            )


def _values(outputs: dict[str, Any]) -> dict[str, list[Any]]:
    return {
        name: value if isinstance(value, list) else [value] if value != "" else []
        for name, value in outputs.items()
    }
