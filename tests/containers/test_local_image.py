from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import docker
import pytest
import requests

from containers.engines import log_of
from triton_claims.errors import Blocked
from triton_claims.notes.knowledge import load_knowledge
from triton_claims.servers import local_image
from triton_claims.servers.cache import cache_root
from triton_claims.servers.docker_host import docker_host
from triton_claims.servers.local_image import LABEL, build_local_image

ROOT = Path(__file__).resolve().parents[2]
MODEL = b"""
import numpy
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    @staticmethod
    def auto_complete_config(config):
        config.set_max_batch_size(0)
        config.add_input({"name": "IN", "data_type": "TYPE_INT32", "dims": [-1]})
        config.add_output({"name": "OUT", "data_type": "TYPE_INT32", "dims": [-1]})
        return config

    def execute(self, requests):
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor("OUT", numpy.flip(
                pb_utils.get_input_tensor_by_name(request, "IN").as_numpy()))])
            for request in requests
        ]
"""


def archive(files):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    return content.getvalue()


@contextmanager
def served(client, image, **environment):
    container = client.containers.create(
        image,
        ["tritonserver", "--model-repository=/models"],
        environment=environment,
        ports={"8000/tcp": ("127.0.0.1", None)},
    )
    try:
        container.put_archive("/", archive({"models/flip/1/model.py": MODEL}))
        container.start()
        with log_of(container) as lines:  # they end with the server
            assert any(b"Started Metrics Service" in line for line in lines)
        container.reload()
        port = container.ports["8000/tcp"][0]["HostPort"]
        yield container, f"http://127.0.0.1:{port}/v2"
    finally:
        container.remove(force=True, v=True)


def test_the_image_runs_the_server_and_python_models_with_a_preloaded_allocator(
    docker_client, server_image, image_release
):
    with served(docker_client, server_image, LD_PRELOAD="libjemalloc.so.2") as (container, url):
        assert requests.get(url, timeout=10).json()["version"] == str(image_release.server)
        tensor = {"name": "IN", "datatype": "INT32", "shape": [3], "data": [1, 2, 3]}
        answer = requests.post(f"{url}/models/flip/infer", json={"inputs": [tensor]}, timeout=10)
        assert answer.json()["outputs"][0]["data"] == [3, 2, 1]
        assert b"libjemalloc.so.2" in container.exec_run("cat /proc/1/maps").output


def test_the_image_says_its_version_where_ngc_does(docker_client, server_image, image_release):
    said = docker_client.containers.run(
        server_image, ["sh", "-c", "pwd; cat TRITON_VERSION"], remove=True
    )
    assert said.decode().split() == ["/opt/tritonserver", str(image_release.server)]


def test_an_image_that_is_up_to_date_is_left_alone(
    docker_engine, docker_client, server_image, image_release
):
    before = docker_client.images.get(server_image).id
    lines = []
    build_local_image(docker_host(docker_engine), image_release, lines.append)
    assert lines == [f"{server_image} is there and up to date"]
    assert docker_client.images.get(server_image).id == before


@pytest.mark.usefixtures("server_image")
def test_an_image_that_was_made_otherwise_is_made_anew(docker_engine, docker_client, image_release):
    release = replace(image_release, container="test-made-anew")
    reference = local_image.local_reference(release)
    docker_client.api.import_image_from_data(
        archive({"old": b""}), repository="tritonserver-local", tag="test-made-anew-py3"
    )
    old = docker_client.images.get(reference).id
    try:
        build_local_image(docker_host(docker_engine), release, print)
        assert docker_client.images.get(reference).labels[LABEL]
        with pytest.raises(docker.errors.ImageNotFound):
            docker_client.images.get(old)
    finally:
        docker_client.images.remove(reference)


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TRITON_CLAIMS_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_without_debootstrap_the_image_is_blocked(empty_cache, monkeypatch):
    monkeypatch.setenv("PATH", str(empty_cache))
    with pytest.raises(Blocked, match="apt-get install debootstrap"):
        local_image._base_system(print)


def stage_debootstrap(folder, script):
    (folder / "debootstrap").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "debootstrap").chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_without_root_the_image_is_blocked(empty_cache, monkeypatch):
    monkeypatch.setenv("PATH", stage_debootstrap(empty_cache, "exit 0"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Blocked, match="needs root"):
        local_image._base_system(print)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make an image")
def test_a_system_that_cannot_be_made_is_one_line_and_leaves_nothing(empty_cache, monkeypatch):
    script = "echo I: Retrieving; echo E: mirror gone; echo the end; exit 1"
    monkeypatch.setenv("PATH", stage_debootstrap(empty_cache, script))
    monkeypatch.setattr(local_image, "debian_mirror", lambda: None)
    with pytest.raises(Blocked, match="mirror gone") as blocked:
        local_image._base_system(print)
    assert "\n" not in str(blocked.value)
    assert not [
        path for path in cache_root().rglob("*") if path.is_dir() and "bookworm" in path.name
    ]


def make_image(*arguments, engine):
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / "make-image", *arguments],
        env={**os.environ, "DOCKER_HOST": engine},
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_image_without_an_engine_is_one_line(tmp_path):
    run = make_image(engine=f"unix://{tmp_path}/none")
    assert run.returncode == 1
    assert len(run.stderr.splitlines()) == 1
    assert "no Docker engine answers" in run.stderr


def test_make_image_of_a_release_without_a_wheel_is_one_line(tmp_path):
    release = load_knowledge(ROOT).releases.newest_with_notes()
    run = make_image(release.container, engine=f"unix://{tmp_path}/none")
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1
    assert "has no wheel" in run.stderr


def test_make_image_twice_does_nothing(docker_engine, server_image):
    run = make_image(engine=docker_engine)
    assert run.returncode == 0
    assert run.stderr == f"triton-claims: {server_image} is there and up to date\n"
