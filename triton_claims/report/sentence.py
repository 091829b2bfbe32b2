"""What a run means, in plain sentences."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from triton_claims.notes.versions import ServerVersion
from triton_claims.verdicts.verdict import Expectation, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from triton_claims.verdicts.cell import Cell
    from triton_claims.verdicts.ledger import Ledger

#: How targets begin that are the files of a backend, and no server.
_BACKEND = "vllm-backend:"


def sentences(ledger: Ledger) -> Iterator[str]:
    """One sentence a target, one for the baseline, then the run as a whole."""
    by_target: dict[str, list[Cell]] = {target["target"]: [] for target in ledger.header["targets"]}
    for cell in ledger.cells:
        by_target.setdefault(cell.target, []).append(cell)
    tools = {each["target"]: each.get("tools") for each in ledger.header["targets"]}
    for target, cells in by_target.items():
        if cells and tools.get(target):
            named = " with ".join(f"{name} {version}" for name, version in tools[target].items())
            yield f"{target} is {named}: {_of_cells(cells)}."
        elif cells:
            yield _of_target(target, cells, ledger.header["release"])
    if "baseline" in ledger.header:
        yield _of_baseline(ledger)
    if "staged" in ledger.header.get("gpus", {}).get("origin", ""):
        yield "The GPUs are staged: nothing that is told of cells on them speaks of a real GPU."
    yield _of_run(ledger)


def _of_target(target: str, cells: Sequence[Cell], release: dict[str, str]) -> str:
    version = next((cell.server_version for cell in cells if cell.server_version), None)
    if version is None:
        return f"{target}: no server answered; nothing is known of it."
    subject = "the vLLM backend of Triton" if target.startswith(_BACKEND) else "Triton"
    return f"{target} is {subject} {version}, {_age(version, release)}: {_of_cells(cells)}."


def _of_cells(cells: Sequence[Cell]) -> str:
    """What is known of a target, and what is not."""
    parts = []
    verdicts = Counter(cell.verdict for cell in cells)
    if verdicts[Verdict.BASELINE]:
        parts.append(
            f"what is claimed of other versions alone must be absent there, and is "
            f"({count(verdicts[Verdict.BASELINE], 'cell')} baseline)"
        )
    if verdicts[Verdict.CONFIRMED]:
        parts.append(f"what is claimed of it holds ({count(verdicts[Verdict.CONFIRMED], 'cell')})")
    refuted = _claims(cells, Verdict.REFUTED)
    if refuted:
        parts.append(f"what is claimed of it does NOT hold: {refuted}")
    premature = _claims(cells, Verdict.PREMATURE)
    if premature:
        parts.append(f"what must be absent was found all the same: {premature}")
    unknown = [
        f"{count(verdicts[verdict], 'cell')} {verdict.value}"
        for verdict in (Verdict.BLOCKED, Verdict.UNDECIDED, Verdict.ERROR)
        if verdicts[verdict]
    ]
    if unknown:
        parts.append("nothing is known of " + ", ".join(unknown))
    return "; ".join(parts)


def _of_baseline(ledger: Ledger) -> str:
    baseline = ledger.header["baseline"]
    told = (cell.baseline_version for cell in ledger.cells)
    version = next(filter(None, told), None) or baseline["server_version"]
    named = f"{baseline['target']}, Triton {version}" if version else baseline["target"]
    compared = sum(cell.baseline_version is not None for cell in ledger.cells)
    return f"The baseline is {named}: {count(compared, 'cell')} compared with it."


def _age(version: str, release: dict[str, str]) -> str:
    checked = f"{release['server']} of {release['container']}"
    try:
        mine, notes = ServerVersion.parse(version), ServerVersion.parse(release["server"])
    except ValueError:
        return f"whose relation to the {checked} is unknown"
    if mine == notes:
        return f"the server of {release['container']} itself"
    return f"{'older' if mine < notes else 'newer'} than the {checked}"


def _claims(cells: Sequence[Cell], verdict: Verdict) -> str:
    names = {
        cell.claim + (" (accepted)" if cell.accepted else "")
        for cell in cells
        if cell.verdict is verdict
    }
    return ", ".join(sorted(names))


def _of_run(ledger: Ledger) -> str:
    footer = ledger.footer
    unchecked = len(ledger.unchecked)
    have = "has" if unchecked == 1 else "have"
    rest = f" {count(unchecked, 'claim')} of the release {have} no check yet." if unchecked else ""
    if footer is None or ledger.truncation:
        return f"The run is {ledger.truncation}.{rest}"
    failures = "; ".join(footer["failures"])
    return (f"The run fails: {failures}." if failures else "The run passes.") + rest


def count(number: int, noun: str) -> str:
    """A number of things: ``1 cell``, ``2 cells``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def expectation_words(cell: Cell) -> str:
    """What the notes imply for the cell, for a table."""
    if cell.expectation is None:
        return "?"
    return "holds" if cell.expectation is Expectation.HOLDS else "absent"
