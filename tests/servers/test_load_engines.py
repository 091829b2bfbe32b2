from __future__ import annotations

from pathlib import Path

import pytest

from triton_claims.errors import Blocked
from triton_claims.notes.knowledge import load_knowledge
from triton_claims.servers import load_engines
from triton_claims.servers.load_engines import load_engine
from triton_claims.servers.loads import ENGINES, LOADS
from triton_claims.servers.perf_analyzer_program import PerfAnalyzerProgram

RELEASES = load_knowledge(Path(__file__).resolve().parents[2]).releases


@pytest.fixture
def present(monkeypatch):
    asked = []

    def program(wheel, _progress, *, way_out):
        assert way_out == "--load-engine client"
        asked.append(wheel)
        return PerfAnalyzerProgram(("/nowhere/perf_analyzer",), "9.9.9")

    monkeypatch.setattr(load_engines, "perf_analyzer_program", program)
    return asked


@pytest.fixture
def absent(monkeypatch):
    def program(_wheel, _progress, **_way_out):
        raise Blocked("Perf Analyzer does not run here: no glibc", unblock="a newer system")

    monkeypatch.setattr(load_engines, "perf_analyzer_program", program)


@pytest.mark.usefixtures("present")
@pytest.mark.parametrize("choice", ENGINES)
def test_a_choice_is_an_engine_of_that_name(choice):
    assert load_engine(choice, RELEASES, print).name == choice


def test_no_other_choice_is_taken():
    with pytest.raises(ValueError, match="found 'hammer', expected one of auto, perf_analyzer"):
        load_engine("hammer", RELEASES, print)


def test_the_client_needs_nothing_fetched(present):
    load_engine("client", RELEASES, print)
    assert not present


def test_it_is_the_newest_client_that_brings_it_along(present):
    load_engine("auto", RELEASES, print)
    assert present == [RELEASES.newest_client()]


@pytest.mark.usefixtures("present")
def test_automatically_it_is_chosen_by_the_load():
    engine = load_engine("auto", RELEASES, print)
    chosen = {name: engine.name_for(load).split()[0] for name, load in LOADS.items()}
    by_client = {name for name, engine in chosen.items() if engine == "client"}
    assert by_client == {"large-input", "shared-memory"}
    assert set(chosen.values()) == {"client", "perf_analyzer"}


@pytest.mark.usefixtures("absent")
def test_where_it_does_not_run_the_client_does_all_and_it_is_said():
    lines = []
    engine = load_engine("auto", RELEASES, lines.append)
    assert {engine.name_for(load).split()[0] for load in LOADS.values()} == {"client"}
    assert lines == ["loads are put on by the client: Perf Analyzer does not run here: no glibc"]


@pytest.mark.usefixtures("absent")
def test_where_it_does_not_run_and_was_named_it_is_blocked():
    with pytest.raises(Blocked, match="no glibc"):
        load_engine("perf_analyzer", RELEASES, print)
