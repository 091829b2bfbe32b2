"""The object store: a real S3 server whose objects are a folder's files."""

from __future__ import annotations

import os
import subprocess
import sys

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError

from triton_claims.errors import BrokenError
from triton_claims.servers import object_store
from triton_claims.servers.object_store import serve
from triton_claims.servers.scratch import processes_of

RUN = f"object-store-test-{os.getpid()}"  # other workers have stores of their own


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store") / "bucket"
    for name in ("m/config.pbtxt", "m/1/model.py", "m/1/__pycache__/model.pyc", "other/a&b"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


@pytest.fixture(scope="module")
def store(folder):
    with serve(folder, RUN) as store:
        yield store
    assert processes_of(RUN) == []
    assert [path.name for path in folder.parent.iterdir()] == ["bucket"]


@pytest.fixture
def client(store):
    client = boto3.client(
        "s3",
        endpoint_url=store.address,
        region_name="us-east-1",
        aws_access_key_id="anybody",
        aws_secret_access_key="anything",  # noqa: S106 - nobody is kept out
    )
    yield client
    client.close()


def keys(client, prefix):
    answer = client.list_objects_v2(Bucket="bucket", Prefix=prefix)
    return [each["Key"] for each in answer.get("Contents", ())]


def test_a_folders_files_are_objects(client):
    assert keys(client, "") == ["m/1/model.py", "m/config.pbtxt", "other/a&b"]
    assert keys(client, "m/1/") == ["m/1/model.py"]
    assert client.get_object(Bucket="bucket", Key="other/a&b")["Body"].read() == b"other/a&b"
    with pytest.raises(ClientError, match="404"):
        client.head_object(Bucket="bucket", Key="m/1/__pycache__/model.pyc")


def test_requests_are_known(store, client):
    client.get_object(Bucket="bucket", Key="m/config.pbtxt")
    assert "GET /bucket/m/config.pbtxt" in store.requests
    assert "PUT /bucket/m/config.pbtxt" in store.requests


def test_it_listens_on_loopback_alone_and_belongs_to_its_run(store):
    (process,) = processes_of(RUN)
    addresses = {
        each.laddr.ip for each in process.net_connections() if each.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}
    assert store.url.startswith("s3://http://127.0.0.1:")
    assert store.url.endswith("/bucket")


def test_one_that_does_not_start_is_told_with_its_words(folder, monkeypatch):
    real = subprocess.Popen

    def no_moto(_command, **options):
        return real([sys.executable, "-c", "raise SystemExit('no moto here')"], **options)

    monkeypatch.setattr(object_store.subprocess, "Popen", no_moto)
    with pytest.raises(BrokenError, match=r"(?s)ended with status 1.*no moto here"), serve(folder):
        pass
