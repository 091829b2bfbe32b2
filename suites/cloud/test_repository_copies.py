"""Models out of a cloud repository: the copies that the server makes of them, and removes."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import numpy as np
import pytest

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers.models import model
from triton_claims.servers.object_store import serve
from triton_claims.servers.running import ServerFailedToStartError, describe_exit

#: One folder with three versions in it; the policy says which of them are loaded.
ALL, LATEST = (model("versions", policy=policy) for policy in ("all", "latest"))
ARGUMENTS = ["--disable-auto-complete-config"]
#: Where servers put their copies that do not know TRITON_AWS_MOUNT_DIRECTORY.
DEFAULT_PLACE = Path("/tmp")  # noqa: S108 - theirs, not ours


@pytest.mark.claim("cloud-repository-copies")
@pytest.mark.server(models=[ALL, LATEST], arguments=ARGUMENTS)
def test_several_versions_leave_several_copies(server, evidence):
    """A model with several versions in a cloud repository leaves more than one local copy of its
    folder while the server runs.
    """
    with server_of_cloud_models(server, evidence) as cloud:
        evidence.show("copies while it runs", cloud.tell())
        with evidence.step("control: a model with one version has one copy"):
            if len(cloud.copies(LATEST)) != 1:
                raise BrokenError(f"the check's control failed:\n{cloud.tell()}")
        copies = cloud.copies(ALL)
    assert len(copies) > 1, f"three versions share {len(copies)} copies: {', '.join(copies)}"


@pytest.mark.claim("cloud-repository-copies-removed")
@pytest.mark.server(models=[ALL, LATEST], arguments=ARGUMENTS)
def test_a_normal_shutdown_leaves_no_copy(server, evidence):
    """After a normal shutdown no local copy of a model from a cloud repository is left."""
    with server_of_cloud_models(server, evidence) as cloud:
        evidence.show("copies while it runs", cloud.tell())
        with evidence.step("control: there are copies, and the shutdown is a normal one"):
            before = len(cloud.copies(ALL)), len(cloud.copies(LATEST))
            status, _ = cloud.stop()
            if not all(before) or status != 0:
                raise BrokenError(
                    f"the check's control failed: {before} copies, and it {describe_exit(status)}"
                )
        evidence.show("copies after it has ended", cloud.tell())
        left = [*cloud.copies(ALL), *cloud.copies(LATEST)]
    assert not left, f"{len(left)} of {sum(before)} copies are left: {', '.join(left)}"


@contextmanager
def server_of_cloud_models(server, evidence):
    """A server whose repository is in S3: the one that the given server has in a folder."""
    if not server.process.shares_files:
        raise Blocked(
            "the copies that a server in a container makes cannot be seen from here",
            unblock="run the suite as root on the Docker host itself, or --docker-models=mount",
        )
    marker = f"marker-{uuid4().hex}"
    with TemporaryDirectory(dir=server.process.folder) as folder:
        bucket, mount = Path(folder, "bucket"), Path(folder, "mount")
        mount.mkdir()
        shutil.copytree(server.process.folder / "models", bucket / "models")
        for each in (ALL, LATEST):
            (bucket / "models" / each.name / f"{marker}-{each.name}").touch()
        with (
            serve(bucket, server.process.run) as store,
            server.fresh(
                [],
                arguments=[*ARGUMENTS, f"--model-repository={store.url}/models"],
                environment={**store.environment, "TRITON_AWS_MOUNT_DIRECTORY": str(mount)},
                loopback=True,
            ) as under_test,
        ):
            with evidence.step("start"):
                must_start(under_test)
            fetched = Counter(each for each in store.requests if "GET" in each and "?" not in each)
            evidence.show("what it fetched from S3, and how often", lines_of(fetched))
            with evidence.step("control: every version answers"):
                reports = [report_of(under_test, ALL, version) for version in ("1", "2", "3")]
                reports.append(report_of(under_test, LATEST, "3"))
            evidence.show("where the versions run", "\n".join(map(str, reports)))
            cloud = Cloud(under_test, marker, mount)
            try:
                yield cloud
            finally:
                cloud.stop()  # killed, it would leave its copies, maybe outside of our folder
                cloud.remove_copies()


class Cloud:
    """A server with models out of a cloud repository.

    Args:
        server: The server.
        marker: How the name of a file begins that is in each copy of a model's folder.
        mount: Where the server was told to put its copies.
    """

    def __init__(self, server, marker, mount):
        self._server = server
        self._marker = marker
        self._mount = mount
        self._stopped = None

    def stop(self):
        """Stops the server, once, as an operator would; its exit status and its log."""
        if self._stopped is None:
            self._stopped = self._server.stop()
        return self._stopped

    def copies(self, of):
        """The copies of a model's folder."""
        places = [self._mount, *DEFAULT_PLACE.glob("folder*")]
        found = (path for place in places for path in place.rglob(f"{self._marker}-{of.name}"))
        return sorted(str(path.parent) for path in found)

    def remove_copies(self):
        """Removes what should not be there any more."""
        for path in [*self.copies(ALL), *self.copies(LATEST)]:
            shutil.rmtree(path, ignore_errors=True)

    def tell(self):
        """All copies, by their models."""
        return "\n".join(
            f"{of.name}: {', '.join(self.copies(of)) or 'none'}" for of in (ALL, LATEST)
        )


def lines_of(counter):
    """The counted, line by line."""
    return "\n".join(f"{count} x {each}" for each, count in sorted(counter.items()))


def must_start(server):
    """The start, which tells whether the server can read from S3 at all."""
    try:
        _ = server.process
    except ServerFailedToStartError as problem:
        if words := re.search(r"[^\s\"']+ file-system not supported[^\"\n]*", problem.log):
            raise Blocked(
                f"the server cannot read from S3: {words[0].strip()}",
                unblock="check a server that was built with S3, such as that of an image",
            ) from None
        raise


def report_of(server, of, version):
    """What a version says of itself."""

    def send(connection, library, deadline):
        tensor = library.InferInput("IN", [1], "INT32")
        tensor.set_data_from_numpy(np.zeros(1, np.int32))
        answer = connection.infer(of.name, [tensor], model_version=version, **deadline)
        return json.loads(answer.as_numpy("REPORT").tobytes())

    with closing(server.client("grpc")) as client:
        answer = client.ask(f"{of.name} version {version}", send)
    if answer.outputs.get("version") != version:
        raise BrokenError(f"the check's control failed: version {version}: {answer}")
    return answer.outputs
