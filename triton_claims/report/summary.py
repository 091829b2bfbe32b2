"""The run as Markdown, short enough for the summary page of a CI job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from triton_claims.report.provenance import provenance
from triton_claims.report.sentence import sentences
from triton_claims.report.table import COLUMNS, cost_line, counts_line, rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from triton_claims.verdicts.ledger import Ledger

#: Bytes a CI job summary may have on the strictest host we know of is 1 MiB; ours stays below.
LONGEST = 900_000
_LONGEST_REASON = 400


def summary_markdown(ledger: Ledger) -> str:
    """The summary; cut, and saying so, where it would be longer than :data:`LONGEST`."""
    text = "\n".join(_lines(ledger)) + "\n"
    encoded = text.encode()
    if len(encoded) <= LONGEST:
        return text
    cut = encoded[:LONGEST].decode(errors="ignore").rpartition("\n")[0]
    return f"{cut}\n\n(cut: the ledger has all of it)\n"


def _lines(ledger: Ledger) -> Iterator[str]:
    release = ledger.header["release"]
    yield f"# Claims of Triton {release['container']} (server {release['server']})"
    yield ""
    for sentence in sentences(ledger):
        yield f"- {_escaped(sentence)}"
    yield ""
    yield f"{counts_line(ledger)}; {cost_line(ledger)}"
    yield ""
    yield _row(COLUMNS)
    yield _row("---" for _ in COLUMNS)
    for row in rows(ledger):
        yield _row(map(_escaped, row))
    told = [cell for cell in ledger.cells if cell.reason]
    if told:
        yield ""
        yield "<details><summary>What was seen</summary>"
        yield ""
        for cell in told:
            where = " ".join(filter(None, (cell.target, cell.gpu, cell.protocol)))
            reason = " ".join(cell.reason.split())
            if len(reason) > _LONGEST_REASON:
                reason = f"{reason[:_LONGEST_REASON]} ..."
            yield f"- **{cell.claim}** on {_escaped(where)}, {cell.verdict.value}: " + _escaped(
                reason
            )
        yield ""
        yield "</details>"
    if ledger.unchecked:
        yield ""
        yield f"<details><summary>{len(ledger.unchecked)} claims have no check yet</summary>"
        yield ""
        for claim in ledger.unchecked:
            needs = f" (needs {', '.join(claim.needs)})" if claim.needs else ""
            yield f"- {claim.claim}: {_escaped(claim.statement + needs)}"
        yield ""
        yield "</details>"
    yield ""
    yield "<details><summary>Provenance</summary>"
    yield ""
    for name, value in provenance(ledger):
        yield f"- {name}: {_escaped(value)}"
    yield ""
    yield "</details>"


def _row(columns: Iterable[str]) -> str:
    return "| " + " | ".join(columns) + " |"


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is."""
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    for character in "\\`*_|[]":
        text = text.replace(character, f"\\{character}")
    return text
