"""The packaging checks on images that are made here: one as the notes say, one that is not."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from staged.image import dpkg_status
from triton_claims.servers.local_image import LABEL
from triton_claims.verdicts.ledger import read_ledger

pytestmark = pytest.mark.xdist_group("containers")

ROOT = Path(__file__).resolve().parents[2]
CUDA = '{{"cuda": {{"name": "CUDA SDK", "version": "{}"}}}}'
#: By what stands in the images: the right version, and a wrong one.
RIGHT = {"server": "2.54.0", "ubuntu": "24.04", "cuda": "12.8.0.038", "ort": "1.20.1"}
WRONG = {"server": "2.54.0", "ubuntu": "22.04", "cuda": "12.6.3.004", "ort": "1.19.2"}
#: The same as the wrong one, and honest about it.
OLD = {**WRONG, "server": "2.51.0"}
VERDICTS = {
    "right": "confirmed",
    "wrong": "refuted",
    "old": "baseline",
}
CLAIMS = ("ubuntu-version", "cuda-version", "nccl-version", "onnxruntime-version", "fil-backend")


def archive(versions):
    """The files of an image, with the versions of its components."""
    nccl = "2.25.1-1+cuda12.8" if versions["ubuntu"] == "24.04" else "2.23.4-1+cuda12.6"
    files = {
        "etc/os-release": f'NAME="Ubuntu"\nVERSION_ID="{versions["ubuntu"]}"\n'.encode(),
        "var/lib/dpkg/status": dpkg_status(libnccl2=nccl),
        "usr/local/cuda/version.json": CUDA.format(versions["cuda"][:6]).encode(),
        f"opt/tritonserver/backends/onnxruntime/libonnxruntime.so.{versions['ort']}": b"",
    }
    if versions["server"] == "2.54.0" and versions["ubuntu"] == "24.04":
        files["opt/tritonserver/backends/fil/libtriton_fil.so"] = b""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return made.getvalue()


@pytest.fixture(scope="module")
def images(docker_engine, server_image):
    """References of the images, by name: the small server image with other files beside it."""
    import docker  # noqa: PLC0415 - slow to import

    client = docker.DockerClient(docker_engine)
    named = {}
    for name, versions in (("right", RIGHT), ("wrong", WRONG), ("old", OLD)):
        repository, tag = f"triton-claims-{name}", "25.01-py3"
        sets = [
            f"ENV TRITON_SERVER_VERSION={versions['server']}",
            f"ENV CUDA_VERSION={versions['cuda']}",
            f"LABEL {LABEL}=",  # else it would be taken for what make image makes
        ]
        container = client.containers.create(server_image, ["/"])
        try:
            container.put_archive("/", archive(versions))
            container.commit(repository, tag, changes=sets)
        finally:
            container.remove(force=True)
        named[name] = f"{repository}:{tag}"
    yield named
    for reference in named.values():
        client.images.remove(reference, force=True)
    client.close()


@pytest.fixture(scope="module")
def ledger(images, docker_engine, tmp_path_factory):
    """The ledger of one run of some packaging checks on all three."""
    reports = tmp_path_factory.mktemp("packaging")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "suites/packaging", f"--reports={reports}"),
            *("-p", "no:cacheprovider", "-p", "no:randomly"),
            *(f"--target=image:{reference}" for reference in images.values()),
            *(f"--claim={claim}" for claim in CLAIMS),
        ],
        cwd=ROOT,
        env={**kept, "DOCKER_HOST": docker_engine},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stdout
    return read_ledger(reports / "ledger.jsonl")


@pytest.mark.parametrize("name", VERDICTS)
def test_what_is_in_an_image_decides(ledger, images, name):
    cells = [cell for cell in ledger.cells if cell.target == f"image:{images[name]}"]
    found = {cell.claim: cell.verdict.value for cell in cells}
    expected = dict.fromkeys(CLAIMS, VERDICTS[name])
    if name == "old":
        # No range says when it came, so that an older image must have it, too.
        expected["fil-backend"] = "refuted"
    assert found == expected, [cell.reason for cell in cells]


def test_nothing_was_started(ledger):
    assert ledger.footer["server_starts"] == 0
    assert all("sha256:" in cell.evidence[0].text for cell in ledger.cells)
