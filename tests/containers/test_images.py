"""Images: had or not had, and looked into without a server."""

from __future__ import annotations

import io
import subprocess
import tarfile
from contextlib import closing
from pathlib import Path

import docker
import pytest
import requests

from containers.engines import Engine, NoEngineError, obstacle
from triton_claims.errors import Blocked, BrokenError, InputError
from triton_claims.servers import container_image
from triton_claims.servers.container import ContainerStart
from triton_claims.servers.container_image import ensure_image, read_file, run_command
from triton_claims.servers.container_installation import look_inside
from triton_claims.servers.container_settings import ContainerSettings
from triton_claims.servers.container_start import start_container
from triton_claims.servers.docker_host import connect, docker_host
from triton_claims.servers.image_distribution import distribute
from triton_claims.servers.running import ServerFailedToStartError
from triton_claims.servers.scratch import new_scratch

pytestmark = pytest.mark.xdist_group("containers")

NOWHERE = docker_host("unix:///nowhere/docker.sock", name="far")
IMAGE = "registry.example/triton:1"

#: What engines were heard to say, and what it comes to.
WORDS = {
    "no such tag": (
        "manifest for registry.example/triton:1 not found: manifest unknown: manifest unknown",
        InputError,
        "there is no image 'registry.example/triton:1'",
    ),
    "no such repository, or private": (
        "pull access denied for triton, repository does not exist or may require 'docker login': "
        "denied: requested access to the resource is denied",
        Blocked,
        "docker login to its registry, or check the name",
    ),
    "needs login": (
        "unauthorized: authentication required",
        Blocked,
        "docker login to its registry, or check the name",
    ),
    "NGC without a key": (
        'Get "https://registry.example/v2/triton/manifests/1": unauthorized: <html>401 '
        "Authorization Required</html>",
        Blocked,
        "docker login",
    ),
    "disk full": (
        "failed to register layer: Error processing tar file(exit status 1): write "
        "/opt/tritonserver/lib/libtritonserver.so: no space left on device",
        Blocked,
        "make room there",
    ),
    "no name server": (
        'Get "https://registry.example/v2/": dial tcp: lookup registry.example on 10.0.0.1:53: '
        "no such host",
        Blocked,
        "check the host's network, or load the image there",
    ),
    "name server says not found": (
        'Get "https://registry.example/v2/": dial tcp: lookup registry.example: server '
        "misbehaving: not found",
        Blocked,
        "check the host's network",
    ),
    "no route": (
        'Get "https://registry.example/v2/": net/http: request canceled while waiting for '
        "connection (Client.Timeout exceeded while awaiting headers)",
        Blocked,
        "check the host's network",
    ),
    "too many": ("toomanyrequests: You have reached your pull rate limit", Blocked, "a mirror"),
    "another architecture": (
        "no matching manifest for linux/arm64/v8 in the manifest list entries",
        Blocked,
        "cannot be pulled to far",
    ),
}


class Pull:
    """A client of an engine whose pulls come to what it is told."""

    def __init__(self, events):
        self.images = self.api = self
        self._events = events

    def get(self, reference):
        raise docker.errors.ImageNotFound(f"no such image: {reference}")

    def pull(self, _repository, **_options):
        for event in self._events:
            if isinstance(event, Exception):
                raise event
            yield event


@pytest.fixture
def pulls(monkeypatch):
    """Has the next pull come to these events."""

    def will(*events):
        monkeypatch.setattr(container_image, "connect", lambda _host: Pull(events))

    return will


@pytest.mark.parametrize("how", ["in the stream", "as a refusal"])
@pytest.mark.parametrize("name", WORDS)
def test_why_an_image_cannot_be_pulled_is_told(pulls, name, how):
    words, kind, told = WORDS[name]
    pulls({"error": words} if how == "in the stream" else docker.errors.APIError(words))
    with pytest.raises(kind) as caught:
        ensure_image(NOWHERE, IMAGE, print)
    assert told in str(caught.value)
    assert words[:40] in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_pull_that_breaks_off_is_told(pulls):
    pulls({"status": "Pulling fs layer", "id": "1"}, requests.ConnectionError("reset by peer"))
    with pytest.raises(Blocked, match=f"the pull of {IMAGE} to far .* broke off: reset by peer"):
        ensure_image(NOWHERE, IMAGE, print)


def test_a_pull_tells_how_far_it_is(pulls, monkeypatch):
    monkeypatch.setattr(container_image, "_PROGRESS_EVERY", 0.0)
    size = 2**30
    pulls(
        *(
            {"status": "Downloading", "id": layer, "progressDetail": {"current": 0, "total": size}}
            for layer in "ab"
        ),
        {"status": "Download complete", "id": "a"},
        {"error": "unexpected EOF"},
    )
    lines = []
    with pytest.raises(Blocked, match="unexpected EOF"):
        ensure_image(NOWHERE, IMAGE, lines.append)
    assert lines[0] == f"pulling {IMAGE} to far (unix:///nowhere/docker.sock)"
    assert lines[-1] == f"pulling {IMAGE}: 1.0 of 2.0 GiB so far known"


def test_a_secret_in_what_an_engine_says_is_masked(pulls):
    pulls({"error": "Get https://me:hunter2222@registry.example/v2/: EOF"})
    with pytest.raises(Blocked) as caught:
        ensure_image(NOWHERE, IMAGE, print)
    assert "hunter2222" not in str(caught.value)


def test_a_cache_that_cannot_be_written_to_is_no_missing_engine(pulls, monkeypatch, tmp_path):
    pulls()
    (tmp_path / "file").touch()
    monkeypatch.setenv("TRITON_CLAIMS_CACHE", str(tmp_path / "file"))
    with pytest.raises(Blocked, match=r"cannot write to the cache .*TRITON_CLAIMS_CACHE"):
        ensure_image(NOWHERE, IMAGE, print)


@pytest.fixture(scope="module")
def host(docker_engine):
    return docker_host(docker_engine)


@pytest.fixture
def image(host, server_image):
    return ensure_image(host, server_image, print)


def test_an_image_that_is_there_is_not_pulled(host, server_image, docker_client):
    lines = []
    image = ensure_image(host, server_image, lines.append)
    assert lines == []
    assert image.id == docker_client.images.get(server_image).id
    assert image.digest == image.id  # it never was in a registry


def test_an_image_is_looked_into_without_starting_anything(image, image_release):
    version = read_file(image, "/opt/tritonserver/TRITON_VERSION")
    assert version.decode().strip() == str(image_release.server)
    assert read_file(image, "/nowhere") is None
    assert read_file(image, "/usr/bin/python3")[1:4] == b"ELF"


def test_a_command_runs_in_an_image(image, docker_client):
    assert run_command(image, ["sh", "-c", "echo said; echo too >&2; exit 3"])[0] == 3
    code, printed = run_command(image, ["id", "-u"], options={"user": "1000"})
    assert (code, printed) == (0, "1000\n")
    with pytest.raises(BrokenError, match=r"sleep 60 in .* did not end within 0\.5 s"):
        run_command(image, ["sleep", "60"], timeout=0.5)
    left = docker_client.containers.list(all=True, ignore_removed=True)
    assert not [each for each in left if each.attrs["Config"]["Cmd"] == ["sleep", "60"]]


def test_what_an_image_has_in_it(image, image_release):
    look_inside.cache_clear()
    inside = look_inside(image)
    assert inside.command == "/opt/tritonserver/bin/tritonserver"
    assert inside.stated_version == str(image_release.server)
    assert inside.python["numpy"] == 1
    assert {"model-repository", "http-port"} <= inside.options
    assert "libjemalloc.so.2" in inside.libraries


def archive(name, content=b""):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def empty_image(docker_client):
    """The reference of an image with nothing in it that runs."""
    reference = "triton-claims-test/empty:1"
    docker_client.api.import_image_from_data(
        archive("file"), repository="triton-claims-test/empty", tag="1"
    )
    yield reference
    docker_client.images.remove(reference, force=True)


def test_an_image_without_even_a_shell_holds_no_server(host, empty_image):
    with pytest.raises(InputError, match="'triton-claims-test/empty:1' holds no tritonserver"):
        look_inside(ensure_image(host, empty_image, print))
    # One that is there for something else needs none.
    assert distribute({empty_image}, [host], print)
    with pytest.raises(InputError, match="holds no tritonserver"):
        distribute({empty_image}, [host], print, servers={empty_image})


@pytest.fixture
def tiny_engine():
    """The host of an engine with hardly any room on its disk."""
    if why_not := obstacle():
        pytest.skip(why_not)
    engine = Engine()
    try:
        data = engine.folder / "data"
        data.mkdir()
        mount(data, "8m")
        engine.start()
        host = docker_host(engine.url)
        yield host
        connect(host).close()
    except NoEngineError as problem:
        pytest.skip(str(problem))
    finally:
        engine.remove()


def mount(folder, size):
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    subprocess.run(command, check=True, capture_output=True)


def test_a_full_disk_of_the_engine_is_told(tiny_engine):
    client = connect(tiny_engine)
    client.api.import_image_from_data(archive("file"), repository="empty", tag="1")
    image = ensure_image(tiny_engine, "empty:1", print)
    scratch = new_scratch()
    try:
        models = scratch.folder / "one" / "models" / "big"
        models.mkdir(parents=True)
        with (models / "weights").open("wb") as file:
            file.truncate(16 * 2**20)
        start = ContainerStart(image, ContainerSettings(models="copy"), "/file", frozenset())
        with pytest.raises(ServerFailedToStartError) as caught:
            start_container(start, name="one", scratch=scratch, timeout=10)
        assert "no space left on device; make room on the Docker host" in str(caught.value)
        assert str(tiny_engine) in str(caught.value)
        with closing(docker.DockerClient(tiny_engine.url)) as other:
            assert other.containers.list(all=True) == []
    finally:
        scratch.remove()
    assert not Path(scratch.folder).exists()
