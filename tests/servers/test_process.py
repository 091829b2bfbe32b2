"""Servers that misbehave while they start and stop."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from staged.staging import stage
from triton_claims.notes.knowledge import load_knowledge
from triton_claims.servers.installation import prepare
from triton_claims.servers.pool import ServerPool, ServerSpecification
from triton_claims.servers.running import ServerFailedToStartError, describe_exit
from triton_claims.servers.scratch import base_folder, processes_of
from triton_claims.servers.targets import parse_target

ROOT = Path(__file__).resolve().parents[2]
SPECIFICATION = ServerSpecification("any")


@pytest.fixture
def start(tmp_path):
    """Starts a staged server; nothing of it may be left at the end."""
    releases = load_knowledge(ROOT).releases
    pools = []

    def start(timeout=60.0, *, specification=SPECIFICATION, **knobs):
        target = parse_target(f"install:{stage(tmp_path / 'server', **knobs)}", releases)
        installation = prepare(target, print)
        pools.append(
            ServerPool(
                ROOT / "model_repository",
                lambda _specification: installation,
                start_timeout=timeout,
            )
        )
        return pools[-1].start(specification)

    yield start
    for pool in pools:
        scratch = pool._scratch
        pool.close()
        assert not processes_of(scratch.run)
        assert not (base_folder() / scratch.run).exists()


def test_ends_before_it_is_ready(start):
    with pytest.raises(ServerFailedToStartError, match="exited with status 3") as raised:
        start(dies_on="start", exit_code=3)
    assert "it was started by: env " in str(raised.value)


def test_is_killed_before_it_is_ready(start):
    with pytest.raises(ServerFailedToStartError, match="was killed by SIGSEGV"):
        start(dies_on="start", signal=int(signal.SIGSEGV))


def test_is_never_ready(start):
    with pytest.raises(ServerFailedToStartError, match="was not ready in time"):
        start(timeout=0.5, never_ready=True)


def test_takes_its_time(start):
    assert start(slow_start=0.3).start_seconds > 0.3


def test_port_was_taken_meanwhile(start):
    assert start(port_in_use_once=True).is_ready()


def test_stranger_on_the_port_is_not_taken_for_ours(start):
    with pytest.raises(ServerFailedToStartError, match="was not ready in time"):
        start(timeout=0.5, server_name="somebody else's")


def test_stops_in_order(start):
    assert start().stop() == 0


def test_is_killed_when_it_does_not_stop(start):
    assert start(ignores_sigterm=True).stop(timeout=0.3) == -signal.SIGKILL


def test_child_that_outlives_its_server_is_ended(start):
    server = start(leaves_child=True)
    assert server.stop() == 0  # what is left is looked for at the end


def test_option_given_replaces_ours(start):
    given = "--grpc-address=127.0.0.2"
    server = start(specification=ServerSpecification("any", arguments=(given,)))
    assert [each for each in server.launch.command if "grpc-address" in each] == [given]


def test_binary_that_is_no_triton(tmp_path):
    binary = tmp_path / "bin" / "tritonserver"
    binary.parent.mkdir()
    binary.write_text("#!/bin/sh\necho hello\n", encoding="utf-8")
    binary.chmod(0o755)
    installation = prepare(
        parse_target(f"install:{tmp_path}", load_knowledge(ROOT).releases), print
    )
    pool = ServerPool(ROOT / "model_repository", lambda _specification: installation)
    try:
        with pytest.raises(ServerFailedToStartError, match="lists no --model-repository"):
            pool.start(SPECIFICATION)
    finally:
        pool.close()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "exited with status 0"),
        (-6, "was killed by SIGABRT (exit status -6)"),
        (-77, "was killed by signal 77 (exit status -77)"),
    ],
)
def test_exit_in_words(status, words):
    assert describe_exit(status) == words
