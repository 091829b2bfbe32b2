"""The run as JUnit XML, for CI systems that read nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from triton_claims.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from triton_claims.verdicts.cell import Cell
    from triton_claims.verdicts.ledger import Ledger

#: What XML 1.0 cannot hold, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(ledger: Ledger) -> str:
    """The document: a test case a cell, and a skipped one for each claim without a check.

    A run that fails for more than its cells has one more, ``run``, that says why: nobody is to
    take a run that was cut off for a good one.
    """
    release = ledger.header["release"]["container"]
    suites = ET.Element("testsuites")
    suite = ET.SubElement(suites, "testsuite", name=_text(f"triton-claims {release}"))
    suite.set("timestamp", _text(ledger.header["started"]).partition("+")[0])
    failures = errors = skipped = 0
    for cell in ledger.cells:
        case = _case(suite, cell)
        if cell.verdict is Verdict.BLOCKED or cell.accepted is not None:
            skipped += 1
            ET.SubElement(case, "skipped", message=_text(_message(cell)))
        elif cell.verdict in {Verdict.REFUTED, Verdict.PREMATURE}:
            failures += 1
            ET.SubElement(case, "failure", message=_text(_message(cell)))
        elif cell.verdict in {Verdict.UNDECIDED, Verdict.ERROR}:
            errors += 1
            ET.SubElement(case, "error", message=_text(_message(cell)))
        output = ET.SubElement(case, "system-out")
        pieces = [f"{piece.title}\n{piece.text}" for piece in cell.evidence]
        output.text = _text(
            "\n\n".join([_message(cell), *pieces, f"to reproduce: {cell.reproduce}"])
        )
    for claim in ledger.unchecked:
        skipped += 1
        case = ET.SubElement(
            suite, "testcase", classname=_text(claim.claim), name="unchecked", time="0"
        )
        ET.SubElement(case, "skipped", message="the claim has no check yet")
    problem = _problem_of_run(ledger)
    if problem is not None:
        errors += 1
        case = ET.SubElement(suite, "testcase", classname="run", name="outcome", time="0")
        ET.SubElement(case, "error", message=_text(problem))
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(failures))
    suite.set("errors", str(errors))
    suite.set("skipped", str(skipped))
    if ledger.footer is not None:
        suite.set("time", str(ledger.footer["seconds"]))
    ET.indent(suites)
    # As bytes first: as text, older Pythons declare the locale's encoding.
    document: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return document.decode() + "\n"


def _problem_of_run(ledger: Ledger) -> str | None:
    if ledger.truncation is not None:
        return ledger.truncation
    failures = ledger.footer["failures"] if ledger.footer else ()
    if failures and not any(cell.fails for cell in ledger.cells):
        return "; ".join(failures)
    return None


def _case(suite: ET.Element, cell: Cell) -> ET.Element:
    name = "-".join(filter(None, (cell.target, cell.gpu, cell.protocol)))
    return ET.SubElement(
        suite,
        "testcase",
        classname=_text(cell.claim),
        name=_text(name),
        time=f"{cell.seconds:.3f}",
    )


def _message(cell: Cell) -> str:
    accepted = f", accepted: {cell.accepted}" if cell.accepted else ""
    return f"{cell.verdict.value}{accepted}: {cell.reason}"


def _text(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
