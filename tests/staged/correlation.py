"""What becomes of a correlation id, on a server with the fix and on servers without it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from staged.staging import Knobs

BYTES = "BYTES"
LONGEST = 128  # bytes; Triton's own limit, before and after the fix


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of this code
    """The server answers with an error.

    Args:
        status: The HTTP status; gRPC has a code for each.
        message: The error's text.
        mismatch: Whether it is the type check of the fix that refuses.
    """

    def __init__(self, status: int, message: str, *, mismatch: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.mismatch = mismatch


class NoAnswer(Exception):  # noqa: N818 - a behaviour, not a fault of this code
    """The server never answers."""


class Abort(Exception):  # noqa: N818 - a behaviour, not a fault of this code
    """The server's process aborts."""


@dataclass(frozen=True, slots=True)
class Sequences:
    """What a model's sequence batching wants.

    Attributes:
        strategy: "direct" or "oldest".
        control: Name and datatype of the tensor that gets the correlation id.
    """

    strategy: str
    control: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Sent:
    """The part of a request that this module looks at."""

    model: str
    protocol: str
    correlation: str | int
    start: bool = False
    end: bool = False
    request_id: str = ""

    @property
    def datatype(self) -> str:
        """What the fix calls the type of the id."""
        return BYTES if isinstance(self.correlation, str) else "UINT64"

    @property
    def place(self) -> str | None:
        """Where in a sequence of several requests it stands; None where it is the only one."""
        if self.start and self.end:
            return None
        return "start" if self.start else "end" if self.end else "middle"

    @property
    def log_prefix(self) -> str:
        """How Triton starts a message about one request."""
        return f"[request id: {self.request_id or '<id_unknown>'}] "


@dataclass(frozen=True, slots=True)
class Received:
    """What the model sees: the id it asks for, and the elements of its control tensor."""

    correlation: str | int
    control: tuple[str | int, ...] | None


def kind(datatype: str) -> str:
    """The datatype's name in ``Knobs.dies_on``."""
    return "string" if datatype == BYTES else "integer"


def build_report(received: Received, sequences: Sequences | None) -> dict[str, Any]:
    """What the correlation-id model reports about one request."""
    control = sequences.control if sequences else None
    return {
        "request": {"type": type(received.correlation).__name__, "value": received.correlation},
        "control": {"datatype": control[1], "values": list(received.control)}
        if control and received.control is not None
        else None,
    }


def receive(sent: Sent, sequences: Sequences | None, knobs: Knobs) -> Received:
    """Brings a correlation id to the model, the way the knobs want it.

    Raises:
        Refusal: The request is refused.
        NoAnswer: The request is never answered.
        Abort: The server dies of it.
    """
    if isinstance(sent.correlation, str) and len(sent.correlation.encode()) > LONGEST:
        raise Refusal(501, "string correlation ID cannot be longer than 128 characters")
    strategy = sequences.strategy if sequences else "direct"
    has_fix = (
        knobs.correlation == "fixed"
        and knobs.only_protocol in (None, sent.protocol)
        and knobs.only_strategy in (None, strategy)
    )
    if has_fix:
        return _fixed(sent, sequences, knobs)
    unfixed = {"old-2.44": _old, "hang": _hang}.get(knobs.correlation, _broken)
    return unfixed(sent, sequences)


def _fixed(sent: Sent, sequences: Sequences | None, knobs: Knobs) -> Received:
    control = sequences.control if sequences else None
    if control is None:
        return Received(_as_asked_for(sent, knobs), None)
    name, wanted = control
    if kind(sent.datatype) != kind(wanted):
        if wanted not in knobs.accepts_datatypes:
            raise Refusal(
                500 if knobs.wrong_status else 400,
                _mismatch(sent, name, wanted, knobs),
                mismatch=True,
            )
        tensor = _raw(sent.correlation, wanted)
    elif isinstance(sent.correlation, str):
        size = len(sent.correlation.encode())
        if size in knobs.refuses_lengths:
            raise Refusal(400, f"{sent.log_prefix}correlation ID of {size} bytes is not supported")
        if knobs.refuses_utf8 and not sent.correlation.isascii():
            raise Refusal(400, f"{sent.log_prefix}correlation ID is not ASCII")
        tensor = sent.correlation
    else:
        if knobs.refuses_numbers:
            raise Refusal(400, f"{sent.log_prefix}correlation ID must be a string")
        tensor = _raw(sent.correlation, wanted)
    return Received(_as_asked_for(sent, knobs), _as_controlled(tensor, sent, knobs))


def _mismatch(sent: Sent, name: str, wanted: str, knobs: Knobs) -> str:
    has = "unexpected" if knobs.message_without_sent_datatype else f"'{sent.datatype}'"
    model = "the model" if knobs.message_without_model else f"model '{sent.model}'"
    expects = "another one" if knobs.message_without_expected_datatype else f"'{wanted}'"
    return (
        f"{sent.log_prefix}sequence batching control '{name}' data-type is {has}, "
        f"but {model} expects {expects}"
    )


def _as_asked_for(sent: Sent, knobs: Knobs) -> str | int:
    text = sent.correlation
    if not isinstance(text, str) or not text or not _goes_wrong(sent, knobs):
        return text
    if knobs.wrong_value == "truncated":
        return text[:-1]
    if knobs.wrong_value == "changed":
        return _changed(text)
    if knobs.wrong_value == "mojibake":
        return text.encode().decode("latin-1")
    return 0 if knobs.wrong_value == "number" else text


def _as_controlled(tensor: str | int, sent: Sent, knobs: Knobs) -> tuple[str | int, ...] | None:
    if not _goes_wrong(sent, knobs):
        return (tensor,)
    if knobs.wrong_control == "missing":
        return None
    if knobs.wrong_control == "twice":
        return (tensor, tensor)
    return (_changed(tensor) if knobs.wrong_control == "changed" else tensor,)


def _goes_wrong(sent: Sent, knobs: Knobs) -> bool:
    """Whether ``wrong_value`` and ``wrong_control`` mean this request."""
    return knobs.wrong_at in (None, sent.place) and has_wrong_length(sent, knobs)


def has_wrong_length(sent: Sent, knobs: Knobs) -> bool:
    """Whether ``wrong_lengths`` means this request."""
    if not knobs.wrong_lengths:
        return True
    return isinstance(sent.correlation, str) and len(sent.correlation.encode()) in (
        knobs.wrong_lengths
    )


def _changed(value: Any) -> Any:
    """Another value of the same type and, for a string, of the same number of bytes."""
    if isinstance(value, str):
        return value[:-1] + chr(ord(value[-1]) ^ 1) if value else "?"
    return value ^ 1


def _raw(correlation: str | int, datatype: str) -> str | int:
    """The bytes Triton copies without looking, read as the control's datatype.

    A string is its length in four bytes, then the text; a number is eight bytes. Whatever the
    control has no room for is lost, which is how a string becomes a number that means nothing, and
    2^40 becomes 0 in a control of 32 bits.
    """
    if isinstance(correlation, str):
        text = correlation.encode()
        raw = struct.pack("<I", len(text)) + text
    else:
        raw = struct.pack("<Q", correlation % 2**64)
    if datatype == BYTES:
        return raw.decode("latin-1")
    size = int(datatype.lstrip("UINT")) // 8
    return int.from_bytes(raw[:size].ljust(size, b"\0"), "little", signed=datatype.startswith("I"))


def _broken(sent: Sent, sequences: Sequences | None) -> Received:
    """Servers 2.49 to 2.51, as measured."""
    control = sequences.control if sequences else None
    if control is None:
        return Received(sent.correlation, None)
    name, wanted = control
    size = len(sent.correlation.encode()) if isinstance(sent.correlation, str) else None
    if wanted != BYTES:
        if size == LONGEST:
            raise Abort
        return Received(sent.correlation, (_raw(sent.correlation, wanted),))
    if size is None or size < LONGEST - 3:
        raise Refusal(
            400,
            f"unexpected number of string elements 2 for inference input '{name}', expecting 1",
        )
    if size < LONGEST:
        raise Refusal(500, dead_stub(sent.model))
    return Received(sent.correlation, (sent.correlation,))


def dead_stub(model: str) -> str:
    """What a model answers when its Python process is gone."""
    return f"Stub process '{model}_0_0' is not healthy."


def _old(sent: Sent, sequences: Sequences | None) -> Received:
    """Servers 2.36 to 2.44, as measured."""
    if isinstance(sent.correlation, str):
        raise Refusal(400, "correlation ID in request is not an unsigned int")
    control = sequences.control if sequences else None
    if control is None:
        return Received(sent.correlation, None)
    if control[1] == BYTES:
        raise Refusal(
            500,
            f"Failed to process the request(s) for model instance '{sent.model}_0_0', message: "
            "error: unpack_from requires a buffer of at least 136 bytes for unpacking 4 bytes at "
            "offset 132 (actual buffer size is 132)",
        )
    return Received(sent.correlation, (_raw(sent.correlation, control[1]),))


def _hang(sent: Sent, sequences: Sequences | None) -> Received:
    """Servers 2.47 and 2.48, as measured."""
    control = sequences.control if sequences else None
    if control is None:
        return Received(sent.correlation, None)
    if control[1] == BYTES:
        raise NoAnswer
    return Received(sent.correlation, (_raw(sent.correlation, control[1]),))
