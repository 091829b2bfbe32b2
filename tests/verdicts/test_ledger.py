from __future__ import annotations

import json
import re
from dataclasses import replace

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from verdicts.samples import HEADER, UNCHECKED, cell, footer, ledger, write
from verdicts.test_cell import CELLS

from triton_claims.errors import InputError
from triton_claims.verdicts.cell import Measurement, Piece
from triton_claims.verdicts.ledger import SCHEMA_PATH, Ledger, LedgerWriter, read_ledger
from triton_claims.verdicts.verdict import Verdict

RICH = ledger(
    cell(
        evidence=(Piece("log", "line one\nline \u2028 two\r\n\x00 café 🐈"),),
        measurements=(Measurement("start-up", 1.5, "s"), Measurement("servers", 3, "")),
    ),
    cell(protocol=None, verdict=Verdict.REFUTED, accepted="looked into", reason="no | `cat`"),
    cell(target="install:/x", server_version=None, expectation=None, verdict=Verdict.BLOCKED),
    unchecked=[UNCHECKED],
)


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_ledger(path)
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    assert text.startswith(str(path))
    return text[len(str(path)) :]


def test_a_ledger_comes_back_as_it_was_written(tmp_path):
    assert read_ledger(write(tmp_path / "new" / "ledger.jsonl", RICH)) == RICH
    assert RICH.truncation is None


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
@given(st.lists(CELLS, max_size=4, unique_by=lambda cell: cell.key))
def test_whatever_cells_hold_the_ledger_has_a_line_for_each(tmp_path, cells):
    path = write(tmp_path / "ledger.jsonl", Ledger(HEADER, tuple(cells), (), footer(cells)))
    assert len(read_ledger(path).cells) == len(cells)
    assert path.read_bytes().count(b"\n") == len(cells) + 2


def test_every_line_validates_against_the_schema(tmp_path):
    schema = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    lines = write(tmp_path / "ledger.jsonl", RICH).read_text(encoding="utf-8").split("\n")[:-1]
    kinds = []
    for line in lines:
        record = json.loads(line)
        jsonschema.validate(record, schema)
        kinds.append(record["type"])
    assert kinds == ["header", "unchecked", "cell", "cell", "cell", "footer"]


def test_a_ledger_is_there_as_the_run_goes(tmp_path):
    path = tmp_path / "ledger.jsonl"
    writer = LedgerWriter(path, "a-run")
    writer.header(HEADER)
    assert read_ledger(path).cells == ()
    writer.cell(cell())
    assert read_ledger(path).cells == (cell(),)
    assert "no footer" in (read_ledger(path).truncation or "")
    writer.footer(footer([cell()]))
    assert read_ledger(path).truncation is None
    writer.close()


def test_a_secret_does_not_get_into_a_ledger(tmp_path):
    told = cell(reason="token=abcdef123456", evidence=(Piece("url", "http://me:pass@host/"),))
    path = write(tmp_path / "ledger.jsonl", ledger(told))
    text = path.read_text(encoding="utf-8")
    assert "abcdef123456" not in text
    assert "me:pass" not in text
    assert read_ledger(path).cells[0].evidence[0].text == "http://[secret]@host/"


def test_what_is_no_text_is_recorded_all_the_same(tmp_path):
    path = write(tmp_path / "ledger.jsonl", ledger(cell(reason="file \udcff")))
    assert read_ledger(path).cells[0].reason == "file \udcff"


def test_two_runs_that_write_to_one_place_do_not_mix(tmp_path):
    path = tmp_path / "ledger.jsonl"
    writers = [LedgerWriter(path, run) for run in ("one", "two")]
    cells = [cell(claim="of-the-first"), cell(claim="of-the-second")]
    for writer, run in zip(writers, ("one", "two"), strict=True):
        writer.header({**HEADER, "run": run})
    for writer, each in zip(writers, cells, strict=True):
        writer.cell(each)
    for writer, each in zip(reversed(writers), reversed(cells), strict=True):
        writer.footer(footer([each]))
        writer.close()
    found = read_ledger(path)
    assert (found.header["run"], found.cells, found.truncation) == ("two", (cells[1],), None)
    assert [each.name for each in tmp_path.iterdir()] == ["ledger.jsonl"]


def test_an_earlier_ledger_is_replaced_at_once(tmp_path):
    path = write(tmp_path / "ledger.jsonl", RICH, run="yesterday")
    LedgerWriter(path, "today").close()
    assert path.read_bytes() == b""


def test_a_place_that_cannot_be_written_is_left_as_it_was(tmp_path):
    (tmp_path / "ledger.jsonl").mkdir()
    with pytest.raises(OSError, match=r"ledger\.jsonl"):
        LedgerWriter(tmp_path / "ledger.jsonl", "a-run")
    assert [each.name for each in tmp_path.iterdir()] == ["ledger.jsonl"]


def test_wherever_a_run_is_killed_its_whole_lines_are_read(tmp_path):
    path = write(tmp_path / "ledger.jsonl", RICH)
    whole = path.read_bytes()
    after_header = whole.index(b"\n") + 1
    breaks = {at + off for at, byte in enumerate(whole) if byte == 0x0A for off in (-1, 0, 1, 2)}
    for end in sorted({*range(0, len(whole), 7), *breaks} - {len(whole), len(whole) + 1}):
        path.write_bytes(whole[:end])
        if end < after_header:
            assert refusal(path) == ":1: it has no header: this is no ledger"
            continue
        found = read_ledger(path)
        lines = whole[:end].count(b"\n") - 1
        assert len(found.cells) + len(found.unchecked) == lines
        assert found.torn is not whole[:end].endswith(b"\n")
        told = found.truncation or ""
        assert told.startswith("truncated: it has no footer")
        assert ("in the middle of a line" in told) is found.torn


def test_a_run_that_ended_early_is_truncated_and_says_why():
    assert ledger(cell(), complete=False, interrupted="ended by SIGTERM").truncation == (
        "truncated: ended by SIGTERM"
    )
    assert ledger(cell(), complete=False).truncation == "truncated: the run ended early"


def lines_of(told, tmp_path):
    return write(tmp_path / "whole.jsonl", told).read_bytes().split(b"\n")[:-1]


def _changed(line, **different):
    return json.dumps({**json.loads(line), **different}).encode()


def _without(line, key):
    record = json.loads(line)
    del record[key]
    return json.dumps(record).encode()


DAMAGES = {
    "no header": (lambda lines: lines[1:], ":1: a ledger has one header, in its first line"),
    "two headers": (
        lambda lines: [lines[0], *lines],
        ":2: a ledger has one header, in its first line",
    ),
    "after the footer": (lambda lines: [*lines, lines[2]], ":7: nothing may follow the footer"),
    "two footers": (lambda lines: [*lines, lines[-1]], ":7: nothing may follow the footer"),
    "an empty line": (
        lambda lines: [lines[0], b"", *lines[1:]],
        ":2: expected a JSON object, found ''",
    ),
    "no JSON": (
        lambda lines: [lines[0], b"cell: confirmed"],
        ":2: expected a JSON object, found 'cell: confirmed'",
    ),
    "no UTF-8": (
        lambda lines: [lines[0], b"\xff\xfe"],
        ":2: expected a JSON object, found '\ufffd\ufffd'",
    ),
    "a list": (
        lambda lines: [lines[0], b"[1]"],
        ":2: expected a record whose type is one of: header, cell, unchecked, footer",
    ),
    "an unknown type": (
        lambda lines: [lines[0], b'{"type": "row"}'],
        ":2: expected a record whose type is one of: header, cell, unchecked, footer",
    ),
    "a type that is no text": (
        lambda lines: [lines[0], b'{"type": ["cell"]}'],
        ":2: expected a record whose type is one of: header, cell, unchecked, footer",
    ),
    "an unknown field": (
        lambda lines: [*lines[:2], _changed(lines[2], colour="red")],
        ":3: the cell: Additional properties are not allowed ('colour' was unexpected)",
    ),
    "a missing field": (
        lambda lines: [*lines[:2], _without(lines[2], "gpu")],
        ":3: the cell: 'gpu' is a required property",
    ),
    "an unknown verdict": (
        lambda lines: [*lines[:2], _changed(lines[2], verdict="maybe")],
        (
            ":3: verdict: 'maybe' is not one of ['confirmed', 'refuted', 'baseline', 'premature', "
            "'blocked', 'undecided', 'error']"
        ),
    ),
    "no time": (
        lambda lines: [_changed(lines[0], started="2025-02-30T00:00:00"), *lines[1:]],
        ":1: started: '2025-02-30T00:00:00' is not a 'date-time'",
    ),
    "a number as text": (
        lambda lines: [*lines[:2], _changed(lines[2], seconds="long")],
        ":3: seconds: 'long' is not of type 'number'",
    ),
    "no number": (
        lambda lines: [*lines[:2], _changed(lines[2], seconds=float("nan"))],
        """:3: expected a JSON object, found '{"type": "cell", "claim": "cats-faster",'""",
    ),
    "an endless number": (
        lambda lines: [*lines[:2], lines[2].replace(b"1.25", b"1e999")],
        """:3: expected a JSON object, found '{"type": "cell", "claim": "cats-faster",'""",
    ),
    "a number of a thousand digits": (
        lambda lines: [*lines[:2], lines[2].replace(b"1.25", b"9" * 1000)],
        """:3: expected a JSON object, found '{"type": "cell", "claim": "cats-faster",'""",
    ),
    "nested too deeply": (
        lambda lines: [lines[0], b"[" * 100_000],
        f":2: expected a JSON object, found '{'[' * 40}'",
    ),
    "twins": (
        lambda lines: [*lines[:3], lines[1], lines[2]],
        ":5: the cell 'cats-faster wheel:24.10 cpu grpc' stands in {path}:3 already",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_ledger_is_refused_in_one_line(tmp_path, damage):
    spoil, told = DAMAGES[damage]
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b"\n".join([*spoil(lines_of(RICH, tmp_path)), b""]))
    assert refusal(path) == told.format(path=path) if "{path}" in told else told


def test_a_torn_line_after_the_footer_is_not_passed_over(tmp_path):
    path = write(tmp_path / "ledger.jsonl", RICH)
    path.write_bytes(path.read_bytes() + b'{"type": "cell", "cl')
    assert refusal(path) == ":7: nothing may follow the footer"


def test_what_is_no_file_is_refused(tmp_path):
    assert refusal(tmp_path) == ": cannot be read: Is a directory"
    assert refusal(tmp_path / "missing") == ": cannot be read: No such file or directory"
    assert refusal(tmp_path / ("long" * 100)) == ": cannot be read: File name too long"
    assert refusal(tmp_path / "nul\0byte") == ": cannot be read: embedded null byte"
    (tmp_path / "empty").touch()
    assert refusal(tmp_path / "empty") == ":1: it has no header: this is no ledger"


def test_huge_messages_are_cut(tmp_path):
    lines = lines_of(RICH, tmp_path)
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b"\n".join([lines[0], _changed(lines[2], verdict="x" * 10**6), b""]))
    assert len(refusal(path)) < 300


def test_the_negative_control_of_the_round_trip(tmp_path):
    other = replace(RICH.cells[0], seconds=9.0)
    path = write(tmp_path / "ledger.jsonl", RICH)
    assert re.search(r'"seconds": 1\.25\b', path.read_text(encoding="utf-8"))
    assert read_ledger(path).cells[0] != other
