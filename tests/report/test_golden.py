"""What readers get of two small runs, whole; a change of these files is a change of the reports."""

from __future__ import annotations

from pathlib import Path

import pytest
from report.staged_runs import KILLED, MIXED

from triton_claims.report.junit import junit_xml
from triton_claims.report.sentence import sentences
from triton_claims.report.summary import summary_markdown
from triton_claims.report.table import table_lines

GOLDEN = Path(__file__).with_name("golden")


def terminal(ledger):
    return "\n".join([*table_lines(ledger), "", *sentences(ledger), ""])


@pytest.mark.parametrize(("name", "ledger"), [("mixed", MIXED), ("killed", KILLED)])
@pytest.mark.parametrize(
    ("suffix", "make"), [("txt", terminal), ("md", summary_markdown), ("xml", junit_xml)]
)
def test_the_reports_of_a_run(name, ledger, suffix, make):
    expected = (GOLDEN / f"{name}.{suffix}").read_bytes().decode("utf-8")
    assert make(ledger) == expected
