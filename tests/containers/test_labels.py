"""What killed runs left on a Docker host is found by its labels; nothing of anybody else is."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import psutil
import pytest

from triton_claims.servers import container_traces
from triton_claims.servers.container_traces import (
    RUN_LABEL,
    labels_of,
    remove_containers,
    remove_noted_containers,
    sweep_host,
)
from triton_claims.servers.docker_host import docker_host

pytestmark = pytest.mark.xdist_group("containers")

OWNER = container_traces._OWNER_LABEL


@pytest.fixture
def host(docker_engine):
    return docker_host(docker_engine)


@pytest.fixture
def dead_process():
    """A process that has lived: its id and when it was created."""
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    ) as process:
        created = psutil.Process(process.pid).create_time()
    return process.pid, created


@pytest.fixture
def leave(docker_client, server_image):
    """Leaves a running container with an owner of whom some things are said."""
    left = []

    def make(run="left", **owner):
        labels = labels_of(run)
        labels[OWNER] = json.dumps({**json.loads(labels[OWNER]), **owner})
        left.append(
            docker_client.containers.run(
                server_image, ["sleep", "3600"], labels=labels, detach=True, init=True
            )
        )
        return left[-1].id

    yield make
    ids = {each.id for each in docker_client.containers.list(all=True, ignore_removed=True)}
    for container in left:
        if container.id in ids:
            container.remove(force=True)


def there(client):
    return {each.id for each in client.containers.list(all=True, ignore_removed=True)}


def test_what_a_dead_owner_left_is_removed_and_all_else_is_not(
    host, leave, dead_process, docker_client, server_image
):
    pid, created = dead_process
    dead = {"pid": pid, "created": created}
    abandoned = {
        leave("dead", **dead),
        leave("dead", **dead),
        leave("another process has its id", pid=os.getpid(), created=created - 100),
        leave("before the boot", boot="another boot"),
    }
    kept = {
        leave("alive"),
        leave("another machine", **dead, machine="other", boot="other"),
        leave("another namespace", **dead, processes="pid:[1]"),
        leave("nobody knows", pid="x"),
    }
    stranger = docker_client.containers.run(server_image, ["sleep", "3600"], detach=True)
    try:
        swept = sweep_host(host)
        left = there(docker_client)
        assert not abandoned & left
        assert kept | {stranger.id} <= left
    finally:
        stranger.remove(force=True)
    # Whoever else starts a run at this moment sweeps, too, and may have been the first.
    assert swept.count("dead") <= 1
    assert not {"alive", "another machine", "another namespace", "nobody knows"} & set(swept)


def test_a_clone_of_this_machine_is_another_one(monkeypatch):
    here = json.loads(labels_of("any")[OWNER])["machine"]
    monkeypatch.setattr(container_traces.platform, "node", lambda: "its-clone")
    assert json.loads(labels_of("any")[OWNER])["machine"] != here


def test_all_that_one_run_has_is_removed(host, leave, docker_client):
    one, other = leave("one"), leave("other")
    remove_containers(host, "one")
    left = there(docker_client)
    assert one not in left
    assert other in left


def test_a_host_that_is_gone_keeps_nobody_from_the_others(host, leave, docker_client, tmp_path):
    left = leave("noted")
    for each in (docker_host("unix:///nowhere/docker.sock"), host, host):
        container_traces.note_host(tmp_path, each)
    assert json.loads((tmp_path / "docker-hosts.json").read_text()) == [
        "unix:///nowhere/docker.sock",
        host.url,
    ]
    remove_noted_containers("noted", tmp_path)
    assert left not in there(docker_client)


def test_labels_name_the_run():
    assert labels_of("the run")[RUN_LABEL] == "the run"
