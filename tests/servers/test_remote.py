"""Servers that somebody else runs: a real one, which these tests start and the engine does not."""

from __future__ import annotations

import base64
import http.server
import threading
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from fixtures.evidence import CellInProgress
from fixtures.servers import ServerUnderTest
from triton_claims.errors import Blocked, BrokenError, InputError
from triton_claims.servers.client import connect
from triton_claims.servers.model_copies import export
from triton_claims.servers.models import model
from triton_claims.servers.pool import ServerPool, ServerSpecification
from triton_claims.servers.remote import EXPLICIT, RemoteServers, exchange, secrets_of
from triton_claims.servers.remote_address import parse_remote_address
from triton_claims.servers.running import METRICS, ServerDiedError

pytestmark = pytest.mark.xdist_group("servers-remote")

SOURCE = Path(__file__).resolve().parents[2] / "model_repository"
ECHO = model("echo")


@pytest.fixture(scope="module")
def theirs(embedded_pool):
    """A server of somebody else's that loads models on demand."""
    return embedded_pool.start(ServerSpecification("theirs", arguments=(EXPLICIT, METRICS)))


@contextmanager
def talking(server, facts=""):
    """A pool that talks to a server, as a run on ``url:`` does."""
    address = parse_remote_address(f"http://{server.http}#grpc={server.grpc}{facts}")
    remote = RemoteServers(address)
    pool = ServerPool(SOURCE, lambda _specification: remote)
    try:
        yield pool
    finally:
        pool.close()


@pytest.fixture
def pool(theirs):
    with talking(theirs, f",metrics=http://{theirs.metrics}") as pool:
        yield pool


def test_models_are_loaded_for_a_check_and_unloaded_after(theirs, pool):
    wanted = ServerSpecification("url:x", models=(ECHO,), arguments=(METRICS,))
    server = pool.shared(wanted)
    assert server.version == theirs.version
    for protocol in ("grpc", "http"):
        with closing(pool.client(protocol, lambda: server)) as client:
            answer = client.ask("ready", lambda c, *_: {"ready": c.is_model_ready("echo")})
            assert answer.outputs == {"ready": True}, answer
    assert b"nv_" in server.get("/metrics", of=server.metrics)[1]
    assert pool.figures.starts == 0, "nothing was started"

    pool.release(wanted)
    assert theirs.get("/v2/models/echo/ready")[0] != 200
    assert theirs.is_ready(), "the server is left as it is"


def test_a_model_goes_when_the_last_that_needs_it_does(theirs, pool):
    one = ServerSpecification("url:x", models=(ECHO,))
    both = ServerSpecification("url:x", models=(ECHO,), arguments=(METRICS,))
    pool.shared(one)
    pool.shared(both)
    pool.release(one)
    assert theirs.get("/v2/models/echo/ready")[0] == 200
    pool.release(both)
    assert theirs.get("/v2/models/echo/ready")[0] != 200


@pytest.mark.parametrize(
    "act",
    [
        lambda server: server.pid,
        lambda server: server.log(),
        lambda server: server.log_path,
        lambda server: server.stubs("echo"),
        lambda server: server.process_of(1),
        lambda server: server.place("models/x"),
        lambda server: server.terminate(),
    ],
)
def test_what_cannot_be_seen_from_outside_is_blocked(pool, act):
    with pytest.raises(Blocked, match="somebody else runs the server") as refusal:
        act(pool.shared(ServerSpecification("url:x")))
    assert "install:DIR" in refusal.value.unblock


@pytest.mark.parametrize(
    "specification",
    [
        {"arguments": ("--strict-readiness=false",)},
        {"environment": (("A", "b"),)},
        {"loopback": True},
    ],
)
def test_a_server_is_taken_as_it_is(pool, specification):
    with pytest.raises(Blocked, match="somebody else runs the server"):
        pool.shared(ServerSpecification("url:x", **specification))


def test_there_is_no_server_for_a_check_alone(theirs, pool):
    cell = CellInProgress(claim=None, target="url:x", gpu="cpu", protocol=None, reproduce="")
    server = ServerUnderTest(pool, ServerSpecification("url:x"), cell)
    assert server.version == theirs.version
    with server.fresh([ECHO]) as fresh, pytest.raises(Blocked, match="a server of its own"):
        _ = fresh.process
    with pytest.raises(Blocked, match="cannot be stopped"):
        server.stop()
    with pytest.raises(Blocked, match="options cannot be asked for"):
        _ = server.options
    assert server.process.is_ready()


def test_a_server_that_is_away_blocks_and_one_that_goes_is_an_error(embedded_pool):
    theirs = embedded_pool.start(ServerSpecification("going"))
    with talking(theirs) as pool:
        server = pool.shared(ServerSpecification("url:x"))
        embedded_pool.discard(theirs)
        with (
            closing(pool.client("http", lambda: server)) as client,
            pytest.raises(ServerDiedError, match="does not answer any more at http://"),
        ):
            client.ask("ready", lambda c, *_: {"ready": c.is_server_ready()})
        assert not server.is_alive()
        with pytest.raises(Blocked, match="no server answers at"):
            pool.shared(ServerSpecification("url:x"))
    with pytest.raises(Blocked, match="no server answers at"):
        RemoteServers(parse_remote_address(f"http://{theirs.http}"))


def test_models_that_were_copied_there_are_known_again(embedded_pool, tmp_path, monkeypatch):
    names = export([ECHO], SOURCE, tmp_path / "copies")
    assert names == ["echo"]
    with pytest.raises(InputError, match="is no empty folder"):
        export([ECHO], SOURCE, tmp_path / "copies")
    monkeypatch.setattr(
        "triton_claims.servers.pool.assemble",
        lambda _models, _source, repository: export([ECHO], SOURCE, repository),
    )
    theirs = embedded_pool.start(ServerSpecification("with copies"))
    monkeypatch.undo()
    with talking(theirs) as pool:
        pool.shared(ServerSpecification("url:x", models=(ECHO,)))
        with pytest.raises(
            Blocked, match=r"does not serve metric_updates.* of these models"
        ) as why:
            pool.shared(ServerSpecification("url:x", models=(model("metric_updates"),)))
        assert "--export-models" in why.value.unblock
        with pytest.raises(Blocked, match="does not load models on demand"):
            pool.shared(ServerSpecification("url:x", arguments=(EXPLICIT,)))
        with pytest.raises(Blocked, match="serves its metrics"):
            pool.shared(ServerSpecification("url:x", arguments=(METRICS,)))
    assert theirs.get("/v2/models/echo/ready")[0] == 200, "what is theirs stays"


def test_another_model_of_that_name_is_not_taken(embedded_pool):
    theirs = embedded_pool.start(ServerSpecification("theirs", models=(ECHO,)))
    with talking(theirs) as pool, pytest.raises(Blocked, match="it is another"):
        pool.shared(ServerSpecification("url:x", models=(ECHO,)))


class Guarded(http.server.BaseHTTPRequestHandler):
    """Lets in whoever has the password; answers by the path."""

    def do_GET(self):
        expected = "Basic " + base64.b64encode(b"me:p@ssword").decode()
        status = 200 if self.headers["Authorization"] == expected else 401
        body = b'{"name": "triton", "version": "2.54.0"}' if status == 200 else b"{}"
        if self.path == "/none":
            body = b"<html>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def guarded():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Guarded) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_password_lets_in(guarded):
    remote = RemoteServers(parse_remote_address(f"http://me:p%40ssword@{guarded}"))
    server = ServerPool(SOURCE, lambda _: remote)
    try:
        running = server.shared(ServerSpecification("url:x"))
        assert running.version == "2.54.0"
        assert running.user == ("me", "p@ssword")
        with pytest.raises(Blocked, match="takes TLS or a password") as refusal:
            running.plain("grpc")
        assert "p@ssword" not in running.command_line + running.log_tail() + str(refusal.value)
    finally:
        server.close()


@pytest.mark.parametrize("user", ["", "me:wrong-one@"])
def test_without_the_password_it_is_blocked(guarded, user):
    with pytest.raises(Blocked, match="does not let us in: status 401") as refusal:
        RemoteServers(parse_remote_address(f"http://{user}{guarded}"))
    assert "wrong-one" not in str(refusal.value)


def test_what_is_no_triton_is_blocked(guarded, monkeypatch):
    monkeypatch.setattr(
        "triton_claims.servers.remote.exchange",
        lambda address, method, _path: exchange(address, method, "/none"),
    )
    with pytest.raises(Blocked, match="is no Triton: GET /v2 gives status 200 and no version"):
        RemoteServers(parse_remote_address(f"http://me:p%40ssword@{guarded}"))


def test_secrets_are_the_password_plain_and_as_it_is_sent():
    address = parse_remote_address("http://me:p%40ssword@h")
    assert secrets_of(address) == (
        base64.b64encode(b"me:p@ssword").decode(),
        "me:p@ssword",
        "p@ssword",
    )
    assert secrets_of(parse_remote_address("http://h")) == ()


def test_a_load_that_is_not_answered_leaves_no_model_behind(guarded, monkeypatch):
    remote = RemoteServers(parse_remote_address(f"http://me:p%40ssword@{guarded}"))
    asked = []

    def silent_at_the_second(_address, method, path, *_rest, **_limits):
        asked.append(path.removeprefix("/v2/repository/models/"))
        if path.endswith("/config"):
            return 404, b"{}"
        if path.endswith("/load") and sum(each.endswith("/load") for each in asked) == 2:
            raise TimeoutError("no answer")
        return 200, b'{"version": "2.54.0"}' if method == "GET" else b"{}"

    monkeypatch.setattr("triton_claims.servers.remote.exchange", silent_at_the_second)
    pool = ServerPool(SOURCE, lambda _specification: remote)
    try:
        with pytest.raises(BrokenError, match="does not answer"):
            pool.shared(ServerSpecification("url:x", models=(ECHO, model("raises"))))
    finally:
        pool.close()
    assert {"echo/unload", "raises/unload"} <= set(asked)


def test_users_and_passwords_of_all_letters_are_sent_with_inferences():
    address = parse_remote_address("http://m%C3%BC:p%C3%A4ss@h")
    server = SimpleNamespace(user=address.user, tls=lambda _: False, grpc="h:1", http="h:2")
    for protocol in ("grpc", "http"):
        with connect(server, protocol) as connection:
            request = SimpleNamespace(headers={})
            connection._plugin(request)
        told = request.headers["authorization"].removeprefix("Basic ")
        assert base64.b64decode(told).decode() == "mü:päss"


def test_a_server_that_goes_while_models_are_asked_for_is_an_error(guarded, monkeypatch):
    remote = RemoteServers(parse_remote_address(f"http://me:p%40ssword@{guarded}"))

    def gone(_address, _method, path, *_rest, **_limits):
        if path == "/v2":
            return 200, b'{"version": "2.54.0"}'
        raise ConnectionResetError("gone")

    monkeypatch.setattr("triton_claims.servers.remote.exchange", gone)
    pool = ServerPool(SOURCE, lambda _specification: remote)
    try:
        with pytest.raises(BrokenError, match="does not answer GET /v2/models/echo/config: gone"):
            pool.shared(ServerSpecification("url:x", models=(ECHO,)))
    finally:
        pool.close()
