"""A folder on loopback, as S3 serves a bucket: as much of S3 as reading a model repository takes.

A whole S3 server would be by far the heaviest thing that this project needs, for four kinds of
requests. Nobody is kept out here, and nothing can be written.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from email.utils import formatdate
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_LOOPBACK = "127.0.0.1"
_BUCKET = "bucket"
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


class ObjectStore(ThreadingHTTPServer):
    """Serves a folder's files as the objects of one bucket; made by :func:`serve`.

    Attributes:
        folder: The folder.
        requests: The requests so far, such as ``GET /bucket/model/config.pbtxt``.
        environment: The environment variables with which AWS's own library reads from it.
    """

    daemon_threads = True
    environment: ClassVar[Mapping[str, str]] = {
        "AWS_ACCESS_KEY_ID": "anybody",
        "AWS_SECRET_ACCESS_KEY": "anything",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",  # else it asks the network where it is
    }

    def __init__(self, folder: Path) -> None:
        super().__init__((_LOOPBACK, 0), _Handler)
        self.folder = folder
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        """The bucket as Triton's ``--model-repository`` wants it."""
        return f"s3://http://{_LOOPBACK}:{self.server_port}/{_BUCKET}"

    def objects(self) -> dict[str, Path]:
        """The files by their keys."""
        return {
            path.relative_to(self.folder).as_posix(): path
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        }


@contextmanager
def serve(folder: Path) -> Iterator[ObjectStore]:
    """Serves a folder for as long as the context lasts."""
    with ObjectStore(folder) as store:
        thread = threading.Thread(target=store.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield store
        finally:
            store.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # clients keep their connections
    wbufsize = -1  # an answer in one piece: else each costs 40 ms, for its end waits for an ACK
    server: ObjectStore

    def do_GET(self) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        address = urlsplit(self.path)
        bucket, _, key = unquote(address.path).lstrip("/").partition("/")
        objects = self.server.objects()
        if bucket != _BUCKET:
            self._refuse("NoSuchBucket")
        elif not key:
            prefix = parse_qs(address.query).get("prefix", [""])[0]
            self._list({name: path for name, path in objects.items() if name.startswith(prefix)})
        elif key not in objects:
            self._refuse("NoSuchKey")
        else:
            headers = {
                "Last-Modified": formatdate(objects[key].stat().st_mtime, usegmt=True),
                "ETag": f'"{_tag(objects[key])}"',
            }
            self._answer(HTTPStatus.OK, objects[key].read_bytes(), headers)

    do_HEAD = do_GET  # the same, but for the body  # noqa: N815 - the library's name

    def log_message(self, *_arguments: object) -> None:
        """Says nothing: the requests are kept."""

    def _list(self, objects: Mapping[str, Path]) -> None:
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{_moment(path)}</LastModified>"
            f'<ETag>"{_tag(path)}"</ETag><Size>{path.stat().st_size}</Size>'
            "<StorageClass>STANDARD</StorageClass></Contents>"
            for key, path in objects.items()
        )
        body = (
            f'{_XML}<ListBucketResult xmlns="{_NAMESPACE}"><Name>{_BUCKET}</Name>'
            f"<KeyCount>{len(objects)}</KeyCount><MaxKeys>1000</MaxKeys>"
            f"<IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
        )
        self._answer(HTTPStatus.OK, body.encode(), {"Content-Type": "application/xml"})

    def _refuse(self, code: str) -> None:
        body = f"{_XML}<Error><Code>{code}</Code><Message>{code}</Message></Error>"
        self._answer(HTTPStatus.NOT_FOUND, body.encode(), {"Content-Type": "application/xml"})

    def _answer(self, status: HTTPStatus, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _tag(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:32]


def _moment(path: Path) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(path.stat().st_mtime))
