"""Images looked into without a server: one with a shell, and one with nothing but files."""

from __future__ import annotations

import io
import tarfile

import pytest

from triton_claims.servers.container_image import ensure_image
from triton_claims.servers.docker_host import docker_host
from triton_claims.servers.image_contents import contents_of, stated_server_version

pytestmark = pytest.mark.xdist_group("containers")

FILES = {
    "opt/tritonserver/TRITON_VERSION": b"2.53.0\n",
    "opt/tritonserver/backends/python/model.py": b"pass\n",
    "opt/tritonserver/backends/large/library.so": bytes(3 * 2**20),
}


@pytest.fixture(scope="module")
def bare_image(docker_engine):
    """An image with files alone, made from a tar archive."""
    import docker  # noqa: PLC0415 - slow to import

    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("opt/link")
        link.type, link.linkname = tarfile.SYMTYPE, "tritonserver/backends"
        tar.addfile(link)
    client = docker.DockerClient(docker_engine)
    reference = "triton-claims-bare:1"
    client.api.import_image_from_data(
        archive.getvalue(),
        *reference.split(":"),
        changes=["ENV TRITON_SERVER_VERSION=2.54.0", "LABEL one=two", 'ENTRYPOINT ["/start"]'],
    )
    yield reference
    client.images.remove(reference, force=True)
    client.close()


@pytest.fixture
def contents(docker_engine, bare_image):
    with contents_of(ensure_image(docker_host(docker_engine), bare_image, print)) as contents:
        yield contents


def test_an_image_without_a_shell(contents, tmp_path):
    assert contents.read("/opt/tritonserver/TRITON_VERSION") == b"2.53.0\n"
    assert contents.read("/opt/link/python/model.py") == b"pass\n"
    assert contents.read("/opt/nothing") is None
    assert contents.names("/opt/tritonserver/backends") == ("large", "python")
    assert contents.names("/opt/link") == ("large", "python")
    assert contents.names("/nothing") is None
    assert contents.copy("/opt/link/large/library.so", tmp_path / "library")
    assert (tmp_path / "library").stat().st_size == 3 * 2**20
    assert not contents.copy("/opt/nothing", tmp_path / "none")


def test_what_the_image_sets(contents):
    assert contents.environment["TRITON_SERVER_VERSION"] == "2.54.0"
    assert contents.labels == {"one": "two"}
    assert contents.entrypoint == ("/start",)
    assert stated_server_version(contents) == "2.54.0"
    assert contents.origin.startswith("triton-claims-bare:1 (sha256:")


def test_an_image_with_a_shell(docker_engine, server_image):
    with contents_of(ensure_image(docker_host(docker_engine), server_image, print)) as contents:
        assert "tritonserver" in contents.names("/opt/tritonserver/bin")
        assert contents.names("/nothing here") is None


def test_nothing_is_left_behind(docker_engine, docker_client, bare_image):
    before = len(docker_client.containers.list(all=True))
    with contents_of(ensure_image(docker_host(docker_engine), bare_image, print)) as contents:
        contents.names("/opt")
    assert len(docker_client.containers.list(all=True)) == before
