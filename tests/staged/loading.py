"""A server that models are loaded onto, and that is none: what it answers is written down."""

from __future__ import annotations

import base64
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from fixtures.evidence import Evidence
from fixtures.model_loading import ModelLoader
from staged.image import StagedImage
from triton_claims.servers.client import OK, Answer
from triton_claims.servers.running import ServerDiedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_BACKENDS = "/opt/tritonserver/backends"


def died(*_: Any, **__: Any) -> Any:
    """In place of an answer: the server ended."""
    raise ServerDiedError("staged", "killed by SIGSEGV (exit status -11)", "the log")


def silent(*_: Any, **__: Any) -> Answer:
    """In place of an answer: none in time."""
    return Answer("staged", "no answer", seconds=120.0)


def refused(words: str) -> Callable[..., Answer]:
    """An answer that refuses."""
    return lambda *_, **__: Answer("staged", "INTERNAL", words)


@dataclass
class StagedLoading:
    """How a staged server takes models.

    Attributes:
        backends: The backends it has.
        loads: By the name of a model, what becomes of its load; else it loads.
        infers: By the name of a model, what gives its outputs for inputs; else sum and difference.
        log: Its log; by default it says of every model that it is on a GPU.
        builder: What trtexec comes to: its exit code and what it prints; None where there is none.
        version: What the server reports.
    """

    backends: tuple[str, ...] = ("onnxruntime", "python", "pytorch", "tensorrt")
    loads: Mapping[str, Callable[..., Answer]] = field(default_factory=dict)
    infers: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    log: str | None = None
    builder: tuple[int, str] | None = (0, "built")
    version: str = "2.54.0"

    def server(self) -> Any:
        """A stand-in for the server under test."""
        files = {f"{_BACKENDS}/{each}/libtriton_{each}.so": b"" for each in self.backends}
        loaded: list[str] = []
        client = SimpleNamespace(
            ask=lambda words, _send, **_options: self._load(words.split()[1], loaded),
            infer=lambda name, inputs, expected_outputs=(): self._infer(
                name, inputs, expected_outputs
            ),
        )
        process = SimpleNamespace(
            name="staged",
            folder=Path("/staged"),
            place=lambda _path, _content: None,
            run_inside=self._run_inside,
            log_tail=lambda _lines: (
                self.log
                if self.log is not None
                else "\n".join(
                    f"ModelInstanceInitialize: {name}_0 (GPU device 0)" for name in loaded
                )
            ),
        )
        return SimpleNamespace(
            version=self.version,
            process=process,
            client=lambda _protocol, timeout=None: client,  # noqa: ARG005 - the client's own
            startable=SimpleNamespace(
                backend_folder=_BACKENDS,
                contents=lambda: nullcontext(StagedImage(files or {"/etc/os-release": b""})),
            ),
        )

    def loader(self) -> ModelLoader:
        """The project's own loader, on that server."""
        return ModelLoader(self.server(), Evidence())

    def _load(self, name: str, loaded: list[str]) -> Answer:
        answer = self.loads.get(name, lambda *_: Answer("load", OK))()
        if answer.accepted:
            loaded.append(name)
        return answer

    def _infer(self, name: str, inputs: Mapping[str, Any], wanted: Sequence[str]) -> Answer:
        left, right = inputs.values()
        made = self.infers.get(name, lambda a, b: (a + b, a - b))(left, right)
        if isinstance(made, Answer):
            return made
        return Answer(name, OK, outputs=dict(zip(wanted, made, strict=False)))

    def _run_inside(self, command: list[str]) -> tuple[int, str]:
        if command[0] == "base64":
            return 0, base64.b64encode(b"an engine").decode()
        if self.builder is None:
            return 127, "not found"
        return (0, "usage") if "--help" in command else self.builder
