"""What becomes of the versions of a model that are loaded when others are added."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers import model_control
from triton_claims.servers.models import model

MODEL = model("versions", policy="latest")
ONE, TWO = ("version_policy { latest { num_versions: 1 } }", "version_policy { all { } }")


@pytest.mark.claim("versions-not-reloaded")
@pytest.mark.server(
    models=[MODEL], arguments=["--disable-auto-complete-config", "--model-control-mode=explicit"]
)
def test_versions_that_are_loaded_are_not_loaded_again(server, evidence):
    """When a model's configuration is changed to load further versions, the versions that are
    loaded and whose files are as before are not loaded again.
    """
    with server.fresh() as own, closing(own.client("grpc")) as client:
        if not own.process.shares_files:
            raise Blocked(
                "the server's model repository cannot be changed from here",
                unblock="a server that runs on this machine: wheel: or install:",
            )
        must_load(client)
        # Python has put what it compiled beside the model: files that are new to the server.
        model_control.unload(client, MODEL.name)
        if model_control.wait_for_state(client, MODEL.name, model_control.UNAVAILABLE, 30) is None:
            raise BrokenError("the check's control failed: the model is not unloaded")
        must_load(client)
        before = processes(own, "3")
        with evidence.step("control: the configuration is changed, and other versions come"):
            file = f"models/{MODEL.name}/config.pbtxt"
            text = (own.process.folder / file).read_text(encoding="utf-8")
            own.process.place(file, text.replace(ONE, TWO).encode())
            must_load(client)
            for version in ("1", "2"):
                must_answer(client, version)
        after = processes(own, "3")
    evidence.show("processes of the version that was loaded before", f"{before}, then {after}")
    if not before:
        raise BrokenError("the check's control failed: the version had no process")

    assert set(after) <= set(before), "the version that was loaded was loaded again"


def must_load(client):
    """A load that every server does."""
    answer = model_control.load(client, MODEL.name)
    if not answer.accepted:
        raise BrokenError(f"the check's control failed: {answer}")


def must_answer(client, version):
    """A request to one version."""

    def send(connection, library, limit):
        number = library.InferInput("IN", [1], "INT32")
        number.set_data_from_numpy(np.array([1], dtype=np.int32))
        connection.infer(MODEL.name, [number], model_version=version, **limit)

    answer = client.ask(f"version {version}", send)
    if not answer.accepted:
        raise BrokenError(f"the check's control failed: version {version}: {answer}")


def processes(server, version):
    """The ids of the processes that run a version."""
    return sorted(
        process.pid
        for process in server.process.stubs(MODEL.name)
        if f"/{MODEL.name}/{version}/" in " ".join(process.cmdline())
    )
