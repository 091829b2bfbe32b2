"""Shows real checks what is staged, and asks for the verdict.

What needs hardware that is not here cannot be run; how it would be decided can. A check is called
as it stands in its suite, with stand-ins for its fixtures, and what it raises is judged as the
plugin judges it, on a server that the notes imply the claim of. There are five states that each
check must tell apart: the claim holds, it does not, there is nothing to see, the server dies, and
something does not answer in time.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.judging import seen_in
from triton_claims.notes.knowledge import load_knowledge
from triton_claims.verdicts.verdict import Expectation, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]

#: What each state has to come to, unless the claim itself is about a death or a silence.
STATES = {
    "holds": Verdict.CONFIRMED,
    "does-not-hold": Verdict.REFUTED,
    "no-data": Verdict.ERROR,
    "dies": Verdict.ERROR,
    "timeout": Verdict.ERROR,
}


def suite_module(path: Path) -> ModuleType:
    """A file of the suites, imported as it stands; once.

    Args:
        path: The file, from the project's root.
    """
    name = f"staged_{path.with_suffix('').as_posix().replace('/', '_')}"
    if name not in sys.modules:
        specification = importlib.util.spec_from_file_location(name, ROOT / path)
        module = sys.modules[name] = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
    return sys.modules[name]


def conftest_of(area: str) -> ModuleType:
    """What the checks of an area share."""
    return suite_module(Path("suites", area, "conftest.py"))


@cache
def check_of(claim: str) -> Callable[..., None]:
    """The function that decides a claim, imported from its suite."""
    location = load_knowledge(ROOT).checks[claim]
    found = suite_module(location.path)
    for part in location.function.split("::"):
        found = getattr(found, part)
    return found


def verdict_of(claim: str, /, **fixtures: Any) -> tuple[Verdict, str]:
    """The verdict that a claim's check comes to, and the words of what it raised.

    Args:
        claim: The claim's id.
        **fixtures: What stands in for the check's fixtures, by name; all of them, and no others.
    """
    check = check_of(claim)
    wanted = set(inspect.signature(check).parameters)
    assert wanted == set(fixtures), f"{claim} wants {sorted(wanted)}, and gets {sorted(fixtures)}"
    problem: BaseException | None = None
    try:
        check(**fixtures)
    except Exception as raised:  # noqa: BLE001 - whatever it is, it is judged
        problem = raised
    words = f"{type(problem).__name__}: {problem}" if problem is not None else ""
    return judge(Expectation.HOLDS, seen_in(problem)), words


def staged(cases: Mapping[str, Mapping[str, Any]]) -> pytest.MarkDecorator:
    """Parametrises a test by ``claim``, ``state`` and ``case``, over all that is staged."""
    return pytest.mark.parametrize(
        ("claim", "state", "case"),
        [
            pytest.param(claim, state, case, id=f"{claim}-{state}")
            for claim, states in cases.items()
            for state, case in states.items()
        ],
    )
