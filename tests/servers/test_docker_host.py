from __future__ import annotations

import socket

import pytest
import requests
from docker.errors import APIError, DockerException, InvalidArgument

from triton_claims.errors import Blocked, BrokenError, InputError
from triton_claims.servers.docker_host import (
    connect,
    default_host,
    docker_host,
    engine_in_words,
    parse_docker_host,
)

SECRET = "hunter2222"  # noqa: S105 - made up


@pytest.mark.parametrize(
    ("url", "address", "local"),
    [
        ("unix:///run/docker.sock", "127.0.0.1", True),
        ("tcp://gpu-7:2375", "gpu-7", False),
        ("tcp://10.0.0.7:2376", "10.0.0.7", False),
        ("ssh://me@gpu-7:2222", "127.0.0.1", False),
    ],
)
def test_a_host_and_where_its_ports_are_reached(url, address, local, monkeypatch):
    monkeypatch.delenv("TESTCONTAINERS_HOST_OVERRIDE", raising=False)
    host = parse_docker_host(url)
    assert (host.name, host.url, host.address, host.is_local) == (url, url, address, local)
    assert host.is_by_ssh or host.environment()["DOCKER_HOST"] == url


@pytest.mark.parametrize(
    "text",
    [
        *("", "docker", "/run/docker.sock", "unix://", "tcp://", "tcp://:2375", "ssh://"),
        *("http://host:2375", "tcp://host:port", "tcp://host:99999", "tcp://[::1", "tcp://h\n:1"),
        f"tcp://me:{SECRET}@host:2375",
        f"ssh://me:{SECRET}@host",
    ],
)
def test_what_is_no_host_is_one_line(text):
    with pytest.raises(InputError) as caught:
        parse_docker_host(text)
    told = str(caught.value)
    assert told.startswith("--docker-host: ")
    assert "is no Docker host: expected unix:///path/to.sock" in told
    assert len(told.splitlines()) == 1
    assert SECRET not in told


def test_the_usual_host_is_that_of_the_docker_command(tmp_path):
    assert default_host({"DOCKER_HOST": "tcp://gpu-7:2375"}).url == "tcp://gpu-7:2375"
    assert default_host({"XDG_RUNTIME_DIR": str(tmp_path)}).url.startswith("unix:///")


def test_a_host_in_words_has_its_name_and_no_secret():
    assert str(docker_host("unix:///a")) == "unix:///a"
    assert str(docker_host("unix:///a", name="far")) == "far (unix:///a)"
    assert SECRET not in str(docker_host(f"tcp://me:{SECRET}@host:1"))


def test_an_engine_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(Blocked) as caught:
        connect(docker_host(f"unix://{tmp_path}/none"))
    told = str(caught.value)
    assert f"no Docker engine answers at unix://{tmp_path}/none: No such file or directory" in told
    assert "install and start Docker" in told
    assert len(told.splitlines()) == 1


def test_a_socket_that_nobody_listens_on_is_one_line(tmp_path):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "left"))
    with pytest.raises(Blocked, match="Connection refused"):
        connect(docker_host(f"unix://{tmp_path}/left"))


HOST = docker_host("unix:///engine", name="far")


@pytest.mark.parametrize(
    ("raised", "kind", "words"),
    [
        (APIError("no\n  such thing"), BrokenError, "far (unix:///engine) refuses: no such thing"),
        (InvalidArgument("no such key"), BrokenError, "library refuses what far"),
        (DockerException("no version"), Blocked, "no Docker engine answers at far"),
        (requests.ConnectionError("gone"), Blocked, "no Docker engine answers at far"),
        (OSError(111, "Connection refused"), Blocked, "(unix:///engine): Connection refused"),
        (InputError("wrong"), InputError, "wrong"),
        (ZeroDivisionError("ours"), ZeroDivisionError, "ours"),
    ],
)
def test_what_dockers_library_raises_in_our_words(raised, kind, words):
    with pytest.raises(kind) as caught, engine_in_words(HOST):
        raise raised
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_refusal_may_be_left_to_the_caller():
    with pytest.raises(APIError), engine_in_words(HOST, refusals=False):
        raise APIError("no")


def test_the_cause_is_told_without_the_frames_around_it():
    outer = requests.ConnectionError("('Connection aborted.', FileNotFoundError(2, 'none'))")
    outer.__cause__ = FileNotFoundError(2, "No such file or directory")
    with (
        pytest.raises(Blocked, match=r": No such file or directory; to unblock"),
        engine_in_words(HOST),
    ):
        raise outer
