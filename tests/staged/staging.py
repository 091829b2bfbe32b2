"""Installs a staged server: a stand-in for tritonserver that misbehaves on demand.

It exists so that this project's own tests can see the machinery and the checks meet bad behaviour.
No claim is ever decided on it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CORRELATIONS = ("fixed", "broken-2.51", "old-2.44", "hang")
WRONG_VALUES = ("truncated", "changed", "mojibake", "number")
WRONG_CONTROLS = ("changed", "twice", "missing")
PLACES = ("start", "middle", "end")
DEATHS = (
    "start",
    "after-ready",
    "any-infer",
    "stop",
    *(f"{s}-to-{c}" for s in ("string", "integer") for c in ("string", "integer", "none")),
)

_SCRIPT = '''\
#!{interpreter}
"""A staged server: a stand-in for tritonserver, for this project's own tests."""

import sys
from pathlib import Path

# A server starts with next to no environment, so the way to its code is written down here.
sys.path += [entry for entry in {path!r} if entry not in sys.path]

from staged.server import main

main(sys.argv[1:], Path(__file__).resolve().parent)
'''


@dataclass(frozen=True, slots=True)
class Knobs:
    """How a staged server behaves; the defaults are a well-behaved server with the fix.

    Lengths are in bytes of UTF-8, durations in seconds, datatypes as requests name them: "BYTES",
    "UINT64" and so on.

    Attributes:
        version: The version it says it is, wherever nothing else is asked for.
        http_version: The version GET /v2 says instead.
        grpc_version: The version the gRPC metadata says instead.
        log_version: The version the start-up log says instead.
        server_name: The name it answers with instead of the one from ``--id``, like somebody
            else's server.
        correlation: "fixed", "broken-2.51", "old-2.44" or "hang": whose treatment of correlation
            ids it plays.
        only_strategy: "direct" or "oldest": the fix is there for that sequence strategy only.
        only_protocol: "http" or "grpc": the fix is there for that protocol only.
        wrong_value: "truncated", "changed", "mojibake" (UTF-8 read as Latin-1: ASCII survives) or
            "number" (0, whatever was sent): what happens to a string before the model asks for it;
            the control tensor stays right.
        wrong_control: "changed", "twice" (two elements instead of one) or "missing" (no tensor at
            all): what happens to the control tensor, though the id the model asks for is right.
        wrong_lengths: The lengths of strings that ``wrong_value``, ``wrong_control`` and
            ``dies_on`` apply to; empty means every length, and numbers too.
        wrong_at: "start", "middle" or "end": the only request of a sequence that ``wrong_value``
            and ``wrong_control`` apply to. One that is start and end at once is none of these.
        refuses_lengths: Lengths of strings that a string control refuses.
        refuses_utf8: A string control refuses whatever is not ASCII.
        refuses_numbers: An integer control refuses numbers.
        accepts_datatypes: Control datatypes for which an id of the other type is accepted, with
            garbage in the tensor.
        message_without_model: The refusal does not name the model.
        message_without_sent_datatype: The refusal does not name the datatype of the id.
        message_without_expected_datatype: The refusal does not name the datatype of the control.
        wrong_status: A mismatch is refused as the server's own failure (HTTP 500, gRPC INTERNAL).
        unhealthy_after_refusal: Once it has refused a mismatch, it says that it is not ready.
        useless_after_refusal: Once a model has refused a mismatch, it infers no more; the server
            says that all is well.
        dies_on: "start" (before it listens), "after-ready" (having said once that it is ready),
            "any-infer", "stop" (when told to stop), or "SENT-to-CONTROL" with SENT "string" or
            "integer" and CONTROL "string", "integer" or "none".
        exit_code: The exit code it dies with.
        signal: The number of the signal it dies by, instead of an exit code.
        slow_start: How long it takes before it listens.
        never_ready: It listens and is live, and never ready.
        slow_answer: How long every inference takes.
        ignores_sigterm: SIGTERM does not stop it.
        leaves_child: It starts a child that outlives it (``sleep``, for five minutes at most), and
            leaves the shared-memory file PREFIXstale, PREFIX as in
            ``--backend-config=python,shm-region-prefix-name=PREFIX``. It logs both.
        port_in_use_once: Its first start fails with a port in use; later ones do not.
    """

    version: str = "2.54.0"
    http_version: str | None = None
    grpc_version: str | None = None
    log_version: str | None = None
    server_name: str | None = None
    correlation: str = "fixed"
    only_strategy: str | None = None
    only_protocol: str | None = None
    wrong_value: str | None = None
    wrong_control: str | None = None
    wrong_lengths: tuple[int, ...] = ()
    wrong_at: str | None = None
    refuses_lengths: tuple[int, ...] = ()
    refuses_utf8: bool = False
    refuses_numbers: bool = False
    accepts_datatypes: tuple[str, ...] = ()
    message_without_model: bool = False
    message_without_sent_datatype: bool = False
    message_without_expected_datatype: bool = False
    wrong_status: bool = False
    unhealthy_after_refusal: bool = False
    useless_after_refusal: bool = False
    dies_on: str | None = None
    exit_code: int = 1
    signal: int | None = None
    slow_start: float = 0.0
    never_ready: bool = False
    slow_answer: float = 0.0
    ignores_sigterm: bool = False
    leaves_child: bool = False
    port_in_use_once: bool = False

    def __post_init__(self) -> None:
        """A knob that means nothing would stage a good server where a test wants a bad one."""
        for name, known in (
            ("correlation", CORRELATIONS),
            ("only_strategy", (None, "direct", "oldest")),
            ("only_protocol", (None, "http", "grpc")),
            ("wrong_value", (None, *WRONG_VALUES)),
            ("wrong_control", (None, *WRONG_CONTROLS)),
            ("wrong_at", (None, *PLACES)),
            ("dies_on", (None, *DEATHS)),
        ):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected one of {known}")

    def to_json(self) -> str:
        """The knobs as a JSON object."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Knobs:
        """The knobs that ``to_json`` wrote."""
        read: dict[str, Any] = json.loads(text)
        read.update({name: tuple(v) for name, v in read.items() if isinstance(v, list)})
        return cls(**read)


def stage(directory: Path, **knobs: Any) -> Path:
    """Installs a staged server.

    Args:
        directory: Where to; made if need be.
        **knobs: The fields of ``Knobs`` that differ from their defaults.

    Returns:
        ``directory``, laid out like an installation: its bin/tritonserver can be started.
    """
    settings = Knobs(**knobs)
    programs = directory / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    (programs / "knobs.json").write_text(settings.to_json(), encoding="utf-8")
    server = programs / "tritonserver"
    path = [str(Path(__file__).resolve().parent.parent), *(p for p in sys.path if p)]
    server.write_text(_SCRIPT.format(interpreter=sys.executable, path=path), encoding="utf-8")
    server.chmod(0o755)
    return directory
