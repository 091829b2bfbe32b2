"""Our own client on a real server."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from servers.load_targets import CASES, ENDLESS, SHORT, SPECIFICATION, inferences, with_answers

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers import load_connections
from triton_claims.servers.load_client import ClientEngine
from triton_claims.servers.loads import LOADS
from triton_claims.servers.running import RunningServer, ServerDiedError

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux keeps it
ENGINE = ClientEngine()


@pytest.fixture
def server(embedded_pool):
    return embedded_pool.shared(SPECIFICATION)


def regions(server):
    return [path.name for path in SHARED_MEMORY.glob(f"*{server.name}_load_*")]


@pytest.mark.parametrize(("name", "protocol"), CASES)
def test_each_load_is_measured_request_by_request(server, name, protocol):
    load = SHORT[name]
    before = inferences(server, load.request.model)
    found = ENGINE.run(server, protocol, load)
    assert len(found) == load.load.requests
    assert found.throughput > 0
    assert 0 < found.percentile(0.5) <= found.percentile(0.99)
    # what a server answers beyond: the warm-up, what is looked at, the ends of sequences
    beyond = load.load.concurrency * (load.load.warm_up + 2 * load.request.sequence_length)
    assert 45 < inferences(server, load.request.model) - before <= 45 + beyond
    assert not regions(server)


def test_sequences_are_ended_when_the_load_is_over(server):
    load = SHORT["sequences"]
    before = inferences(server, load.request.model)
    for protocol in load.protocols:
        ENGINE.run(server, protocol, load)
    assert (inferences(server, load.request.model) - before) % load.request.sequence_length == 0


@pytest.mark.parametrize(("name", "protocol"), CASES)
def test_a_wrong_answer_is_no_quick_one(server, name, protocol):
    load = SHORT[name]
    wrong = [{key: array + 1 for key, array in each.items()} for each in load.request.answers]
    with pytest.raises(BrokenError, match="wrong answers are not measured"):
        ENGINE.run(server, protocol, with_answers(load, *wrong))
    assert not regions(server)


def test_an_answer_too_few_is_noticed(server):
    load = SHORT["streaming"]
    with pytest.raises(BrokenError, match=r"found 4 answers .* expected 3"):
        ENGINE.run(server, "grpc", with_answers(load, *load.request.answers[:3]))


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_an_output_that_is_not_there_is_noticed(server, protocol):
    answer = {"OTHER": np.zeros(4, dtype=np.float32)}
    with pytest.raises(BrokenError, match=r"refused .*OTHER"):
        ENGINE.run(server, protocol, with_answers(SHORT["single"], answer))


@pytest.mark.parametrize(("name", "protocol"), CASES)
def test_a_refusal_is_told_in_the_servers_words(server, name, protocol):
    load = SHORT[name]
    unknown = replace(load, request=replace(load.request, model="no_such_model"))
    with pytest.raises(BrokenError, match=r"the server refused .*unknown model"):
        ENGINE.run(server, protocol, unknown)
    assert not regions(server)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_a_server_that_dies_under_load_is_told_with_its_log(embedded_pool, protocol):
    server = embedded_pool.start(SPECIFICATION)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(ENGINE.run, server, protocol, ENDLESS)
        while inferences(server, ENDLESS.request.model) < 5:
            assert not running.done()
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(ServerDiedError, match=r"killed by SIGKILL.*while it answered") as told:
            running.result()
    assert "Started HTTPService" in str(told.value)


@pytest.mark.parametrize(("name", "protocol"), CASES)
def test_a_server_that_is_gone_is_told(embedded_pool, name, protocol):
    server = embedded_pool.start(SPECIFICATION)
    os.kill(server.pid, signal.SIGKILL)
    with pytest.raises((ServerDiedError, BrokenError), match=r"killed by SIGKILL|takes no shared"):
        ENGINE.run(server, protocol, SHORT[name])
    assert not regions(server)


@pytest.mark.parametrize(
    ("name", "protocol"), [case for case in CASES if case[0] in {"single", "streaming"}]
)
def test_silence_is_no_answer(embedded_pool, monkeypatch, name, protocol):
    server = embedded_pool.start(SPECIFICATION)
    monkeypatch.setattr(load_connections, "ANSWER_TIMEOUT", 0.2)
    os.kill(server.pid, signal.SIGSTOP)
    with pytest.raises(BrokenError, match=r"no answer to .* within 0.2 s"):
        ENGINE.run(server, protocol, SHORT[name])
    embedded_pool.discard(server)


def test_a_server_elsewhere_has_no_shared_memory_of_ours(server, monkeypatch):
    monkeypatch.setattr(RunningServer, "shares_files", False)
    with pytest.raises(Blocked, match="on another machine"):
        ENGINE.run(server, "grpc", SHORT["shared-memory"])


def test_a_load_is_for_its_protocols_alone(server):
    with pytest.raises(ValueError, match="found http"):
        ENGINE.run(server, "http", LOADS["streaming"])


def test_its_name_tells_what_it_sends_with():
    assert ENGINE.name_for(LOADS["single"]).startswith("client (grpcio 1.")
