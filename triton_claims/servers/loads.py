"""The loads that servers are compared under, by name: what is asked of which model, and how often.

Each is short: one server's start of a comparison takes it once, for about a second on a small
machine. None has fewer than 400 requests: the 99th percentile of fewer is one of the slowest three,
and differs from start to start by more than a comparison bears. Who wants more of one changes its
``load`` by ``dataclasses.replace``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from triton_claims.measure.load import Load
from triton_claims.servers.models import Model, model

#: What can put them on a server; the first is the default. See ``load_engines``.
ENGINES = ("auto", "perf_analyzer", "client")

Array = np.ndarray[Any, np.dtype[Any]]
Tensors = Mapping[str, Array]

_MIB = 2**20


@dataclass(frozen=True, slots=True, eq=False)
class LoadRequest:
    """What is asked, and what the right answers to it are.

    Attributes:
        model: The name of the model.
        inputs: The input tensors by name; the same in each request.
        answers: The output tensors by name of each right answer: of one for a unary request, of all
            in their order for a stream, of one for each request of a sequence in its order.
        mode: ``unary``, ``streaming`` (one request at a time on an open gRPC stream, answered when
            its last answer came) or ``sequence`` (each request belongs to a sequence).
        shared_memory: Whether inputs and outputs are handed over in system shared memory.

    Raises:
        ValueError: It is no request.
    """

    model: str
    inputs: Tensors
    answers: tuple[Tensors, ...]
    mode: Literal["unary", "streaming", "sequence"] = "unary"
    shared_memory: bool = False

    def __post_init__(self) -> None:
        """Refuses what cannot be asked."""
        if not self.inputs or not self.answers or not all(self.answers):
            raise ValueError(f"found no inputs or no answers of {self.model}, expected some")
        if self.mode == "unary" and len(self.answers) != 1:
            raise ValueError(f"found {len(self.answers)} answers, expected one to a unary request")
        if self.shared_memory and self.mode != "unary":
            raise ValueError(f"found shared memory in mode {self.mode}, expected it in unary alone")

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs."""
        return tuple(self.answers[0])

    @property
    def sequence_length(self) -> int:
        """How many requests a sequence has; 1 where there are no sequences."""
        return len(self.answers) if self.mode == "sequence" else 1

    @property
    def input_bytes(self) -> int:
        """The size of the inputs."""
        return sum(array.nbytes for array in self.inputs.values())


@dataclass(frozen=True, slots=True)
class NamedLoad:
    """A load with all that is needed to put it on a server.

    Attributes:
        name: Its name, as claims and ceilings use it.
        protocols: The protocols it is for.
        request: What is asked.
        load: How often, and how many at once.
        models: The models the server needs for it.
    """

    name: str
    protocols: tuple[str, ...]
    request: LoadRequest
    load: Load
    models: tuple[Model, ...]

    def __str__(self) -> str:
        """In a few words."""
        return f"{self.name} ({self.load})"


_BOTH = ("grpc", "http")
_ECHO = model("echo")
_SUM = model("sequence_sum")
_STREAM = model("several_answers", responses="4")
_SEQUENCE_LENGTH = 10


def echoed(of: Model, elements: int, *, shared_memory: bool = False) -> LoadRequest:
    """A request to a model that answers with its input.

    Args:
        of: The model, such as ``echo`` or ``paced``: FP32 ``IN`` and ``OUT`` of any length.
        elements: How many elements the tensor has; 4 bytes each.
        shared_memory: Whether the tensors are handed over in system shared memory.
    """
    tensor = np.arange(elements, dtype=np.float32)
    return LoadRequest(of.name, {"IN": tensor}, ({"OUT": tensor},), shared_memory=shared_memory)


def _summed() -> LoadRequest:
    one = np.array([1], dtype=np.int32)
    answers = tuple({"OUT": one * number} for number in range(1, _SEQUENCE_LENGTH + 1))
    return LoadRequest(_SUM.name, {"IN": one}, answers, "sequence")


def _streamed() -> LoadRequest:
    tensor = np.arange(4, dtype=np.float32)
    answers = tuple({"OUT": tensor + number} for number in range(int(_STREAM["responses"])))
    return LoadRequest(_STREAM.name, {"IN": tensor}, answers, "streaming")


def _by_name(*loads: NamedLoad) -> Mapping[str, NamedLoad]:
    return MappingProxyType({load.name: load for load in loads})


LOADS = _by_name(
    NamedLoad("single", _BOTH, echoed(_ECHO, 4), Load(1000, warm_up=50), (_ECHO,)),
    NamedLoad("concurrent", _BOTH, echoed(_ECHO, 4), Load(2000, 4, warm_up=25), (_ECHO,)),
    # So rare that a slow machine answers too. More senders only get into one another's way: their
    # threads wait for the times of the next requests.
    NamedLoad("open-loop", _BOTH, echoed(_ECHO, 4), Load(400, 4, 400.0, warm_up=5), (_ECHO,)),
    NamedLoad("large-input", _BOTH, echoed(_ECHO, _MIB // 4), Load(400), (_ECHO,)),
    NamedLoad(
        "shared-memory",
        _BOTH,
        echoed(_ECHO, _MIB // 4, shared_memory=True),
        Load(500, warm_up=20),
        (_ECHO,),
    ),
    NamedLoad("sequences", _BOTH, _summed(), Load(1000, 2, warm_up=_SEQUENCE_LENGTH), (_SUM,)),
    NamedLoad("streaming", ("grpc",), _streamed(), Load(400, warm_up=20), (_STREAM,)),
)
