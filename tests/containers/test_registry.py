"""Images out of a real registry: pulled once, known by their digest, and what goes wrong."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import docker
import pytest
import requests

from triton_claims.errors import Blocked, InputError
from triton_claims.servers.container_image import ensure_image
from triton_claims.servers.docker_host import docker_host
from triton_claims.servers.image_distribution import distribute
from triton_claims.servers.process import free_ports

#: So much does not compress, so that its pull is one.
SIZE = 20_000_000
NO_REGISTRY = "docker-registry is not installed"


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """Starts registries on loopback, which an engine talks to without TLS; gives the address."""
    if not shutil.which("docker-registry"):
        pytest.skip(NO_REGISTRY)
    processes = []

    def serve(auth=""):
        folder = tmp_path_factory.mktemp("registry")
        address = f"127.0.0.1:{free_ports(1)[0]}"
        (folder / "users").write_text("", encoding="utf-8")
        (folder / "config.yml").write_text(
            "version: 0.1\nlog: {level: error}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
            f"http: {{addr: '{address}'}}\n" + auth.format(folder=folder),
            encoding="utf-8",
        )
        with (folder / "log").open("wb") as log:
            command = ["docker-registry", "serve", str(folder / "config.yml")]
            processes.append(subprocess.Popen(command, stdout=log, stderr=log))
        while True:
            assert processes[-1].poll() is None, (folder / "log").read_text()
            try:
                requests.get(f"http://{address}/v2/", timeout=5)
            except requests.ConnectionError:
                time.sleep(0.02)
            else:
                return address

    yield serve
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def registry(serve):
    """A registry that anybody may use."""
    return serve()


@pytest.fixture(scope="module")
def published(docker_engine, server_image, registry, image_release):
    """The server image with a layer of its own, in the registry alone; its digest there."""
    repository, tag = f"{registry}/nvidia/tritonserver", f"{image_release.container}-py3"
    with closing(docker.DockerClient(docker_engine, timeout=120)) as client:
        container = client.containers.create(server_image, "true")
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tarfile.TarInfo("noise")
            entry.size = SIZE
            tar.addfile(entry, io.BytesIO(os.urandom(SIZE)))
        container.put_archive("/", archive.getvalue())
        container.commit(repository, tag)
        container.remove()
        client.images.push(repository, tag)
        (there,) = client.images.get(f"{repository}:{tag}").attrs["RepoDigests"]
        client.images.remove(f"{repository}:{tag}")
        yield f"{repository}:{tag}", there.rpartition("@")[2]
        for image in client.images.list(repository):
            client.images.remove(image.id, force=True)


@pytest.fixture
def host(docker_engine, published):
    """The engine, without the image that is published."""
    repository, _, _ = published[0].rpartition(":")
    with closing(docker.DockerClient(docker_engine)) as client:
        for image in client.images.list(repository):
            client.images.remove(image.id, force=True)
    return docker_host(docker_engine)


def test_an_image_is_pulled_once_however_many_want_it(host, published):
    reference, digest = published
    told = []
    with ThreadPoolExecutor(4) as wanting:
        images = list(wanting.map(lambda _: ensure_image(host, reference, told.append), range(4)))
    assert {image.digest for image in images} == {digest}
    assert told[0] == f"pulling {reference} to {host}"
    assert told.count(f"pulled {reference}") == 1
    assert distribute([reference], [host], told.append) == {reference: digest}
    assert told.count(f"pulled {reference}") == 1  # it is there


def test_an_image_can_be_named_by_its_digest(host, published):
    reference, digest = published
    by_digest = f"{reference.rpartition(':')[0]}@{digest}"
    assert ensure_image(host, by_digest, print).digest == digest


def test_a_release_s_image_is_pulled_from_a_mirror_and_its_digest_is_in_the_ledger(
    host, published, registry, project, image_release, monkeypatch
):
    monkeypatch.setenv("TRITON_CLAIMS_REGISTRY", registry)
    monkeypatch.setenv("DOCKER_HOST", host.url)
    project.check(
        """
        import pytest

        @pytest.mark.claim("server-version")
        def test_version(server, stated_versions):
            assert set(stated_versions.values()) == {server.version}
        """
    )
    target = f"ngc:{image_release.container}"
    answer = project.run("suites", "--target", target)
    assert answer.ret == 0
    reference, digest = published
    answer.stdout.fnmatch_lines([f"pulling {reference} to *", f"pulled {reference}"])
    (told,) = project.ledger().header["targets"]
    assert (told["target"], told["image"], told["digest"]) == (target, reference, digest)
    assert told["server_version"] == str(image_release.server)
    (cell,) = project.ledger().cells
    assert cell.verdict.value == "confirmed"


@pytest.mark.parametrize("name", ["nvidia/tritonserver:no-such", "nobody/nothing:py3"])
def test_an_image_that_is_not_there_is_told_in_one_line(host, registry, name):
    with pytest.raises(InputError, match=f"there is no image '{registry}/{name}'") as caught:
        ensure_image(host, f"{registry}/{name}", print)
    assert len(str(caught.value).splitlines()) == 1


def test_a_registry_that_wants_a_login_is_told_so(docker_engine, serve):
    address = serve("auth: {{htpasswd: {{realm: here, path: '{folder}/users'}}}}\n")
    with pytest.raises(Blocked, match="cannot be pulled without a login") as caught:
        ensure_image(docker_host(docker_engine), f"{address}/some/image:py3", print)
    assert "docker login" in caught.value.unblock


def test_a_registry_that_is_gone_is_told_so(docker_engine):
    address = f"127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(Blocked, match=r"cannot be pulled to .*connection refused") as caught:
        ensure_image(docker_host(docker_engine), f"{address}/some/image:py3", print)
    assert "mirror" in caught.value.unblock
