"""A server in a container does what a server that is a process does, and dies as openly."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import numpy as np
import psutil
import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers import container, container_start
from triton_claims.servers.allocators import JEMALLOC
from triton_claims.servers.docker_host import DockerHost, HostLostError
from triton_claims.servers.models import model
from triton_claims.servers.pool import ServerSpecification
from triton_claims.servers.running import ServerFailedToStartError
from triton_claims.servers.scratch import wait_until_ended

pytestmark = pytest.mark.xdist_group("containers")

PLAIN = ServerSpecification("image:local")
PYTHON = ServerSpecification("image:local", models=(model("process_id"),))
ENDS = 20.0  # seconds for a death to come through, on a busy machine


def told_process(pool, server):
    """The process id that a Python model of the server tells."""
    client = pool.client("http", lambda: server)
    answer = client.infer(
        "process_id", {"IN": np.array([1], np.int32)}, expected_outputs=["PROCESS"]
    )
    return int(answer.outputs["PROCESS"].item())


@pytest.fixture
def started(pool):
    """A server with a Python model, on its own."""
    server = pool.start(PYTHON)
    yield server
    pool.discard(server)


@pytest.mark.parametrize("models", ["mount", "copy"])
def test_models_get_in_both_ways(image_pool, models):
    pool = image_pool(models=models)
    server = pool.shared(PYTHON)
    assert server.version
    assert told_process(pool, server) > 0
    server.place("word", b"said")
    assert (server.folder / "word").read_bytes() == b"said"
    assert server.read_inside(f"{server.folder}/word") == b"said"
    if models == "copy":  # the file is really there, and not only seen through a mount
        (server.folder / "word").write_bytes(b"unsaid")
        assert server.read_inside(f"{server.folder}/word") == b"said"
    pool.close()


@pytest.mark.parametrize("models", ["mount", "copy"])
def test_it_may_run_as_another_user(image_pool, models):
    pool = image_pool("user=1000", models=models)
    server = pool.shared(PYTHON)
    assert told_process(pool, server) > 0
    assert psutil.Process(server.pid).uids().real == 1000
    pool.close()


def test_what_the_user_said_of_containers_reaches_them(image_pool):
    pool = image_pool("shm_size=3m", 'tmpfs={"/extra": "size=1m"}', "ulimits=nofile=2048:4096")
    server = pool.shared(PLAIN)
    _, sizes = server.run_inside(["df", "-k", "/dev/shm", "/extra"])  # noqa: S108 - in a container
    assert [line.split()[1] for line in sizes.splitlines()[1:]] == ["3072", "1024"]
    assert "nofile=2048:4096" in server.command_line
    limits = Path(f"/proc/{server.pid}/limits").read_text()
    (files,) = (line.split() for line in limits.splitlines() if line.startswith("Max open files"))
    assert files[3:5] == ["2048", "4096"]
    pool.close()


def test_a_limit_that_the_host_does_not_allow_is_told_with_advice(image_pool, docker_client):
    # More open files than the kernel lets anybody have.
    most = int(Path("/proc/sys/fs/nr_open").read_text())
    pool = image_pool(f"ulimits=nofile={2 * most}")
    with pytest.raises(ServerFailedToStartError, match="--docker-option ulimits") as caught:
        pool.start(PLAIN)
    assert "rlimit" in str(caught.value)
    pool.close()
    assert not of(docker_client, "image:local", str(most))


def of(client, *words):
    """Containers with all these words in their description."""
    every = client.containers.list(all=True, ignore_removed=True)
    return [each.name for each in every if all(word in str(each.attrs) for word in words)]


def test_a_prefix_for_images_of_the_hub_is_no_matter(pool, monkeypatch):
    monkeypatch.setattr(
        container_start.testcontainers_config, "hub_image_name_prefix", "mirror.example/"
    )
    server = pool.start(PLAIN)
    assert server.is_ready()
    pool.discard(server)


def test_an_allocator_is_mapped(pool):
    startable = pool.prepared(PLAIN)
    library = startable.allocator(JEMALLOC)
    specification = ServerSpecification("image:local", environment=(("LD_PRELOAD", library),))
    server = pool.start(specification)
    assert Path(library).name in Path(f"/proc/{server.pid}/maps").read_text()
    plain = pool.start(PLAIN)
    assert Path(library).name not in Path(f"/proc/{plain.pid}/maps").read_text()
    for each in (server, plain):
        pool.discard(each)


def test_commands_run_inside_and_files_are_read(started, image_release):
    assert started.run_inside(["sh", "-c", "echo said; exit 7"]) == (7, "said\n")
    version = started.read_inside("/opt/tritonserver/TRITON_VERSION").decode().strip()
    assert version == str(image_release.server) == started.version
    assert started.read_inside("/usr/bin/python3")[1:4] == b"ELF"  # behind two links
    assert started.read_inside("/nowhere") is None


def test_a_process_id_of_inside_is_found_here(pool, started):
    told = told_process(pool, started)
    (stub,) = started.stubs("process_id")
    assert started.process_of(told) == stub
    assert stub.pid != told
    with pytest.raises(psutil.NoSuchProcess):
        started.process_of(2**22 - 1)


def test_only_loopback_is_published(started, docker_client):
    container = docker_client.containers.get(started.id)
    published = [each for bindings in container.ports.values() for each in bindings or ()]
    assert len(published) == 2
    assert {each["HostIp"] for each in published} == {"127.0.0.1"}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT], ids=str)
def test_a_death_is_noticed_and_told(pool, how):
    server = pool.start(PLAIN)
    os.kill(server.pid, how)
    assert server.how_it_ended(ENDS) == f"was killed by {how.name} (exit status {-how})"
    assert not server.is_alive()
    assert pool.discard(server)


def test_a_lost_stub_is_harm(started):
    assert started.harm() is None
    (stub,) = started.stubs("process_id")
    stub.kill()
    wait_until_ended([stub], timeout=ENDS)
    assert started.harm() == "1 of its 1 Python stubs died"


def test_a_graceful_stop_exits_with_status_0(pool, docker_client):
    server = pool.start(PYTHON)
    status, log = pool.stop(server)
    assert status == 0
    assert "Waiting for in-flight requests to complete" in log
    assert not of(docker_client, server.name)
    assert not server.folder.exists()


def test_an_option_that_it_does_not_know_is_told_at_once(pool, docker_client):
    wrong = ServerSpecification("image:local", arguments=("--no-such-option=1",))
    with pytest.raises(ServerFailedToStartError) as caught:
        pool.start(wrong)
    words = str(caught.value)
    assert "exited with status 1 before it was ready" in words
    assert "unrecognized option '--no-such-option=1'" in words
    assert "docker run" in words
    assert not of(docker_client, wrong.key)


def test_last_words_that_come_late_are_told(pool, monkeypatch):
    follow = container.ServerContainer._follow_log

    def follow_late(server):
        server._ended.wait()
        follow(server)

    monkeypatch.setattr(container.ServerContainer, "_follow_log", follow_late)
    wrong = ServerSpecification("image:local", arguments=("--no-such-option=2",))
    with pytest.raises(ServerFailedToStartError, match="unrecognized option '--no-such-option=2'"):
        pool.start(wrong)


def use_up_memory(server, victim):
    """Something in the container grows, but it is another process that the kernel takes."""
    Path(f"/proc/{victim}/oom_score_adj").write_text("1000")
    server.run_inside(["python3", "-c", "held = [bytearray(2**20) for _ in range(2**10)]"])


def test_a_stub_that_was_killed_for_want_of_memory_is_told_at_the_end(image_pool):
    pool = image_pool("mem_limit=128m", "memswap_limit=128m")
    server = pool.start(PYTHON)
    (stub,) = server.stubs("process_id")
    use_up_memory(server, stub.pid)
    assert not stub.is_running() or stub.status() == psutil.STATUS_ZOMBIE
    server.terminate()
    words = "exited with status 0; a process in its container had been killed, out of memory"
    assert server.how_it_ended() == words
    pool.close()


def test_a_server_that_is_killed_for_want_of_memory_is_said_so(image_pool):
    pool = image_pool("mem_limit=64m", "memswap_limit=64m")
    server = pool.start(PLAIN)
    use_up_memory(server, server.pid)
    assert server.how_it_ended(ENDS) == "was killed by SIGKILL (exit status -9), out of memory"
    pool.close()


def test_a_paused_container_is_said_so_and_removed_all_the_same(pool, docker_client):
    server = pool.start(PLAIN)
    assert server.suspended() is None
    docker_client.containers.get(server.id).pause()
    assert server.suspended() == f"the container of the server {server.name} is paused"
    assert server.is_alive()
    pool.discard(server)
    assert server.suspended() is None
    assert not of(docker_client, server.name)


def test_a_container_that_somebody_removes_counts_as_killed(pool, docker_client):
    server = pool.start(PLAIN)
    docker_client.containers.get(server.id).remove(force=True)
    assert server.how_it_ended(ENDS) == "was killed by SIGKILL (exit status -9)"
    pool.discard(server)


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_is_taken_meanwhile_is_no_matter(pool, monkeypatch, taken_port):
    found = container_start.free_ports
    offers = [[taken_port, *found(2)]]
    monkeypatch.setattr(
        container_start, "free_ports", lambda count: offers.pop() if offers else found(count)
    )
    server = pool.start(ServerSpecification("image:local", loopback=True))
    assert not offers
    assert server.is_ready()
    assert not server.http.endswith(f":{taken_port}")
    pool.discard(server)


def test_a_port_that_the_engine_finds_taken_is_no_matter(pool, monkeypatch, taken_port):
    describe, ports = container_start._described, [taken_port]

    def with_a_taken_port(*arguments, **options):
        described = describe(*arguments, **options)
        if ports:
            described.ports["8000/tcp"] = ("127.0.0.1", ports.pop())
        return described

    monkeypatch.setattr(container_start, "_described", with_a_taken_port)
    server = pool.start(PLAIN)
    assert not ports
    assert server.is_ready()
    pool.discard(server)


def test_a_host_that_is_lost_is_not_a_death(pool, monkeypatch, docker_client):
    server = pool.start(PLAIN)
    monkeypatch.setattr(container, "answers", lambda _host, _timeout: False)
    server.kill()
    with pytest.raises(HostLostError, match="it does not answer"):
        server.how_it_ended()
    assert not server.is_alive()  # who shares it gets another one
    server.leave()
    assert of(docker_client, server.name)
    monkeypatch.undo()
    pool.discard(server)  # the host is back
    assert not of(docker_client, server.name)


def test_a_host_without_an_address_is_said_so():
    host = DockerHost("far", "tcp://nowhere.invalid:2375", "nowhere.invalid")
    with pytest.raises(BrokenError, match=r"far \(tcp://nowhere.invalid:2375\) has no address"):
        container_start._published_on(host)


def test_secrets_of_its_environment_are_not_told(pool):
    secret = "kept-between-us"  # noqa: S105 - a made-up one
    environment = (("SOME_PAT", secret), ("WITH_OPTION", "plain words"))
    server = pool.start(ServerSpecification("image:local", environment=environment))
    assert secret not in server.command_line
    assert "plain words" in server.command_line
    assert server.run_inside(["printenv", "SOME_PAT"]) == (0, "[secret]\n")
    with server.log_path.open("a") as log:
        log.write(f"who printed {secret}?\n")
    assert secret not in pool.discard(server)
