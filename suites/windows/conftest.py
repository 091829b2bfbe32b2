"""Python models that tell what they can do, brought along with the request to load them."""

from __future__ import annotations

import json
import os
from contextlib import closing, contextmanager
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import numpy as np
import pytest

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers import model_control

#: Where a Windows build lies: the folder, or the archive, that the server is from.
BUILD = "TRITON_CLAIMS_WINDOWS_BUILD"


class Prober:
    """Loads Python models of the check's own into a server, and asks them.

    Args:
        server: The server, which loads models on demand.
    """

    def __init__(self, server):
        self._server = server

    @contextmanager
    def loaded(self, name, code, **parameters):
        """A model of that code; gives what came of the load, and the client."""
        with (
            closing(self._server.client("http", model_control.LOAD_TIMEOUT)) as client,
            model_control.brought(
                client, name, configuration(name, **parameters), files(code)
            ) as answer,
        ):
            if answer.status == "no answer":
                raise BrokenError(f"the load of {name} is not answered: {answer}")
            yield answer, client

    def report(self, name, code):
        """What a model of that code tells, as JSON.

        Raises:
            Blocked: The server has no Python backend.
            BrokenError: It does not load, or tells nothing.
        """
        with self.loaded(name, code) as (answer, client):
            must_load(answer)
            told = client.infer(
                name, {"IN": np.zeros(1, dtype=np.int32)}, expected_outputs=["REPORT"]
            )
            if not told.accepted:
                raise BrokenError(f"the check's control failed: {name} answers {told}")
            try:
                return json.loads(told.outputs["REPORT"].tobytes())
            except ValueError:
                raise BrokenError(f"the check's control failed: {name} tells no JSON") from None


def must_load(answer):
    """Nothing can be told of Python models where a plain one does not load."""
    if answer.accepted:
        return
    if "unable to find backend library" in answer.message:
        raise Blocked(
            f"the server has no Python backend: {answer.message}", unblock="install it there"
        )
    raise BrokenError(f"the check's control failed: a plain model does not load: {answer}")


def configuration(name, **parameters):
    """The configuration of a Python model that answers a number with a report."""
    return {
        "name": name,
        "backend": "python",
        "max_batch_size": 0,
        "input": [{"name": "IN", "data_type": "TYPE_INT32", "dims": [1]}],
        "output": [{"name": "REPORT", "data_type": "TYPE_UINT8", "dims": [-1]}],
        "instance_group": [{"kind": "KIND_CPU", "count": 1}],
        "parameters": {key: {"string_value": value} for key, value in parameters.items()},
    }


def files(code):
    """A model's files: its report is what ``report()`` of the code gives."""
    return {"1/model.py": (code + MODEL).encode()}


MODEL = """
import json

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        told = np.frombuffer(json.dumps(report(pb_utils)).encode(), dtype=np.uint8).copy()
        if int(np.__version__.split(".")[0]) < 2:
            tensor = pb_utils.Tensor("REPORT", told)
        else:
            tensor = pb_utils.Tensor.from_dlpack("REPORT", told)
        return [pb_utils.InferenceResponse([tensor]) for _ in requests]
"""
#: A model that can do nothing but answer.
PLAIN = "def report(pb_utils):\n    return {}\n"


@pytest.fixture
def prober(server):
    """Loads Python models of the check's own."""
    return Prober(server)


class Build:
    """The files of a Windows build.

    Args:
        path: The folder, or the archive.
    """

    def __init__(self, path):
        self.path = path

    def read(self, name):
        """The bytes of each file of a name, by its path.

        Raises:
            BrokenError: It cannot be read.
        """
        try:
            if self.path.is_dir():
                return {str(each): each.read_bytes() for each in self.path.rglob(name)}
            with ZipFile(self.path) as archive:
                return {
                    each: archive.read(each)
                    for each in archive.namelist()
                    if each.replace("\\", "/").rpartition("/")[2] == name
                }
        except (OSError, BadZipFile, RuntimeError) as problem:
            raise BrokenError(f"{self.path} cannot be read: {problem}") from None

    def must_have(self, name):
        """The bytes of a file that every such build has.

        Raises:
            BrokenError: It is not there.
        """
        found = self.read(name)
        if not found:
            raise BrokenError(f"the check's control failed: {self.path} holds no {name}")
        return b"".join(found.values())


@pytest.fixture
def windows_build():
    """The files of the server's build, which its user names.

    Raises:
        Blocked: Nobody names it.
    """
    named = os.environ.get(BUILD)
    if not named or not Path(named).exists():
        raise Blocked(
            f"{BUILD} names {'nothing that is there' if named else 'no build for Windows'}",
            unblock=f"download the release's archive for Windows, and let {BUILD} name it",
        )
    return Build(Path(named))


@pytest.fixture
def other_model():
    """Configuration and files of a plain model of a name."""
    return lambda name: (configuration(name), files(PLAIN))
