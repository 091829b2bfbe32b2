"""Tiny ONNX models, written byte by byte: no hub, and no ONNX package.

An ONNX file is a message of Protocol Buffers; the numbers of its fields are those of onnx.proto.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What all runtimes of the last years read.
_IR_VERSION, _OPSET = 8, 13
_FLOAT, _INT8 = 1, 3
_VARINT, _BYTES = 0, 2

#: The tensors of the models here: two inputs, their sum and their difference.
INPUTS = ("INPUT0", "INPUT1")
OUTPUTS = ("OUTPUT0", "OUTPUT1")


@dataclass(frozen=True, slots=True)
class _Node:
    operation: str
    inputs: tuple[str, ...]
    output: str


def add_sub(shape: Sequence[int]) -> bytes:
    """A model of FP32 tensors: OUTPUT0 = INPUT0 + INPUT1, OUTPUT1 = INPUT0 - INPUT1.

    Args:
        shape: Of all four.
    """
    nodes = [
        _Node("Add", INPUTS, OUTPUTS[0]),
        _Node("Sub", INPUTS, OUTPUTS[1]),
    ]
    return _model(nodes, shape, _FLOAT)


def add_sub_int8(shape: Sequence[int]) -> bytes:
    """The same with INT8 tensors, by numbers that stand for themselves (a scale of 1).

    Args:
        shape: Of all four.
    """
    nodes = [
        *(_Node("DequantizeLinear", (each, "scale", "zero"), f"{each}_real") for each in INPUTS),
        *(
            _Node(operation, tuple(f"{each}_real" for each in INPUTS), f"{output}_real")
            for operation, output in zip(("Add", "Sub"), OUTPUTS, strict=True)
        ),
        *(_Node("QuantizeLinear", (f"{each}_real", "scale", "zero"), each) for each in OUTPUTS),
    ]
    one = b"\x00\x00\x80\x3f"  # 1.0 in FP32, little-endian
    constants = [_constant("scale", _FLOAT, one), _constant("zero", _INT8, b"\0")]
    return _model(nodes, shape, _INT8, constants)


def _model(
    nodes: Sequence[_Node], shape: Sequence[int], datatype: int, constants: Sequence[bytes] = ()
) -> bytes:
    graph = [
        *(_bytes(1, _node(each)) for each in nodes),
        _text(2, "add_sub"),
        *(_bytes(5, each) for each in constants),
        *(_bytes(11, _tensor(each, datatype, shape)) for each in INPUTS),
        *(_bytes(12, _tensor(each, datatype, shape)) for each in OUTPUTS),
    ]
    opset = _text(1, "") + _number(2, _OPSET)
    return _number(1, _IR_VERSION) + _bytes(7, b"".join(graph)) + _bytes(8, opset)


def _node(node: _Node) -> bytes:
    inputs = b"".join(_text(1, each) for each in node.inputs)
    return inputs + _text(2, node.output) + _text(3, node.output) + _text(4, node.operation)


def _tensor(name: str, datatype: int, shape: Sequence[int]) -> bytes:
    dimensions = b"".join(_bytes(1, _number(1, size)) for size in shape)
    tensor_type = _number(1, datatype) + _bytes(2, dimensions)
    return _text(1, name) + _bytes(2, _bytes(1, tensor_type))


def _constant(name: str, datatype: int, raw: bytes) -> bytes:
    return _number(2, datatype) + _text(8, name) + _bytes(9, raw)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value)


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
