"""Whatever stands in a data file: it loads, or one line says where it is wrong."""

from __future__ import annotations

import random
import re

import pytest

from triton_claims.errors import InputError
from triton_claims.notes.catalogue import load_catalogue
from triton_claims.notes.releases import load_releases

SEED = 2501
CASES = 600
_VALUES = [
    b"1",
    b"-1",
    b"0",
    b"true",
    b"1.5",
    b"nan",
    b"-inf",
    b'""',
    b'"x"',
    b"[]",
    b"[[]]",
    b"{}",
    b"{ a = { b = [1] } }",
    b"1979-05-27T07:32:00Z",
    b"07:32:00",
    b"9" * 30,
    b"9" * 5000,
    b"0x" + b"f" * 5000,
    b'"' + b"long " * 5000 + b'"',
    b'"""\nlines\n"""',
    b'"\\u0000"',
    b'"\\u2028\\u0085"',
    b'["a", "a"]',
    b"[" * 400 + b"]" * 400,
    b"[" * 9000 + b"]" * 9000,
]


def _truncate(data, rng):
    return data[: rng.randrange(len(data))]


def _flip(data, rng):
    spoilt = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def _insert(data, rng):
    at = rng.randrange(len(data))
    piece = rng.choice(
        [b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\r", b"\n", b'"', b"]", b"\\"]
    )
    return data[:at] + piece + data[at:]


def _assignments(data):
    return list(re.finditer(rb"(?m)^([a-z0-9]+) = (.*)$", data))


def _retype(data, rng):
    match = rng.choice(_assignments(data))
    return data[: match.start(2)] + rng.choice(_VALUES) + data[match.end(2) :]


def _remove(data, rng):
    match = rng.choice(_assignments(data))
    return data[: match.start()] + data[match.end() + 1 :]


def _swap(data, rng):
    one, other = sorted(rng.sample(_assignments(data), 2), key=lambda match: match.start())
    between = data[one.end(2) : other.start(2)]
    return data[: one.start(2)] + other[2] + between + one[2] + data[other.end(2) :]


def _rename(data, rng):
    match = rng.choice(_assignments(data))
    key = rng.choice(
        [b"other", b'"a\\u0000b"', b'"a b".c', b"''", b"note", b"claim", b"id", b"size"]
    )
    return data[: match.start(1)] + key + data[match.end(1) :]


def _duplicate(data, rng):
    tables = re.split(rb"(?m)^(?=\[)", data)
    return data + rng.choice(
        [rng.choice(tables), b"[note]\n", b"[[claim]]\n", b"[wheel]\n", b"[wheel.x]\n"]
    )


SPOILERS = [_truncate, _flip, _insert, _retype, _remove, _swap, _rename, _duplicate]


def spoil(data, case):
    """Spoil the data in one to three ways, the same for the same case."""
    rng = random.Random(SEED * 10_000 + case)  # noqa: S311 - no secret, a repeatable test
    for _ in range(rng.randint(1, 3)):
        if len(_assignments(data)) < 2:
            break
        data = rng.choice(SPOILERS)(data, rng)
    return data


def complaint(load):
    """Give what the loader says, None if it loads; let everything else escape."""
    try:
        load()
    except InputError as error:
        return str(error)
    return None


@pytest.mark.parametrize("file", ["old", "new", "claims"])
def test_spoilt_data_load_or_are_told_in_one_line_with_the_file(project, file):
    path = getattr(project, file)
    valid = path.read_bytes()
    complaints = []
    for case in range(CASES // 3):
        path.write_bytes(spoil(valid, case))
        text = complaint(
            lambda: load_catalogue(path) if file == "claims" else load_releases(project.releases)
        )
        if text is not None:
            complaints.append(text)
            assert len(text.splitlines()) == 1, case
            assert re.match(rf"{re.escape(str(path))}:[0-9]+: \S", text), (case, text)
    # a generator that spoils nothing would prove nothing, nor would one complaint for all
    assert len(complaints) > CASES // 3 * 0.6
    assert len(set(complaints)) > CASES // 3 * 0.3
