"""Docker engines, and a small image with a real server, for the tests with containers."""

from __future__ import annotations

import os
import subprocess
from contextlib import closing
from pathlib import Path

import docker
import pytest
from plugin.conftest import project  # noqa: F401 - a fixture for the tests here, too

from containers.engines import (
    REASON_VARIABLE,
    Engine,
    NoEngineError,
    answers,
    asked_for,
    obstacle,
)
from containers.runs import SuiteRun, copy_image
from triton_claims.errors import Blocked
from triton_claims.notes.knowledge import load_knowledge
from triton_claims.servers.container_installation import prepare_image
from triton_claims.servers.container_settings import parse_settings
from triton_claims.servers.docker_host import docker_host
from triton_claims.servers.local_image import build_local_image
from triton_claims.servers.pool import ServerPool

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def docker_engine():
    """The URL of the engine that the environment means; skips where none answers."""
    url = asked_for()
    if not answers(url):
        reason = os.environ.get(REASON_VARIABLE)
        pytest.skip(reason or f"no Docker engine answers at {url}: use scripts/with-dockerd")
    return url


@pytest.fixture(scope="session")
def image_release():
    """The release whose server the image has."""
    return load_knowledge(ROOT).releases.newest_with_wheel()


@pytest.fixture(scope="session")
def server_image(docker_engine, image_release):
    """The reference of the small server image, on that engine; skips where it can't be made."""
    try:
        return build_local_image(docker_host(docker_engine), image_release, print)
    except Blocked as problem:
        pytest.skip(f"no image with a server: {problem}")


@pytest.fixture
def docker_client(docker_engine):
    """A client of that engine."""
    with closing(docker.DockerClient(docker_engine)) as client:
        yield client


@pytest.fixture(scope="session")
def second_machine(docker_engine, server_image):
    """A second engine, on what is as good as a second machine, with the server image on it.

    Use ``second_engine``: that mends what a test broke.
    """
    if why_not := obstacle():
        pytest.skip(f"no second Docker engine: {why_not}")
    try:
        engine = Engine(machine=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        pytest.skip(f"no second Docker engine: {problem}")
    try:
        engine.start()
        copy_image(server_image, docker_engine, engine.socket)
        yield engine
    except NoEngineError as problem:
        pytest.skip(f"no second Docker engine: {problem}")
    finally:
        engine.remove()


@pytest.fixture
def second_engine(second_machine):
    """The second engine, which a test may cut off or kill; it comes back without containers."""
    yield second_machine
    second_machine.link_up()
    if not second_machine.runs:
        second_machine.start()
    with closing(docker.DockerClient(second_machine.socket)) as client:
        for container in client.containers.list(all=True, ignore_removed=True):
            container.remove(force=True, v=True)


@pytest.fixture
def second_client(second_engine):
    """A client of the second engine, by the way that a cable's end cuts off."""
    with closing(docker.DockerClient(second_engine.url, timeout=20)) as client:
        yield client


@pytest.fixture(scope="session")
def image_pool(docker_engine, server_image):
    """Makes a pool of servers in containers: ``image_pool("user=1000", models="copy")``."""
    pools = []

    def make(*options, models=None, image=server_image):
        prepared = prepare_image(
            f"image:{image}",
            docker_host(docker_engine),
            image,
            parse_settings(options, models),
            print,
            numpy_major=1,
        )
        pools.append(ServerPool(ROOT / "model_repository", lambda _specification: prepared))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


@pytest.fixture(scope="module")
def pool(image_pool):
    """Servers in containers as they are by default."""
    pool = image_pool()
    yield pool
    pool.close()


@pytest.fixture
def suite_run(tmp_path, docker_engine, server_image):
    """Starts a run of checks: ``suite_run(CHECKS, "-n", "2", environment=..., target=...)``."""
    started = []

    def start(checks, *options, target=f"image:{server_image}", engine=docker_engine, **more):
        folder = tmp_path / f"run{len(started)}"
        started.append(SuiteRun(folder, engine, checks, *options, target=target, **more))
        return started[-1]

    yield start
    for run in started:
        run.process.terminate()
        run.end()
