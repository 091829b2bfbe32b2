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
    """The document: a test case a cell, and a skipped one for each claim without a check."""
    release = ledger.header["release"]["container"]
    suites = ET.Element("testsuites")
    suite = ET.SubElement(suites, "testsuite", name=f"triton-claims {release}")
    suite.set("timestamp", str(ledger.header["started"]).partition("+")[0])
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
        case = ET.SubElement(suite, "testcase", classname=claim.claim, name="unchecked", time="0")
        ET.SubElement(case, "skipped", message="the claim has no check yet")
    suite.set("tests", str(len(ledger.cells) + len(ledger.unchecked)))
    suite.set("failures", str(failures))
    suite.set("errors", str(errors))
    suite.set("skipped", str(skipped))
    if ledger.footer is not None:
        suite.set("time", str(ledger.footer["seconds"]))
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, cell: Cell) -> ET.Element:
    name = "-".join(filter(None, (cell.target, cell.gpu, cell.protocol)))
    return ET.SubElement(
        suite,
        "testcase",
        classname=cell.claim,
        name=_text(name),
        time=f"{cell.seconds:.3f}",
    )


def _message(cell: Cell) -> str:
    accepted = f", accepted: {cell.accepted}" if cell.accepted else ""
    return f"{cell.verdict.value}{accepted}: {cell.reason}"


def _text(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
