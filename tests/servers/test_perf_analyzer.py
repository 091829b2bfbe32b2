"""Perf Analyzer on a real server; skipped where it cannot be had."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from servers.load_targets import (
    CASES,
    ENDLESS,
    SHORT,
    SPECIFICATION,
    inferences,
    with_answers,
)

from triton_claims.errors import Blocked, BrokenError
from triton_claims.measure.load import Load
from triton_claims.notes.knowledge import load_knowledge
from triton_claims.servers import perf_analyzer
from triton_claims.servers.perf_analyzer import PerfAnalyzer, why_not
from triton_claims.servers.perf_analyzer_program import PerfAnalyzerProgram, perf_analyzer_program
from triton_claims.servers.running import ServerDiedError
from triton_claims.servers.scratch import processes_of

ROOT = Path(__file__).resolve().parents[2]
UNFIT = {"large-input", "shared-memory"}
FIT = [case for case in CASES if case[0] not in UNFIT]


@pytest.fixture(scope="module")
def program():
    try:
        return perf_analyzer_program(load_knowledge(ROOT).releases.newest_client(), print)
    except Blocked as missing:
        pytest.skip(str(missing))


@pytest.fixture
def engine(program):
    return PerfAnalyzer(program)


@pytest.fixture
def server(embedded_pool):
    return embedded_pool.shared(SPECIFICATION)


def leftovers(server):
    left = [path for path in server.folder.glob("load-*") if path.is_dir()]
    family = {server.pid, *(child.pid for child in psutil.Process(server.pid).children())}
    programs = [each for each in processes_of(server.run) if each.pid not in family]
    return left, [each for each in programs if "-profile-export" in " ".join(each.cmdline())]


@pytest.mark.parametrize(("name", "protocol"), FIT)
def test_each_load_is_measured_request_by_request(engine, server, name, protocol):
    load = SHORT[name]
    before = inferences(server, load.request.model)
    found = engine.run(server, protocol, load)
    assert len(found) == load.load.requests
    assert found.throughput > 0
    assert 0 < found.percentile(0.5) <= found.percentile(0.99)
    assert inferences(server, load.request.model) - before >= len(found)
    assert leftovers(server) == ([], [])


@pytest.mark.parametrize("name", sorted(UNFIT))
def test_a_load_that_is_not_for_it_is_blocked_with_the_reason(engine, server, name):
    assert why_not(SHORT[name])
    with pytest.raises(Blocked, match=f"not for the load {name}: it .*--load-engine auto"):
        engine.run(server, "grpc", SHORT[name])


def test_an_open_loop_of_sequences_is_not_for_it():
    load = SHORT["sequences"]
    assert why_not(load) is None
    assert why_not(replace(load, load=replace(load.load, rate=10.0)))


@pytest.mark.parametrize(("name", "protocol"), FIT)
def test_a_wrong_answer_is_no_quick_one(engine, server, monkeypatch, name, protocol):
    load = SHORT[name]
    wrong = [{key: array + 1 for key, array in each.items()} for each in load.request.answers]
    if name == "sequences":  # one more each time: it would be right one place further on
        wrong.reverse()
    load = with_answers(load, *wrong)
    with pytest.raises(BrokenError, match="wrong answers are not measured"):
        engine.run(server, protocol, load)
    # and in what Perf Analyzer writes down, were the answers right before
    monkeypatch.setattr(perf_analyzer, "check_answers", lambda *_args: None)
    with pytest.raises(BrokenError, match=r"by Perf Analyzer.*wrong answers are not measured"):
        engine.run(server, protocol, load)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_refusal_is_an_error_with_its_words(engine, server, monkeypatch, protocol):
    load = SHORT["single"]
    load = replace(load, request=replace(load.request, model="no_such_model"))
    with pytest.raises(BrokenError, match="unknown model"):
        engine.run(server, protocol, load)
    monkeypatch.setattr(perf_analyzer, "check_answers", lambda *_args: None)
    monkeypatch.setattr(perf_analyzer, "_answered", lambda *_args: 0)
    with pytest.raises(BrokenError, match=r"ended with status 99; it said:[^$]*unknown model"):
        engine.run(server, protocol, load)
    assert leftovers(server) == ([], [])


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_server_that_dies_under_load_ends_it(engine, embedded_pool, protocol):
    server = embedded_pool.start(SPECIFICATION)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(engine.run, server, protocol, ENDLESS)
        while inferences(server, ENDLESS.request.model) < 5:
            assert not running.done()
        # by the run's id it is found, and ended, where the run itself is killed
        assert leftovers(server)[1]
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(ServerDiedError, match="killed by SIGKILL"):
            running.result()
    assert not list(server.folder.glob("load-*"))


def test_it_is_ended_when_its_time_is_up(program, embedded_pool, monkeypatch):
    server = embedded_pool.start(SPECIFICATION)
    told = []
    engine = PerfAnalyzer(program, told.append)
    monkeypatch.setattr(perf_analyzer, "_PATIENCE", 0.0)
    monkeypatch.setattr(perf_analyzer, "check_answers", lambda *_args: None)
    with pytest.raises(BrokenError, match=r"did not end within 0 s"):
        engine.run(server, "grpc", ENDLESS)
    assert not told  # the server may have been at fault
    assert leftovers(server) == ([], [])


def test_where_it_hangs_although_all_is_answered_it_is_tried_once_more(
    program, server, tmp_path, monkeypatch
):
    told = []
    marks = tmp_path / "hung"
    script = tmp_path / "program"
    script.write_text(
        f'#!/bin/sh\n{" ".join(program.command)} "$@" || exit\n'
        f"[ -e {marks} ] || {{ touch {marks}; exec sleep 1000; }}\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(perf_analyzer, "_PATIENCE", 5.0)
    engine = PerfAnalyzer(PerfAnalyzerProgram((str(script),), program.version), told.append)
    assert len(engine.run(server, "http", SHORT["single"])) == 45
    assert len(told) == 1
    assert "the server had answered it all, so it is tried once more" in told[0]
    assert leftovers(server) == ([], [])


def test_its_name_tells_its_version(engine, program):
    assert engine.name_for(SHORT["single"]) == f"perf_analyzer {program.version}"


def exported(tmp_path, *requests):
    path = tmp_path / "export.json"
    path.write_text(json.dumps({"experiments": [{"requests": list(requests)}]}))
    return path


def request(sent, *ended, out=(0.0, 1.0, 2.0, 3.0)):
    return {
        "timestamp": sent,
        "response_timestamps": list(ended),
        "response_outputs": [{"OUT": list(out)}],
    }


def short(**load):
    return replace(SHORT["single"], load=Load(**load))


def test_an_export_is_read_in_the_order_of_sending(tmp_path):
    path = exported(tmp_path, request(2_000, 2_500), request(1_000, 1_100))
    found = perf_analyzer._read(path, short(requests=2), "it")
    assert found.seconds.tolist() == [100e-9, 500e-9]
    assert found.throughput == pytest.approx(2 / 1.5e-6)


def test_what_it_sent_late_counts_from_the_time_it_was_meant_for(tmp_path):
    load = short(requests=4, rate=1000.0, distribution="constant", concurrency=2)
    began = 7_000_000
    late = 3_000_000
    sent = [began, began + 1_000_000 + late, began + 2_000_000 + late, began + 3_000_000]
    path = exported(tmp_path, *(request(at, at + 10) for at in sent))
    found = perf_analyzer._read(path, load, "it")
    # sent after 0, 3, 4 and 5 ms, meant after 0, 1, 2 and 3 ms
    assert (found.lateness * 1e6).round().tolist() == [0, 2000, 2000, 2000]
    assert found.seconds == pytest.approx(found.lateness + 10e-9)


@pytest.mark.parametrize(
    ("requests", "reason"),
    [
        ([], "found 0 requests of it, expected 1"),
        ([request(1, 2), request(2, 3)], "found 2 requests of it, expected 1"),
        ([request(5)], "answered before it was sent"),
        ([request(5, 6, out=(9.0,))], "wrong answers are not measured"),
        ([{"timestamp": 5}], "no export that can be read"),
    ],
)
def test_no_data_is_no_measurement(tmp_path, requests, reason):
    with pytest.raises(BrokenError, match=reason):
        perf_analyzer._read(exported(tmp_path, *requests), short(requests=1), "it")


def test_without_an_export_there_is_no_measurement(tmp_path):
    with pytest.raises(BrokenError, match="no export that can be read"):
        perf_analyzer._read(tmp_path / "none", short(requests=1), "it")


def test_it_is_given_the_times_that_the_client_keeps_to():
    load = Load(requests=50, rate=200.0, seed=3)
    intervals = perf_analyzer._intervals(load)
    assert len(intervals) == 50
    times = np.cumsum(intervals) - intervals[0]
    assert np.abs(times - load.offsets() / 1000).max() < 1.001


def test_it_sees_nothing_of_our_environment(embedded_pool, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefghijklmnop")
    server = embedded_pool.shared(SPECIFICATION)
    script = tmp_path / "program"
    script.write_text("#!/bin/sh\nexport\nexit 1\n")
    script.chmod(0o755)
    engine = PerfAnalyzer(PerfAnalyzerProgram((str(script),), "0"))
    with pytest.raises(BrokenError, match="TRITON_CLAIMS_RUN") as told:
        engine.run(server, "grpc", SHORT["single"])
    assert "HF_TOKEN" not in str(told.value)
