from __future__ import annotations

import os
import select
import socket
import tempfile
from pathlib import Path

import pytest

from triton_claims.errors import Blocked
from triton_claims.servers.docker_host import connect, docker_host
from triton_claims.servers.scratch import processes_of
from triton_claims.servers.ssh_command import ssh_command
from triton_claims.servers.ssh_engine import SshEngine, engine_by_ssh

URL = "ssh://me@elsewhere:2222"


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    """Puts a program in the place of ssh."""

    def place(script):
        program = tmp_path / "ssh"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return place


@pytest.fixture
def engine():
    """The way to an engine; what it is asked is in the hands of the ssh that is there."""
    engine = SshEngine(URL)
    yield engine
    engine.close()


def connected(engine):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(20)
    connection.connect(engine.url.removeprefix("unix://"))
    return connection


def ended(process):
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 20)[0])
    finally:
        os.close(handle)


def test_what_the_user_has_configured_counts_and_nobody_is_asked_anything():
    command = ssh_command("ssh://me@elsewhere:2222", ["-T"], ["docker", "version"])
    assert command[0] == "ssh"
    assert "BatchMode=yes" in command
    assert command[-7:] == ["-T", "-p", "2222", "--", "me@elsewhere", "docker", "version"]
    assert ssh_command("ssh://elsewhere", [])[-2:] == ["--", "elsewhere"]


def test_each_connection_is_an_ssh_of_its_own_and_ends_with_it(ssh, engine):
    ssh("exec cat")
    with connected(engine) as one, connected(engine) as other:
        one.sendall(b"one")
        other.sendall(b"other")
        assert (one.recv(10), other.recv(10)) == (b"one", b"other")
        both = processes_of(engine._scratch.run)
        assert [each.name() for each in both] == ["cat", "cat"]
    assert all(ended(each) for each in both)


def test_an_ssh_that_ends_ends_its_connection_and_its_words_are_kept(ssh, engine):
    ssh("read line; echo warning >&2; echo 'no way, password=hunter22' >&2; exit 255")
    with connected(engine) as connection:
        connection.sendall(b"GET\n")
        assert connection.recv(10) == b""
    assert engine.last_words == "no way, password=[secret]"


def test_nothing_is_left_of_it_when_it_is_closed(ssh, tmp_path, monkeypatch):
    ssh("exec cat")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("long" * 30)))
    Path(tempfile.gettempdir()).mkdir()
    engine = SshEngine(URL)
    folder = Path(engine.url.removeprefix("unix://")).parent.resolve()
    with connected(engine) as connection:
        connection.sendall(b"one")
        assert connection.recv(10) == b"one"
        (ssh_process,) = processes_of(engine._scratch.run)
        assert folder.parent.stat().st_mode & 0o077 == 0  # nobody else gets to the engine
        engine.close()
        assert connection.recv(10) == b""
    assert not ssh_process.is_running()
    assert not folder.exists()


def test_a_machine_without_ssh_is_told_so(engine, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with connected(engine) as connection:
        assert connection.recv(10) == b""
    assert engine.last_words == "No such file or directory: ssh"


def test_why_an_engine_does_not_answer_is_what_ssh_says(ssh):
    ssh("echo 'ssh: Could not resolve hostname nowhere.invalid' >&2; exit 255")
    url = "ssh://me@nowhere.invalid"
    try:
        with pytest.raises(Blocked) as told:
            connect(docker_host(url))
    finally:
        engine_by_ssh(url).close()
        engine_by_ssh.cache_clear()
    assert told.value.reason == (
        "no Docker engine answers at ssh://me@nowhere.invalid: "
        "ssh: Could not resolve hostname nowhere.invalid"
    )
    assert told.value.unblock == (
        "see that DOCKER_HOST=ssh://me@nowhere.invalid docker version answers without a question"
    )
