"""What a run would decide, and what it would take: told before anything is started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from triton_claims.errors import InputError
from triton_claims.notes.check_marks import marks_of
from triton_claims.notes.images import USUAL
from triton_claims.report.sentence import count
from triton_claims.report.table import aligned
from triton_claims.servers.cells import is_told_of, missing_for, missing_tool, targets_for
from triton_claims.servers.client import PROTOCOLS
from triton_claims.servers.gpu_choice import CPU
from triton_claims.servers.needs import Unmet, read_needs
from triton_claims.servers.targets import VLLM_BACKEND
from triton_claims.verdicts.verdict import expect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from triton_claims.notes.check_marks import CheckMarks
    from triton_claims.notes.images import Images
    from triton_claims.notes.knowledge import Knowledge
    from triton_claims.notes.releases import Release
    from triton_claims.servers.gpu_choice import GpuChoice
    from triton_claims.servers.needs import Needs
    from triton_claims.servers.targets import Target
    from triton_claims.verdicts.ledger import Ledger

#: The fixtures that give nothing without an option, and what is said then.
_OPTIONS = {
    "baseline": Unmet("no baseline is given", "--baseline"),
    "ceilings": Unmet("no limits are given", "--ceilings"),
}
#: The fixtures that look into an image, and start nothing.
_OF_IMAGES = ("image", "vllm_backend")
_BACKEND_IMAGE = "vllm-python-py3"


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """A cell of a run that is not yet.

    Attributes:
        claim: The claim's id.
        target: The target's id.
        gpu: ``cpu``, or the GPU's id.
        protocol: ``grpc`` or ``http``; None where the claim is not about one.
        gpus: How many GPUs it needs.
        expectation: What the notes imply; None where the version is known by the server alone.
        unmet: What the check needs by its marks and the cell does not have.
        missing: What else is known to be missing: options that are not given.
        takes_target: Whether it starts a server of the target, or looks into it.
        flavour: The flavour of image that it takes; None without one.
        seconds: How long it took in the run that the plan is held against; None where unknown.
    """

    claim: str
    target: str
    gpu: str
    protocol: str | None
    gpus: int
    expectation: str | None
    unmet: tuple[Unmet, ...]
    missing: tuple[Unmet, ...]
    takes_target: bool
    flavour: str | None
    seconds: float | None

    @property
    def is_blocked(self) -> bool:
        """Whether it is known beforehand that nothing will be decided."""
        return bool(self.unmet or self.missing)


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run that is not yet.

    Attributes:
        release: Whose notes are checked.
        targets: The targets by id.
        cells: In the order of the release's claims.
        unchecked: The claims without a check.
        images: The images that releases are shipped in.
        choice: The GPUs.
    """

    release: Release
    targets: Mapping[str, Target]
    cells: tuple[PlannedCell, ...]
    unchecked: tuple[str, ...]
    images: Images | None
    choice: GpuChoice

    @property
    def running(self) -> list[PlannedCell]:
        """The cells that are not blocked."""
        return [cell for cell in self.cells if not cell.is_blocked]

    def pulls(self) -> Iterator[dict[str, Any]]:
        """What has to be fetched: reference, flavour, cells and gigabytes (None where unknown)."""
        taken: dict[tuple[str, str | None], int] = {}
        for cell in self.running:
            target = self.targets[cell.target]
            if cell.takes_target and (target.in_container or target.kind == "wheel"):
                key = cell.target, cell.flavour
                taken[key] = taken.get(key, 0) + 1
        for (name, flavour), cells in taken.items():
            target = self.targets[name]
            reference, size = name, None
            if flavour is not None:
                reference = dict(target.images)[flavour]
                if self.images is not None and target.kind == "ngc":
                    size = self.images.gigabytes(target.value, flavour)
            elif target.release is not None and target.release.wheel is not None:
                size = round(target.release.wheel.size / 1e9, 2)
            yield {"reference": reference, "flavour": flavour, "cells": cells, "gigabytes": size}


def plan_run(
    knowledge: Knowledge,
    release: Release,
    targets: Mapping[str, Target],
    choice: GpuChoice,
    *,
    claims: Sequence[str],
    options: frozenset[str] = frozenset(),
    images: Images | None = None,
    like: Ledger | None = None,
) -> PlannedRun:
    """Works out what a run would do, by the rules by which its checks are collected.

    Args:
        knowledge: What is claimed and checked.
        release: Whose notes are checked.
        targets: The targets by id.
        choice: The GPUs it may use.
        claims: The claims that it is asked for.
        options: The fixtures' options that are given: ``baseline``, ``ceilings``.
        images: The images, the user's own among them.
        like: A run before, for how long its cells took.

    Raises:
        InputError: A check does not say what it needs in a way that can be read.
    """
    before = _Durations(like)
    cells: list[PlannedCell] = []
    for claim in claims:
        check = knowledge.checks.get(claim)
        if check is None:
            continue
        marks = marks_of(check, knowledge.root)
        try:
            needs = read_needs(marks.needs)
        except InputError as problem:
            raise InputError(str(problem), where=f"{check.path}:{check.line}") from None
        wants = {
            "wants_tool": marks.tool is not None,
            "wants_backend": "vllm_backend" in marks.fixtures,
        }
        for name in targets_for(targets, **wants):
            target = targets[name]
            if not is_told_of(target, **wants):
                continue
            for gpu in [cell.id for cell in choice.cells_for(needs)] or [CPU]:
                unmet = missing_for(needs, gpu, choice, target)
                if marks.tool is not None and not target.is_tool:
                    unmet = [missing_tool(knowledge.releases, release)]
                missing = tuple(_missing_besides(marks, target, options, known=bool(unmet)))
                for protocol in PROTOCOLS if "protocol" in marks.fixtures else (None,):
                    cells.append(  # noqa: PERF401 - five loops deep nothing reads better
                        PlannedCell(
                            claim=claim,
                            target=name,
                            gpu=gpu,
                            protocol=protocol,
                            gpus=needs.gpus,
                            expectation=_expectation(knowledge, claim, target, marks.tool),
                            unmet=tuple(unmet),
                            missing=missing,
                            takes_target=_takes_target(marks),
                            flavour=_flavour(needs, marks, target),
                            seconds=before.of(claim, name, gpu, protocol),
                        )
                    )
    unchecked = tuple(each for each in claims if each not in knowledge.checks)
    return PlannedRun(release, targets, tuple(cells), unchecked, images, choice)


def _missing_besides(
    marks: CheckMarks, target: Target, options: frozenset[str], *, known: bool
) -> Iterator[Unmet]:
    for fixture, unmet in _OPTIONS.items():
        if fixture in marks.fixtures and fixture not in options:
            yield unmet
    looks_into = not marks.fixtures.isdisjoint(_OF_IMAGES)
    if looks_into and not known and target.kind not in {"ngc", "image", "install", VLLM_BACKEND}:
        yield Unmet(f"the check looks into an image, and {target} is none", "--target ngc:YY.MM")


def _flavour(needs: Needs, marks: CheckMarks, target: Target) -> str | None:
    if not target.in_container or not _takes_target(marks):
        return None
    flavours = dict(target.images)
    if "vllm_backend" in marks.fixtures and _BACKEND_IMAGE in flavours:
        return _BACKEND_IMAGE
    wanted = needs.image or USUAL
    return wanted if wanted in flavours else next(iter(flavours))


def _takes_target(marks: CheckMarks) -> bool:
    """Whether a server of the target is started, or the target looked into."""
    return not marks.fixtures.isdisjoint({"server", *_OF_IMAGES})


def _expectation(knowledge: Knowledge, claim: str, target: Target, tool: str | None) -> str | None:
    release = target.release
    if tool is not None and target.is_tool:
        release = target.tools[tool][1]
    if release is None:
        return None
    return expect(knowledge.catalogue[claim], release.server).value


class _Durations:
    """How long cells took in a run before: the cell itself, or else its claim's slowest one."""

    def __init__(self, ledger: Ledger | None) -> None:
        self._cells: dict[tuple[str, str, str, str], float] = {}
        self._claims: dict[str, float] = {}
        for cell in ledger.cells if ledger else ():
            if cell.verdict.is_decided:
                self._cells[cell.key] = cell.seconds
                self._claims[cell.claim] = max(cell.seconds, self._claims.get(cell.claim, 0.0))

    def of(self, claim: str, target: str, gpu: str, protocol: str | None) -> float | None:
        return self._cells.get((claim, target, gpu, protocol or ""), self._claims.get(claim))


def plan_lines(run: PlannedRun) -> Iterator[str]:
    """The plan as a table, why cells are blocked, and what the run would take."""
    head = ("claim", "target", "gpu", "protocol", "notes imply", "plan", "GPUs", "seconds")
    yield from aligned([head, *map(_row, run.cells)])
    reasons: dict[str, list[str]] = {}
    for cell in run.cells:
        for each in (*cell.unmet, *cell.missing):
            named = reasons.setdefault(f"{each.reason}; to unblock: {each.unblock}", [])
            if cell.claim not in named:
                named.append(cell.claim)
    for reason, claims in reasons.items():
        yield ""
        yield f"blocked: {', '.join(claims)}"
        yield f"  {reason}"
    yield ""
    yield from _totals(run)


def _row(cell: PlannedCell) -> tuple[str, ...]:
    return (
        cell.claim,
        cell.target,
        cell.gpu,
        cell.protocol or "-",
        cell.expectation or "-",
        "blocked" if cell.is_blocked else "runs",
        str(cell.gpus or "-"),
        "-" if cell.is_blocked else _seconds(cell),
    )


def _seconds(cell: PlannedCell) -> str:
    return "unknown" if cell.seconds is None else f"{cell.seconds:.1f}"


def _totals(run: PlannedRun) -> Iterator[str]:
    running = run.running
    yield (
        f"{count(len(run.cells), 'cell')} of the notes of {run.release.container}: {len(running)} "
        f"would run, {len(run.cells) - len(running)} blocked; "
        f"{count(len(run.unchecked), 'claim')} without a check."
    )
    yield (
        "What only a server can tell, such as the backends and programs that it has, may block "
        "more of them."
    )
    gpus = ", ".join(map(str, run.choice.gpus)) or f"none ({run.choice.no_gpu})"
    most = max((cell.gpus for cell in running), default=0)
    yield f"GPUs: {gpus}; the cells that would run need {most or 'none'} at once."
    pulls = list(run.pulls())
    for pull in pulls:
        size = "unknown" if pull["gigabytes"] is None else f"{pull['gigabytes']:g}"
        yield f"{pull['reference']}: {count(pull['cells'], 'cell')}, GB: {size}"
    known = sum(pull["gigabytes"] or 0 for pull in pulls)
    unknown = sum(pull["gigabytes"] is None for pull in pulls)
    if pulls:
        more = f", and {unknown} of unknown size" if unknown else ""
        yield f"GB in all, where nothing is cached: {known:g}{more}"
    seconds = [cell.seconds for cell in running if cell.seconds is not None]
    without = len(running) - len(seconds)
    more = f", and {count(without, 'cell')} of unknown duration" if without else ""
    yield f"Seconds, one cell after the other: {sum(seconds):.0f}{more}."


def plan_object(run: PlannedRun) -> dict[str, Any]:
    """The plan as an object that JSON can hold."""
    return {
        "release": run.release.container,
        "targets": list(run.targets),
        "gpus": [
            {"uuid": gpu.uuid, "name": gpu.name, "architecture": gpu.architecture}
            for gpu in run.choice.gpus
        ],
        "cells": [
            {
                "claim": cell.claim,
                "target": cell.target,
                "gpu": cell.gpu,
                "protocol": cell.protocol,
                "expectation": cell.expectation,
                "plan": "blocked" if cell.is_blocked else "runs",
                "gpus": cell.gpus,
                "image": cell.flavour,
                "seconds": cell.seconds,
                "missing": [
                    {"reason": each.reason, "unblock": each.unblock}
                    for each in (*cell.unmet, *cell.missing)
                ],
            }
            for cell in run.cells
        ],
        "unchecked": list(run.unchecked),
        "pulls": list(run.pulls()),
        "gpus_at_once": max((cell.gpus for cell in run.running), default=0),
    }
