"""Measures starts with and without auto-complete, once for all the checks that look at them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from triton_claims.errors import BrokenError
from triton_claims.measure.comparison import Comparison, Design, Outcome, compare
from triton_claims.measure.startup import load_seconds
from triton_claims.report.pictures import comparison_picture
from triton_claims.servers.models import model

#: Configured in full: with auto-complete there is nothing to be completed.
COMPLETE = model("slow_import", seconds="0.15")
DISABLED = "--disable-auto-complete-config"
#: Every server's default; given or not, it changes nothing.
CHANGES_NOTHING = "--log-info=true"
#: A difference below this share is nobody's business.
DESIGN = Design(tolerated=0.05)


@dataclass(frozen=True)
class Starts:
    """Paired starts of one target's server.

    Attributes:
        comparison: A without, B with auto-complete; seconds from start to ready.
        imports_without, imports_with: How often the model was imported, start by start.
        control: A without auto-complete, B the same with an option that changes nothing.
        loads: Seconds the model's load took by the log, without and with; of the last starts.
    """

    comparison: Comparison
    imports_without: tuple[int, ...]
    imports_with: tuple[int, ...]
    control: Comparison
    loads: tuple[float | None, float | None]


@pytest.fixture(scope="session")
def measured():
    """What was measured already, by target and GPU."""
    return {}


@pytest.fixture
def starts(server, measured, evidence) -> Starts:
    """Starts of a server with a complete model, with and without auto-complete.

    Raises:
        BrokenError: Servers started alike were found to differ: the measurement is worth nothing.
    """
    key = (server.specification.target, server.specification.gpu)
    if key not in measured:
        measured[key] = _measure(server, evidence)
    found = measured[key]
    evidence.show("with auto-complete against without", str(found.comparison))
    evidence.show("control: started alike", str(found.control))
    evidence.show(
        "imports of the model, start by start",
        f"without auto-complete: {_told(found.imports_without)}\n"
        f"with auto-complete: {_told(found.imports_with)}",
    )
    for name, seconds in (
        ("start without auto-complete", _median(found.comparison.a)),
        ("start with auto-complete", _median(found.comparison.b)),
        ("load without auto-complete, by the log", found.loads[0]),
        ("load with auto-complete, by the log", found.loads[1]),
    ):
        if seconds is not None:
            evidence.measure(name, seconds, "s")
    evidence.picture(
        "starts with and without auto-complete",
        comparison_picture(
            found.comparison,
            a="without auto-complete",
            b="with auto-complete",
            unit="seconds from start to ready",
            title=f"{key[0]}: one Python model, configured in full",
        ),
    )
    if found.control.outcome is Outcome.VIOLATED:
        raise BrokenError(f"the check's control failed: servers started alike: {found.control}")
    return found


def _measure(server, evidence) -> Starts:
    imports = {(): [], (DISABLED,): []}
    loads = {}

    def start(*arguments):
        with server.fresh([COMPLETE], arguments=arguments) as fresh:
            log = fresh.process.log()
            imports.setdefault(arguments, []).append(log.count("slow_import: imported"))
            loads[arguments] = load_seconds(log).get(COMPLETE.name)
            return fresh.process.start_seconds

    with evidence.step("start servers with and without auto-complete, in turns"):
        comparison = compare(lambda: start(DISABLED), start, DESIGN)
    with evidence.step("control: servers started alike do not differ"):
        control = compare(lambda: start(DISABLED), lambda: start(DISABLED, CHANGES_NOTHING), DESIGN)
    return Starts(
        comparison,
        tuple(imports[DISABLED,]),
        tuple(imports[()]),
        control,
        (loads[DISABLED,], loads[()]),
    )


def _median(figures):
    return sorted(figures)[len(figures) // 2]


def _told(numbers):
    return " ".join(map(str, numbers))
