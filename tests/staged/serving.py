"""What a staged server does with a request, whatever protocol brings it."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from staged.correlation import (
    Abort,
    NoAnswer,
    Received,
    Refusal,
    Sent,
    build_report,
    dead_stub,
    has_wrong_length,
    kind,
    receive,
)
from staged.tensors import Contents, pack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staged.models import Model
    from staged.staging import Knobs

EXTENSIONS = [
    "classification",
    "sequence",
    "model_repository",
    "model_repository(unload_dependents)",
    "schedule_policy",
    "model_configuration",
    "system_shared_memory",
    "cuda_shared_memory",
    "binary_tensor_data",
    "parameters",
    "statistics",
    "trace",
    "logging",
]


@dataclass(frozen=True, slots=True)
class Request:
    """An inference request; ``outputs`` are the names asked for, none meaning all."""

    sent: Sent
    inputs: list[Contents]
    outputs: list[str]


@dataclass(slots=True)
class Serving:
    """A running staged server.

    Attributes:
        knobs: How it behaves.
        name: Its name.
        models: Its models, by name.
    """

    knobs: Knobs
    name: str
    models: dict[str, Model]
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _open: set[tuple[str, str | int]] = field(default_factory=set)
    _dead_stubs: set[str] = field(default_factory=set)
    _in_flight: int = 0
    _refused: bool = False

    def version(self, asked_for: str | None) -> str:
        """The version to say, where a knob may ask for another one."""
        return asked_for or self.knobs.version

    def is_ready(self) -> bool:
        """Whether it says that it is ready."""
        return not self.knobs.never_ready and not (
            self.knobs.unhealthy_after_refusal and self._refused
        )

    def model(self, name: str) -> Model:
        """The model of that name.

        Raises:
            Refusal: There is none.
        """
        if name not in self.models:
            raise Refusal(404, f"Request for unknown model: '{name}' is not found")
        return self.models[name]

    def index(self) -> list[dict[str, str]]:
        """The repository index."""
        return [
            {"name": m.name, "version": v, "state": "READY"}
            for m in self.models.values()
            for v in m.versions
        ]

    def metadata(self, model: Model) -> dict[str, Any]:
        """A model's metadata."""

        def described(tensors: list[Any]) -> list[dict[str, Any]]:
            return [
                {"name": t.name, "datatype": t.datatype, "shape": list(t.shape)} for t in tensors
            ]

        return {
            "name": model.name,
            "versions": list(model.versions),
            "platform": model.config.platform or model.config.backend,
            "inputs": described(model.inputs),
            "outputs": described(model.outputs),
        }

    def wait_until_idle(self, timeout: float) -> bool:
        """Waits ``timeout`` seconds at most until every inference is answered; says whether."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._in_flight, timeout)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._changed:
            self._in_flight += 1
        try:
            yield
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def infer(self, request: Request) -> list[Contents]:
        """Runs an inference; may well never return.

        Returns:
            The outputs.

        Raises:
            Refusal: The server answers with an error.
        """
        with self._counted():
            time.sleep(self.knobs.slow_answer)
            model = self.model(request.sent.model)
            _check_tensors(model, request)
            try:
                return self._run(model, request)
            except Refusal as refusal:
                self._refused |= refusal.mismatch
                if refusal.mismatch and self.knobs.useless_after_refusal:
                    self._dead_stubs.add(model.name)
                raise
            except Abort:
                die(signal.SIGABRT)
            except NoAnswer:
                _never()

    def _run(self, model: Model, request: Request) -> list[Contents]:
        sent = request.sent
        sequences = model.sequences
        control = sequences.control if sequences else None
        way = f"{kind(sent.datatype)}-to-{kind(control[1]) if control else 'none'}"
        if self.knobs.dies_on in (way, "any-infer") and has_wrong_length(sent, self.knobs):
            die(self.knobs.signal, self.knobs.exit_code)
        if sequences and not sent.correlation:
            raise Refusal(
                400,
                f"inference request to model '{model.name}' must specify a non-zero or non-empty "
                "correlation ID",
            )
        try:
            received = receive(sent, sequences, self.knobs)
        except Refusal as refusal:
            if refusal.message == dead_stub(model.name):
                self._dead_stubs.add(model.name)
            raise
        if model.name in self._dead_stubs:
            raise Refusal(500, dead_stub(model.name))
        if sequences:
            self._follow_sequence(sent)
        return _outputs(model, request, received)

    def _follow_sequence(self, sent: Sent) -> None:
        key = (sent.model, sent.correlation)
        with self._changed:
            if not sent.start and key not in self._open:
                raise Refusal(
                    400,
                    f"inference request for sequence {sent.correlation} to model '{sent.model}' "
                    "must specify the START flag on the first request of the sequence",
                )
            self._open.add(key)
            if sent.end:
                self._open.discard(key)


def _check_tensors(model: Model, request: Request) -> None:
    given = {tensor.name: tensor for tensor in request.inputs}
    known = {tensor.name: tensor for tensor in model.inputs}
    for name in given:
        if name not in known:
            raise Refusal(400, f"unexpected inference input '{name}' for model '{model.name}'")
    prefix = request.sent.log_prefix
    for name, expected in known.items():
        if name not in given:
            raise Refusal(
                400,
                f"{prefix}expected {len(known)} inputs but got {len(given)} inputs for model "
                f"'{model.name}'",
            )
        if given[name].datatype != expected.datatype:
            raise Refusal(
                400,
                f"{prefix}inference input '{name}' data-type is '{given[name].datatype}', "
                f"but model '{model.name}' expects '{expected.datatype}'",
            )
    for name in request.outputs:
        if name not in {tensor.name for tensor in model.outputs}:
            raise Refusal(400, f"unexpected inference output '{name}' for model '{model.name}'")


def _outputs(model: Model, request: Request, received: Received) -> list[Contents]:
    """REPORT is the correlation-id model's; any other output repeats an input."""
    outputs = []
    for number, tensor in enumerate(model.outputs):
        if request.outputs and tensor.name not in request.outputs:
            continue
        if tensor.name == "REPORT":
            raw, shape = _report(model, received, tensor.datatype)
        else:
            echoed = request.inputs[min(number, len(request.inputs) - 1)]
            raw, shape = echoed.raw, echoed.shape
        outputs.append(Contents(tensor.name, tensor.datatype, shape, raw))
    return outputs


def _report(model: Model, received: Received, datatype: str) -> tuple[bytes, tuple[int, ...]]:
    text = json.dumps(build_report(received, model.sequences)).encode()
    return (pack(datatype, [text]), (1,)) if datatype == "BYTES" else (text, (len(text),))


def die(number: int | None, exit_code: int = 1) -> NoReturn:
    """Ends this process at once, by a signal that it does not handle or else with an exit code."""
    if number is None:
        os._exit(exit_code)
    os.kill(os.getpid(), number)
    _never()


def _never() -> NoReturn:
    while True:
        threading.Event().wait()
