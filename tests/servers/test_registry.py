"""Registries and repositories: asked, answering, refusing, away."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers.registry import published_digest, published_tag

DIGEST = "sha256:" + "5" * 64
TAGS = (
    "001e# service=git-upload-pack\n0000"
    f"003d{'1' * 40} refs/heads/main\n003d{'2' * 40} refs/tags/v2.54.0\n"
    f"0040{'3' * 40} refs/tags/v2.54.0^{{}}\n003d{'4' * 40} refs/tags/v2.54.01\n"
)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        host = self.headers["Host"]
        path = self.path.partition("?")[0]
        allowed = self.headers.get("Authorization") == "Bearer secret-token"
        if path == "/token":
            self.answer(200, b'{"token": "secret-token"}')
        elif path.startswith("/v2/open/") or (path.startswith("/v2/closed/") and allowed):
            found = path.endswith("/25.01-py3")
            self.answer(200 if found else 404, b"{}", **{"Docker-Content-Digest": DIGEST})
        elif path.startswith("/v2/closed/"):
            realm = f'Bearer realm="http://{host}/token",service="staged"'
            self.answer(401, b"{}", **{"WWW-Authenticate": realm})
        elif path.startswith("/v2/private/"):
            self.answer(401, b"{}", **{"WWW-Authenticate": f'Bearer realm="http://{host}/none"'})
        elif path == "/source/info/refs":
            self.answer(200, TAGS.encode())
        else:
            self.answer(500 if path.startswith("/v2") else 404, b"nothing")

    def answer(self, code, body, **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def host():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("repository", ["open/server", "closed/server"])
def test_an_image_that_is_there_and_one_that_is_not(host, repository):
    assert published_digest(f"{host}/{repository}:25.01-py3", scheme="http") == DIGEST
    assert published_digest(f"{host}/{repository}:25.13-py3", scheme="http") is None


def test_an_image_that_wants_a_login(host):
    with pytest.raises(Blocked, match="without a login"):
        published_digest(f"{host}/private/server:25.01-py3", scheme="http")


def test_a_registry_that_is_none(host):
    with pytest.raises(BrokenError, match="answers 500"):
        published_digest(f"{host}/broken/server:25.01-py3", scheme="http")


def test_a_registry_that_is_away():
    with pytest.raises(Blocked, match="cannot be reached"):
        published_digest("127.0.0.1:9/open/server:25.01-py3", scheme="http")


def test_tags(host):
    source = f"http://{host}/source"
    assert published_tag(source, "v2.54.0") == "3" * 40
    assert published_tag(source, "v2.54.01") == "4" * 40
    assert published_tag(source, "v2.5") is None
    with pytest.raises(BrokenError, match="no list of tags"):
        published_tag(f"http://{host}/nowhere", "v2.54.0")
