"""The run as Markdown, short enough for the summary page of a CI job."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from triton_claims.report.provenance import provenance
from triton_claims.report.sentence import count, sentences
from triton_claims.report.table import COLUMNS, cost_line, counts_line, rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from triton_claims.verdicts.cell import Cell, Unchecked
    from triton_claims.verdicts.ledger import Ledger

#: Bytes a CI job summary may have on the strictest host we know of is 1 MiB; ours stays below.
LONGEST = 900_000
#: Of these, what the table may take, and what was seen; the rest is for what is short.
_LONGEST_TABLE = 400_000
_LONGEST_DETAILS = 400_000
_LONGEST_REASON = 400
_REPLACED = "\N{REPLACEMENT CHARACTER}"


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
    named = f"Claims of Triton {release['container']} (server {release['server']})"
    yield f"# {escaped(named)}"
    yield ""
    for sentence in sentences(ledger):
        yield f"- {escaped(sentence)}"
    yield ""
    yield escaped(f"{counts_line(ledger)}; {cost_line(ledger)}")
    yield ""
    yield table_row(COLUMNS)
    yield table_row("---" for _ in COLUMNS)
    yield from _cut((table_row(map(escaped, row)) for row in rows(ledger)), _LONGEST_TABLE)
    # What somebody has to look at comes first: it is never what is cut.
    told = sorted((cell for cell in ledger.cells if cell.reason), key=lambda cell: not cell.fails)
    yield from _folded("What was seen", map(_seen, told))
    without = f"{count(len(ledger.unchecked), 'claim')} without a check yet"
    yield from _folded(without, map(_unchecked, ledger.unchecked))
    yield from _folded(
        "Provenance",
        (f"- {escaped(name)}: {escaped(value)}" for name, value in provenance(ledger)),
    )


def _seen(cell: Cell) -> str:
    where = " ".join(filter(None, (cell.target, cell.gpu, cell.protocol)))
    verdict = cell.verdict.value + (f", accepted: {cell.accepted}" if cell.accepted else "")
    reason = " ".join(cell.reason.split())
    if len(reason) > _LONGEST_REASON:
        reason = f"{reason[:_LONGEST_REASON]} ..."
    seen = f"- **{escaped(cell.claim)}** on {escaped(f'{where}, {verdict}: {reason}')}"
    pictures = (f"[{escaped(each.title)}]({quote(each.file)})" for each in cell.pictures)
    return " \N{MIDDLE DOT} ".join([seen, *pictures])


def _unchecked(claim: Unchecked) -> str:
    needs = f" (needs {', '.join(claim.needs)})" if claim.needs else ""
    return f"- {escaped(f'{claim.claim}: {claim.statement}{needs}')}"


def _folded(title: str, lines: Iterable[str]) -> Iterator[str]:
    """A part of the page that opens on a click; none where there is nothing in it."""
    lines = list(_cut(lines, _LONGEST_DETAILS))
    if lines:
        yield from ("", f"<details><summary>{title}</summary>", "", *lines, "", "</details>")


def _cut(lines: Iterable[str], longest: int) -> Iterator[str]:
    """The lines as far as they fit, and how many more there are."""
    lines = list(lines)
    room = longest
    for number, line in enumerate(lines):
        room -= len(line.encode()) + 1
        if room < 0:
            yield ""
            yield f"({len(lines) - number} more: the ledger has them)"
            return
        yield line


def table_row(columns: Iterable[str]) -> str:
    """A row of a table in Markdown; its texts are escaped already."""
    return "| " + " | ".join(columns) + " |"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    text = "".join(c if c.isprintable() else _REPLACED for c in " ".join(text.split()))
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    for character in "\\`*_|[]~$":
        text = text.replace(character, f"\\{character}")
    return text
