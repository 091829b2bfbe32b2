"""The embedded server itself: a real Triton out of a wheel, and laid out as an image has it."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from triton_claims.notes.knowledge import load_knowledge
from triton_claims.servers import scratch
from triton_claims.servers.installation import prepare
from triton_claims.servers.models import model
from triton_claims.servers.pool import ServerPool, ServerSpecification
from triton_claims.servers.running import ServerDiedError
from triton_claims.servers.scratch import wait_until_ended
from triton_claims.servers.targets import parse_target

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux keeps it
ROOT = Path(__file__).resolve().parents[2]
MODEL = model("correlation_id", control="UINT64", strategy="direct")
SPECIFICATION = ServerSpecification(
    "any", models=(MODEL,), arguments=("--disable-auto-complete-config",)
)


@pytest.fixture(scope="module")
def releases():
    return load_knowledge(ROOT).releases


@pytest.fixture
def pool(newest_installation):
    pool = ServerPool(ROOT / "model_repository", lambda _specification: newest_installation)
    yield pool
    pool.close()


def ask(client, sequence_id=42):
    return client.infer(
        MODEL.name,
        {"IN": np.array([1], dtype=np.int32)},
        sequence_id=sequence_id,
        sequence_start=True,
        sequence_end=True,
        expected_outputs=("REPORT",),
    )


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_infers(pool, protocol):
    server = pool.shared(SPECIFICATION)
    client = pool.client(protocol, lambda: server)
    answer = ask(client)
    assert answer.accepted
    assert b'"value": 42' in answer.outputs["REPORT"].tobytes()
    assert server.metadata["name"] == server.name
    assert server.harm() is None


def test_refusal_is_an_answer(pool):
    server = pool.shared(SPECIFICATION)
    for protocol, status in (("grpc", "NOT_FOUND"), ("http", "404")):
        client = pool.client(protocol, lambda: server)
        answer = client.infer("no_such_model", {"IN": np.array([1], dtype=np.int32)})
        assert (answer.status, answer.refused_as_invalid) == (status, False)
        assert "no_such_model" in answer.message


def test_the_python_backend_makes_its_folder_where_we_clear_up(pool):
    before = set(scratch._ENVIRONMENTS.glob(scratch._ENVIRONMENT))
    pool.start(SPECIFICATION)
    assert set(scratch._ENVIRONMENTS.glob(scratch._ENVIRONMENT)) - before


def test_listens_on_loopback_alone(pool):
    server = pool.shared(SPECIFICATION)
    listening = [
        each.laddr
        for each in psutil.Process(server.pid).net_connections()
        if each.status == psutil.CONN_LISTEN
    ]
    # gRPC spells 127.0.0.1 as an IPv6 socket does
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    ports = {int(server.http.split(":")[1]), int(server.grpc.split(":")[1])}
    assert {address.port for address in listening} == ports


def test_metrics_are_on_loopback_where_they_are_asked_for(pool):
    server = pool.shared(replace(SPECIFICATION, arguments=("--allow-metrics=true",)))
    status, body = server.get("/metrics", of=server.metrics)
    assert (status, b"nv_inference_count" in body) == (200, True)
    assert server.metrics.startswith("127.0.0.1:")
    assert server.metrics not in (server.http, server.grpc)
    assert pool.shared(SPECIFICATION).metrics is None


def test_environment_of_server_and_models_holds_no_secret(pool, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefghijklmnop")
    server = pool.shared(SPECIFICATION)
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    assert len(family) > 1
    for process in family:
        assert "hf_abcdefghijklmnop" not in process.environ().values()


def test_one_specification_one_server(pool):
    first = pool.shared(SPECIFICATION)
    assert pool.shared(SPECIFICATION) is first
    own = pool.start(SPECIFICATION)
    assert own is not first
    assert (pool.figures.starts, pool.figures.specifications) == (2, 1)


def test_dead_server_is_told_and_replaced(pool):
    server = pool.shared(SPECIFICATION)
    client = pool.client("grpc", lambda: server)
    os.kill(server.pid, signal.SIGKILL)
    with pytest.raises(ServerDiedError, match=r"killed by SIGKILL.*while it answered") as raised:
        ask(client)
    assert "Started HTTPService" in str(raised.value)  # the end of its log
    assert server.harm()
    replacement = pool.shared(SPECIFICATION)
    assert replacement is not server
    assert ask(pool.client("http", lambda: replacement)).accepted


def test_killed_stub_is_harm(pool):
    server = pool.shared(SPECIFICATION)
    (stub,) = psutil.Process(server.pid).children()
    stub.kill()
    wait_until_ended([stub], 10)
    assert "1 of its 1 Python stubs died" in (server.harm() or "")


def test_processes_of_a_model(pool):
    server = pool.shared(SPECIFICATION)
    (stub,) = server.stubs(MODEL.name)
    assert stub.pid in {child.pid for child in psutil.Process(server.pid).children()}
    assert server.stubs(MODEL.folder) == []  # its name begins so, and is another
    stub.kill()
    wait_until_ended([stub], 10)
    assert server.stubs(MODEL.name) == []


def test_pool_stops_a_server_that_clients_are_connected_to(pool):
    server = pool.shared(SPECIFICATION)
    for protocol in ("grpc", "http"):
        assert ask(pool.client(protocol, lambda: server)).accepted
    # Connected clients would keep it waiting until it gives up, with another exit status.
    status, log = pool.stop(server)
    assert status == 0
    assert f"successfully unloaded '{MODEL.name}'" in log
    assert not server.folder.exists()
    assert pool.stop(server) == (0, "")  # it has ended already
    replacement = pool.shared(SPECIFICATION)
    assert replacement is not server
    assert pool.figures.starts == 2


def test_stops_as_asked_and_leaves_nothing(pool):
    server = pool.shared(SPECIFICATION)
    family = psutil.Process(server.pid).children(recursive=True)
    shared_memory = list(SHARED_MEMORY.glob(f"*{server.name}*"))
    assert shared_memory  # else the next lines would prove nothing
    assert server.stop() == 0
    assert not list(SHARED_MEMORY.glob(f"*{server.name}*"))
    assert not server.folder.exists()
    assert not [
        each for each in family if each.is_running() and each.status() != psutil.STATUS_ZOMBIE
    ]


def test_laid_out_as_in_an_image(releases, newest_installation, tmp_path):
    unpacked = newest_installation.libraries[1].parent
    server_files = unpacked / "pytriton" / "tritonserver"
    root = tmp_path / "opt" / "tritonserver"
    (root / "bin").mkdir(parents=True)
    shutil.copy(newest_installation.binary, root / "bin")
    shutil.copytree(newest_installation.backends, root / "backends")
    shutil.copytree(unpacked / "nvidia_pytriton.libs", root / "lib")
    (root / "TRITON_VERSION").write_text("2.51.0\n", encoding="utf-8")
    assert server_files.is_dir()
    found = prepare(parse_target(f"install:{root}", releases), print)
    assert found.stated_version == "2.51.0"
    pool = ServerPool(ROOT / "model_repository", lambda _specification: found)
    try:
        server = pool.shared(SPECIFICATION)
        assert server.launch.command[0] == str(root / "bin" / "tritonserver")
        assert ask(pool.client("http", lambda: server)).accepted
    finally:
        pool.close()


def test_untouched_unpacked_wheel_is_started_without_changing_it(
    releases, newest_installation, tmp_path
):
    unpacked = newest_installation.libraries[1].parent
    copy = tmp_path / "wheel"
    shutil.copytree(unpacked, copy)
    binary = copy / "pytriton" / "tritonserver" / "bin" / "tritonserver"
    binary.chmod(0o644)  # as unzip leaves it
    before = sorted((path, path.stat().st_mtime_ns) for path in copy.rglob("*"))
    found = prepare(parse_target(f"install:{copy}", releases), print)
    pool = ServerPool(ROOT / "model_repository", lambda _specification: found)
    try:
        assert ask(pool.client("grpc", lambda: pool.shared(SPECIFICATION))).accepted
    finally:
        pool.close()
    assert sorted((path, path.stat().st_mtime_ns) for path in copy.rglob("*")) == before
