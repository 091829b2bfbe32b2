"""Tensors of Python models that run with NumPy 2."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers.client import NO_ANSWER, input_tensor
from triton_claims.servers.models import model

SINGLE = model("numpy_tensors", batching="single")
BATCHED = model("numpy_tensors", batching="batched")

INTEGERS = (np.uint8, np.uint16, np.uint32, np.uint64, np.int8, np.int16, np.int32, np.int64)
DATATYPES = {
    **{integer.__name__.upper(): integer for integer in INTEGERS},
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BOOL": np.bool_,
    "BYTES": np.object_,  # the last, for on servers before 2.52 it costs the model its process
}
#: What is sent of each datatype: to which model, to its input of how many dimensions, which shape.
SENT = [
    *((SINGLE, len(shape), shape) for shape in [(1,), (5,), (1000,), (1, 1), (3, 4), (2, 3, 4)]),
    *((SINGLE, len(shape), shape) for shape in [(0,), (0, 4), (2, 0, 4)]),
    *((BATCHED, 0, shape) for shape in [(1, 1), (3, 1)]),
    *((BATCHED, 1, shape) for shape in [(3, 5), (2, 0)]),
]
STRINGS = (b"", b"a", "\N{GRINNING FACE}".encode(), b"\0 \xff", b"many bytes" * 100)
COMPLETE = ["--disable-auto-complete-config"]
WITH_NUMPY_2 = pytest.mark.server(models=[SINGLE, BATCHED], arguments=COMPLETE, numpy=2)
#: Seconds until a request counts as unanswered; an answer takes milliseconds.
PATIENCE = 5.0
RIGHT = "right"
WITHOUT_DATA = "came without its data"


@dataclass(frozen=True)
class Journey:
    """One tensor to a model and back.

    Attributes:
        datatype, shape: What was sent.
        outcome: What became of it: "right", or what is wrong, in words.
        numpy: The NumPy that the model says it runs with, where it said anything.
    """

    datatype: str
    shape: tuple[int, ...]
    outcome: str
    numpy: str | None = None


@pytest.mark.claim("python-numpy2")
@WITH_NUMPY_2
def test_tensors_keep_their_data_with_numpy_2(expendable, evidence):
    """A Python model that runs with NumPy 2 receives and returns tensors with all of their data."""
    with_1, with_2 = made_with_both(expendable, evidence)

    wrong = [each for each in with_2 if each.outcome != RIGHT]
    if wrong and not numpy_of(with_1).startswith("1."):
        raise no_numpy_1()
    if any(each.outcome != RIGHT for each in with_1):
        raise BrokenError(f"the check's control failed, with NumPy 1:\n{tell(with_1)}")
    assert not wrong, (
        f"{len(wrong)} of {len(with_2)} tensors went wrong with NumPy {numpy_of(with_2)}:\n"
        + tell(wrong)
    )


@pytest.mark.claim("python-numpy2-empty-tensors")
@WITH_NUMPY_2
def test_tensors_arrive_without_their_data_with_numpy_2(expendable, evidence):
    """Tensors that a Python model returns while it runs with NumPy 2 arrive without their data."""
    with_1, with_2 = made_with_both(expendable, evidence)

    if not numpy_of(with_1).startswith("1."):
        raise no_numpy_1()
    if any(each.outcome != RIGHT for each in with_1):
        raise BrokenError(f"the check's control failed, with NumPy 1:\n{tell(with_1)}")
    empty = [each for each in with_2 if WITHOUT_DATA in each.outcome]
    assert empty, f"none of {len(with_2)} tensors came without its data:\n{tell(with_2)}"


def made_with_both(server, evidence):
    """What came of all there is to send with NumPy 1, the control, and with NumPy 2."""
    with evidence.step("control: the same with NumPy 1"), server.fresh(numpy=1) as fresh:
        with_1 = journeys(fresh)
    with evidence.step("every datatype, in many shapes, with NumPy 2"):
        with_2 = journeys(server)
    evidence.show(f"with NumPy {numpy_of(with_1)}", tell(with_1))
    evidence.show(f"with NumPy {numpy_of(with_2)}", tell(with_2))
    if not numpy_of(with_2).startswith("2."):
        raise BrokenError(f"the models run with NumPy {numpy_of(with_2)} instead of NumPy 2")
    return with_1, with_2


def no_numpy_1():
    """What goes wrong may have nothing to do with NumPy 2."""
    return Blocked(
        "the models' Python has no NumPy 1 to show that it is NumPy 2 that does not work here",
        unblock="a target whose Python stub is linked with Python 3.10 to 3.12",
    )


def journeys(server):
    """Sends all there is to send; a model that has lost its process, or is silent, gets no more."""
    client = server.client("grpc", timeout=PATIENCE)
    made = []
    for each in (SINGLE, BATCHED):
        processes = server.process.stubs(each.name)
        for datatype, (to, dimensions, shape) in product(DATATYPES, SENT):
            if to != each:
                continue
            tensor = made_up(datatype, shape)
            answer = send(client, each, f"{datatype}_{dimensions}", tensor)
            # The model sees a scalar of each request item without the dimension it has on the way.
            seen = tensor.reshape(tensor.shape[0]) if dimensions == 0 else tensor
            made.append(Journey(datatype, shape, *judged(tensor, seen, answer)))
            lost = not answer.accepted and server.process.stubs(each.name) != processes
            if lost or answer.status == NO_ANSWER:
                break
    client.close()
    return made


def made_up(datatype, shape):
    """A tensor in which no two stretches are alike."""
    size = int(np.prod(shape))
    if datatype == "BYTES":
        strings = [STRINGS[number % len(STRINGS)] + b"%d" % number for number in range(size)]
        return np.array(strings, dtype=np.object_).reshape(shape)
    if datatype == "BOOL":
        return (np.arange(size) % 3 == 0).reshape(shape)
    kind = np.dtype(DATATYPES[datatype])
    noise = np.random.default_rng(size).bytes(size * kind.itemsize)
    return np.frombuffer(noise, dtype=kind).reshape(shape)


def send(client, model, suffix, tensor):
    """The answer with the model's outputs; None for one whose data does not fill its shape."""
    names = (f"SAME_{suffix}", f"REVERSED_{suffix}", "REPORT")

    def output(result, name):
        try:
            return result.as_numpy(name)
        except ValueError:
            return None

    def infer(connection, library, deadline):
        inputs = [input_tensor(library, f"IN_{suffix}", tensor)]
        result = connection.infer(model.name, inputs, **deadline)
        return {name.partition("_")[0]: output(result, name) for name in names}

    return client.ask(f"{model.name} {suffix} {tensor.shape}", infer)


def judged(sent, seen, answer):
    """What became of a tensor, and the NumPy that the model says it runs with."""
    if not answer.accepted:
        return f"{answer}"[:200], None  # a stack's words may follow, other ones each time
    report = report_of(answer.outputs["REPORT"])
    faults = []
    if report["received"] != [list(seen.shape), seen.dtype.name, data_of(seen)]:
        faults.append("the model received other data")
    for name, expected in (("SAME", sent), ("REVERSED", sent[::-1])):
        returned = answer.outputs[name]
        if returned is None:
            faults.append(f"output {name} {WITHOUT_DATA}")
        elif (returned.shape, data_of(returned)) != (expected.shape, data_of(expected)):
            faults.append(f"output {name} came with other data")
    return "; ".join(faults) or RIGHT, report["numpy"]


def report_of(output):
    """What the model says that it got; every row of a batch says the same."""
    try:
        return json.loads(output.reshape(-1, output.shape[-1])[0].tobytes())
    except (AttributeError, ValueError) as problem:
        raise BrokenError(f"the model's report cannot be read: {problem}") from None


def data_of(array):
    """The data as the model reports it."""
    if array.dtype == np.object_:
        return [each.hex() for each in array.ravel()]
    return array.tobytes().hex()


def numpy_of(journeys):
    """The one NumPy that the models say they run with."""
    told = {each.numpy for each in journeys} - {None}
    if len(told) != 1:
        raise BrokenError(f"the models tell of these NumPys: {sorted(told)}\n{tell(journeys)}")
    return told.pop()


def tell(journeys):
    """What became of the tensors in a few lines: those that came out alike share one."""
    alike = {}
    for each in journeys:
        alike.setdefault(each.outcome, []).append(each)
    return "\n".join(
        f"{len(them)} tensors of {', '.join(dict.fromkeys(each.datatype for each in them))} "
        f"in shapes such as {them[-1].shape}: {outcome}"
        for outcome, them in alike.items()
    )
