"""Who the server says it is, in all the places where it says so."""

from __future__ import annotations

import json
import re

import pytest

from triton_claims.errors import Undecided
from triton_claims.notes.versions import ServerVersion
from triton_claims.servers.client import connect


@pytest.mark.claim("server-version")
def test_server_tells_the_version_of_its_release(server, releases, stated_versions, evidence):
    """The server gives the version of its release in GET /v2, in the gRPC server metadata and in
    its start-up log.
    """
    with evidence.step("ask the server in three ways"):
        told = {
            "GET /v2": json.loads(server.process.get("/v2")[1]).get("version"),
            "gRPC ServerMetadata": version_by_grpc(server.process),
            "start-up log": version_in_log(server.process.log()),
        }
    with evidence.step("look it up in the releases' data"):
        stated = dict(stated_versions)
        release = releases.by_server(ServerVersion.parse(server.version))
        if release is not None:
            stated[f"release {release.container}"] = str(release.server)
    everything = {**stated, **told}
    lines = "\n".join(f"{where}: {version}" for where, version in everything.items())
    evidence.show("the versions", lines)

    assert len(set(everything.values())) == 1, f"the versions differ:\n{lines}"
    if release is None:
        raise Undecided(
            f"the server agrees with itself on {server.version}, which is no release we know",
            needed="its container version and source in a file of releases/",
        )


def version_by_grpc(process):
    """The version in the gRPC server metadata."""
    with connect(process, "grpc") as client:
        return client.get_server_metadata(client_timeout=10.0).version


def version_in_log(log):
    """The version in the table of options that the server logs at its start."""
    row = re.search(r"^\|\s*server_version\s*\|\s*(\S+)\s*\|", log, re.MULTILINE)
    return row[1] if row else "not in it"
