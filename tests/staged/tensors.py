"""Tensor contents, between the JSON form and the binary form of the inference protocol."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from typing import Any

BYTES = "BYTES"
_FORMATS = {
    "BOOL": "?",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
}


@dataclass(frozen=True, slots=True)
class Contents:
    """A tensor of a request or a response; ``raw`` is its binary form."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    raw: bytes

    @property
    def elements(self) -> int:
        """How many elements the shape promises."""
        return prod(self.shape)


def pack(datatype: str, values: list[Any]) -> bytes:
    """The binary form of a flat list.

    Raises:
        ValueError: The values do not fit the datatype.
    """
    try:
        if datatype == BYTES:
            texts = [v if isinstance(v, bytes) else v.encode() for v in values]
            return b"".join(struct.pack("<I", len(text)) + text for text in texts)
        return struct.pack(f"<{len(values)}{_FORMATS[datatype]}", *values)
    except (AttributeError, KeyError, struct.error) as error:
        raise ValueError(f"values do not fit datatype {datatype}: {error}") from error


def unpack(datatype: str, raw: bytes) -> list[Any]:
    """The flat list of a binary form; texts come as ``str``."""
    if datatype == BYTES:
        texts = []
        while raw:
            (size,) = struct.unpack_from("<I", raw)
            texts.append(raw[4 : 4 + size].decode())
            raw = raw[4 + size :]
        return texts
    form = _FORMATS[datatype]
    return list(struct.unpack(f"<{len(raw) // struct.calcsize(form)}{form}", raw))


def flatten(data: Any) -> list[Any]:
    """A nested JSON array as a flat list."""
    if not isinstance(data, list):
        return [data]
    return [value for part in data for value in flatten(part)]
