"""The run as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from triton_claims.report.sentence import expectation_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from triton_claims.verdicts.cell import Cell
    from triton_claims.verdicts.ledger import Ledger

COLUMNS = ("claim", "target", "server", "gpu", "protocol", "notes imply", "verdict", "seconds")


def rows(ledger: Ledger) -> list[tuple[str, ...]]:
    """The cells in the order of claims and targets."""
    claims = list(dict.fromkeys(cell.claim for cell in ledger.cells))
    targets = [target["target"] for target in ledger.header["targets"]]

    def order(cell: Cell) -> tuple[int, int, str, str]:
        place = targets.index(cell.target) if cell.target in targets else len(targets)
        return claims.index(cell.claim), place, cell.gpu, cell.protocol or ""

    return [
        (
            cell.claim,
            cell.target,
            cell.server_version or "-",
            cell.gpu,
            cell.protocol or "-",
            expectation_words(cell),
            cell.verdict.value + (", accepted" if cell.accepted else ""),
            f"{cell.seconds:.1f}",
        )
        for cell in sorted(ledger.cells, key=order)
    ]


def counts_line(ledger: Ledger) -> str:
    """The counts of all verdicts that occurred, and the claims without a check."""
    counts = ledger.footer["counts"] if ledger.footer else {}
    if not counts:
        counts = {}
        for cell in ledger.cells:
            counts[cell.verdict.value] = counts.get(cell.verdict.value, 0) + 1
        counts["unchecked"] = len(ledger.unchecked)
    told = [f"{number} {name}" for name, number in counts.items() if number]
    return ", ".join(told) or "nothing"


def cost_line(ledger: Ledger) -> str:
    """What the run cost: server starts, time, the suite's own share of it."""
    footer = ledger.footer
    if footer is None:
        return "the run's cost is not known"
    extra = footer["server_starts"] - footer["specifications"]
    line = (
        f"{footer['server_starts']} server starts ({footer['specifications']} distinct servers"
        + (f" and {extra} fresh ones that checks demanded)" if extra > 0 else ")")
        + f", {footer['seconds']:.1f} s"
    )
    if footer["preparation"] >= 1:
        line += f" of which {footer['preparation']:.1f} s went into preparing targets"
    if footer["overhead"] is not None:
        line += f", suite overhead {footer['overhead']:.1%}"
    return line


def table_lines(ledger: Ledger) -> Iterator[str]:
    """The table, the claims without a check, the counts and the cost, line by line."""
    yield from _aligned([COLUMNS, *rows(ledger)])
    if ledger.unchecked:
        yield ""
        yield f"unchecked ({len(ledger.unchecked)} claims of the release have no check yet):"
        yield from _wrapped([each.claim for each in ledger.unchecked])
    yield ""
    yield f"{counts_line(ledger)}; {cost_line(ledger)}"


def _aligned(table: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _wrapped(names: Sequence[str], width: int = 100) -> Iterator[str]:
    line = " "
    for name in names:
        if len(line) + len(name) + 1 > width:
            yield line
            line = " "
        line += f" {name}"
    yield line
