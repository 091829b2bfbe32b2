"""Claims by servers: where each claim begins to hold, on one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from triton_claims.notes.versions import ServerVersion
from triton_claims.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from triton_claims.verdicts.cell import Cell
    from triton_claims.verdicts.ledger import Ledger

#: What stands for the verdicts of a claim on a server, the one to look at first.
_SIGNS = {
    Verdict.ERROR: "E",
    Verdict.REFUTED: "R",
    Verdict.PREMATURE: "P",
    Verdict.UNDECIDED: "U",
    Verdict.BLOCKED: "-",
    Verdict.BASELINE: "o",
    Verdict.CONFIRMED: "x",
}
LEGEND = (
    "x confirmed: it holds, as the notes imply; o baseline: it does not, as the notes imply of "
    "other versions; R refuted, P premature, U undecided, E error, - blocked; lower case: accepted"
)


def matrix_lines(ledger: Ledger) -> Iterator[str]:
    """The table in Markdown: a row for each claim, a column for each server, oldest first.

    Claims stand in the order of the server that each begins to hold on. Protocols and GPUs share a
    column: of their verdicts the one that has to be looked at is shown.
    """
    by_claim: dict[str, dict[str, list[Cell]]] = {}
    for cell in ledger.cells:
        version = cell.server_version or cell.target
        by_claim.setdefault(cell.claim, {}).setdefault(version, []).append(cell)
    versions = sorted({each for row in by_claim.values() for each in row}, key=_in_order)
    yield f"| claim | {' | '.join(_short(each) for each in versions)} |"
    yield f"|---|{'|'.join(':-:' for _ in versions)}|"

    def begins(claim: str) -> tuple[int, str]:
        signs = [_sign(by_claim[claim].get(each, ())) for each in versions]
        return signs.index("x") if "x" in signs else len(signs), claim

    for claim in sorted(by_claim, key=begins):
        signs = (_sign(by_claim[claim].get(each, ())) for each in versions)
        yield f"| {claim} | {' | '.join(signs)} |"
    yield ""
    yield f"({LEGEND})"


def _sign(cells: Iterable[Cell]) -> str:
    told = tuple(cells)
    for verdict, sign in _SIGNS.items():
        accepted = [cell.accepted is not None for cell in told if cell.verdict is verdict]
        if accepted:
            return sign.lower() if all(accepted) else sign
    return ""


def _in_order(version: str) -> tuple[bool, ServerVersion | str]:
    try:
        return False, ServerVersion.parse(version)
    except ValueError:
        return True, version


def _short(version: str) -> str:
    return version.removesuffix(".0")
