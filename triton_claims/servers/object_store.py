"""A folder as the objects of a bucket in S3, served on loopback by moto in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from triton_claims.errors import BrokenError
from triton_claims.servers.scratch import RUN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LOOPBACK = "127.0.0.1"
_BUCKET = "bucket"
_START_TIMEOUT = 60.0  # seconds; it takes two or three
_POLL_INTERVAL = 0.02
_STOP_TIMEOUT = 10.0
_ADDRESS = re.compile(rf"Running on (http://{re.escape(_LOOPBACK)}:\d+)")
# 127.0.0.1 - - [24/Nov/2026 23:00:00] "GET /bucket/m/config.pbtxt HTTP/1.1" 200 -
_REQUEST = re.compile(r'"([A-Z]+ \S+) HTTP/[\d.]+" \d+')


@dataclass(frozen=True)
class ObjectStore:
    """An S3 server that runs; made by :func:`serve`.

    Attributes:
        address: Where it listens: ``http://HOST:PORT``.
        log_path: What it prints.
        environment: The environment variables with which AWS's own library reads from it.
    """

    address: str
    log_path: Path
    environment: ClassVar[Mapping[str, str]] = {
        "AWS_ACCESS_KEY_ID": "anybody",
        "AWS_SECRET_ACCESS_KEY": "anything",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",  # else it asks the network where it is
    }

    @property
    def url(self) -> str:
        """The bucket as Triton's ``--model-repository`` wants it."""
        return f"s3://{self.address}/{_BUCKET}"

    @property
    def requests(self) -> list[str]:
        """The requests so far, such as ``GET /bucket/model/config.pbtxt``."""
        return _REQUEST.findall(self.log_path.read_text(encoding="utf-8", errors="replace"))


@contextmanager
def serve(folder: Path, run: str = "") -> Iterator[ObjectStore]:
    """Serves a folder's files for as long as the context lasts.

    Args:
        folder: The folder; what is in it now are the objects.
        run: The run's id, by which its processes are found when it was killed.

    Raises:
        BrokenError: The S3 server does not start, or does not take the objects.
    """
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        log_path = Path(scratch, "object-store.log")
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                # Port 0: a free one, which it prints.
                [sys.executable, "-m", "moto.server", "-H", _LOOPBACK, "-p", "0"],
                env={"PATH": "", "TMPDIR": scratch, "PYTHONUNBUFFERED": "1", RUN_VARIABLE: run},
                cwd=scratch,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            store = ObjectStore(_address(process, log_path), log_path)
            _fill(store, folder)
            yield store
        finally:
            process.terminate()
            try:
                process.wait(_STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address(process: subprocess.Popen[bytes], log_path: Path) -> str:
    deadline = time.monotonic() + _START_TIMEOUT
    while True:
        ended = process.poll()
        printed = log_path.read_text(encoding="utf-8", errors="replace")
        if ended is not None or time.monotonic() > deadline:
            how = "did not start in time" if ended is None else f"ended with status {ended}"
            raise BrokenError(f"the S3 server {how}; it printed:\n{printed[-2000:]}")
        if address := _ADDRESS.search(printed):
            return address[1]
        time.sleep(_POLL_INTERVAL)


def _fill(store: ObjectStore, folder: Path) -> None:
    # Slow to import, and most runs of the suite need no object store.
    import boto3  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    client = boto3.client(
        "s3",
        endpoint_url=store.address,
        region_name=store.environment["AWS_REGION"],
        aws_access_key_id=store.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=store.environment["AWS_SECRET_ACCESS_KEY"],
    )
    try:
        client.create_bucket(Bucket=_BUCKET)
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                key = path.relative_to(folder).as_posix()
                client.put_object(Bucket=_BUCKET, Key=key, Body=path.read_bytes())
    except (BotoCoreError, ClientError) as problem:
        raise BrokenError(f"the S3 server does not take the objects: {problem}") from None
    finally:
        client.close()
