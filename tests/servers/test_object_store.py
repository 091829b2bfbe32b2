"""The object store: the answers that AWS's own library gets and understands."""

from __future__ import annotations

import http.client
from xml.etree import ElementTree as ET

import pytest

from triton_claims.servers.object_store import serve

S3 = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@pytest.fixture
def store(tmp_path):
    for name in ("m/config.pbtxt", "m/1/model.py", "m/1/__pycache__/model.pyc", "other/a&b"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    with serve(tmp_path) as store:
        yield store


@pytest.fixture
def ask(store):
    """Asks over one connection: what an answer leaves unread would spoil the next one."""
    connection = http.client.HTTPConnection("127.0.0.1", store.server_port, timeout=10)

    def ask(method, path):
        connection.request(method, path)
        answer = connection.getresponse()
        return answer, answer.read()

    yield ask
    connection.close()


def parsed(body):
    return ET.fromstring(body)  # noqa: S314 - our own


def keys(body):
    return [each.text for each in parsed(body).iter(f"{S3}Key")]


def test_the_bucket_is_there(store, ask):
    assert store.url == f"s3://http://127.0.0.1:{store.server_port}/bucket"
    assert ask("HEAD", "/bucket")[0].status == 200
    assert ask("HEAD", "/another")[0].status == 404


def test_objects_are_listed_by_the_beginning_of_their_keys(ask):
    assert keys(ask("GET", "/bucket?list-type=2&prefix=m%2F")[1]) == [
        "m/1/model.py",
        "m/config.pbtxt",
    ]
    assert keys(ask("GET", "/bucket?list-type=2&prefix=m%2F1%2F")[1]) == ["m/1/model.py"]
    assert keys(ask("GET", "/bucket?list-type=2")[1])[-1] == "other/a&b"
    answer, body = ask("GET", "/bucket?list-type=2&prefix=none%2F")
    assert (answer.status, keys(body)) == (200, [])
    assert parsed(body).findtext(f"{S3}IsTruncated") == "false"


def test_an_object_is_given(ask):
    head, nothing = ask("HEAD", "/bucket/m/config.pbtxt")
    answer, body = ask("GET", "/bucket/m/config.pbtxt")
    assert (nothing, body) == (b"", b"m/config.pbtxt")
    for each in (head, answer):
        assert each.status == 200
        assert each.headers["Content-Length"] == str(len(body))
        assert each.headers["Last-Modified"].endswith(" GMT")
    assert ask("GET", "/bucket/other/a%26b")[1] == b"other/a&b"


@pytest.mark.parametrize(
    "key", ["none", "m", "m/", "m/1", "../conftest.py", "m/1/__pycache__/model.pyc"]
)
def test_what_is_no_object_is_not_found(ask, key):
    assert ask("HEAD", f"/bucket/{key}")[0].status == 404
    answer, body = ask("GET", f"/bucket/{key}")
    assert answer.status == 404
    assert parsed(body).findtext("Code") == "NoSuchKey"


def test_requests_are_kept(store, ask):
    ask("HEAD", "/bucket")
    ask("GET", "/bucket/m/config.pbtxt")
    assert store.requests == ["HEAD /bucket", "GET /bucket/m/config.pbtxt"]


def test_it_ends_with_its_context(tmp_path):
    with serve(tmp_path) as store:
        port = store.server_port
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection("127.0.0.1", port, timeout=10).request("GET", "/bucket")
