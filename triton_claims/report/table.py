"""The run as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from triton_claims.report.sentence import count, expectation_words
from triton_claims.verdicts.outcome import counts_of
from triton_claims.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from triton_claims.verdicts.cell import Cell
    from triton_claims.verdicts.ledger import Ledger

_LINES_OF_A_REASON = 12
COLUMNS = ("claim", "target", "server", "gpu", "protocol", "notes imply", "verdict", "seconds")


def rows(ledger: Ledger) -> list[tuple[str, ...]]:
    """The cells in the order of claims and targets."""
    claims = {claim: place for place, claim in enumerate(_in_order(ledger))}
    targets = {each["target"]: place for place, each in enumerate(ledger.header["targets"])}
    tools = {each["target"] for each in ledger.header["targets"] if "tools" in each}

    def order(cell: Cell) -> tuple[int, int, str, str]:
        place = targets.get(cell.target, len(targets))
        return claims[cell.claim], place, cell.gpu, cell.protocol or ""

    return [
        (
            cell.claim,
            cell.target,
            "-" if cell.target in tools else cell.server_version or "-",
            cell.gpu,
            cell.protocol or "-",
            expectation_words(cell),
            cell.verdict.value + (", accepted" if cell.accepted else ""),
            f"{cell.seconds:.1f}",
        )
        for cell in sorted(ledger.cells, key=order)
    ]


def _in_order(ledger: Ledger) -> dict[str, None]:
    return dict.fromkeys(cell.claim for cell in ledger.cells)


def counts_line(ledger: Ledger) -> str:
    """The counts of all verdicts that occurred, and the claims without a check."""
    counts = (ledger.footer or {}).get("counts") or counts_of(ledger.cells, len(ledger.unchecked))
    told = [f"{number} {name}" for name, number in counts.items() if number]
    return ", ".join(told) or "nothing"


def cost_line(ledger: Ledger) -> str:
    """What the run cost: server starts, time, the suite's own share of it."""
    footer = ledger.footer
    if footer is None:
        return "the run's cost is not known"
    extra = footer["server_starts"] - footer["specifications"]
    line = (
        f"{count(footer['server_starts'], 'server start')} "
        f"({count(footer['specifications'], 'distinct server')}"
        + (f" and {count(extra, 'fresh one')} that checks demanded)" if extra > 0 else ")")
        + f", {footer['seconds']:.1f} s"
    )
    if "longest_shard" in footer:
        shards = count(len(ledger.header["shards"]), "shard")
        line += f" in {shards}, the longest {footer['longest_shard']:.1f} s"
    if footer["preparation"] >= 1:
        line += f" of which {footer['preparation']:.1f} s went into preparing targets"
    if footer["overhead"] is not None:
        line += f", suite overhead {footer['overhead']:.1%}"
    return line


def table_lines(ledger: Ledger) -> Iterator[str]:
    """The table, the claims without a check, the counts and the cost, line by line."""
    yield from aligned([COLUMNS, *rows(ledger)])
    yield from _bad_news(ledger)
    if ledger.unchecked:
        yield ""
        unchecked = count(len(ledger.unchecked), "claim")
        yield f"unchecked ({unchecked} of the release without a check yet):"
        yield from _wrapped([each.claim for each in ledger.unchecked])
    yield ""
    yield f"{counts_line(ledger)}; {cost_line(ledger)}"


def _bad_news(ledger: Ledger) -> Iterator[str]:
    """Why cells are neither confirmed nor baseline; those with one reason share it."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for cell in ledger.cells:
        if cell.verdict in {Verdict.CONFIRMED, Verdict.BASELINE}:
            continue
        where = " ".join(filter(None, (cell.claim, cell.target, cell.gpu, cell.protocol)))
        verdict = cell.verdict.value + (f", accepted ({cell.accepted})" if cell.accepted else "")
        reasons.setdefault((verdict, cell.reason), []).append(where)
    for (verdict, reason), cells in reasons.items():
        yield ""
        yield f"{verdict}: {'; '.join(cells)}"
        yield from (f"  {line}" for line in reason.splitlines()[:_LINES_OF_A_REASON])


def aligned(table: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows of equally many texts as lines, each column as wide as its widest text."""
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
