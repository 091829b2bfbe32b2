"""Every check that needs what is not here is shown all five states, by some test."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from staged.five_states import ROOT, STATES
from triton_claims.notes.knowledge import load_knowledge

#: What a claim may need that is nowhere to be had without hardware, images or machines of others.
ELSEWHERE = ("gpu", "image:", "os:", "platform:", "nvswitch", "driver:", "arch:")
MODULES = sorted(Path(__file__).parent.glob("test_*_states.py"))


@pytest.fixture(scope="module")
def shown():
    """The claims that are shown states, and the states, by claim; None where tests do it apart."""
    states = {}
    for path in MODULES:
        module = importlib.import_module(f"tests.suites.{path.stem}")
        states |= {claim: set(cases) for claim, cases in module.CASES.items()}
        states |= dict.fromkeys(getattr(module, "ALSO", ()))
    return states


def test_every_claim_that_needs_what_is_not_here_is_shown_its_states(shown):
    knowledge = load_knowledge(ROOT)
    release = knowledge.releases.newest_with_notes()
    missing = [
        claim
        for claim in release.claims
        if claim in knowledge.checks
        and any(each.startswith(ELSEWHERE) for each in knowledge.catalogue[claim].needs)
        and claim not in shown
    ]
    assert missing == []


def test_all_five_states_are_shown(shown):
    assert {
        claim: states for claim, states in shown.items() if states not in (None, set(STATES))
    } == {}
