"""Loads that bring a model's files along: where its configuration has to come from.

The model has several configurations that differ in max_batch_size alone, so that this figure tells
which of them is live; the edition of its code tells whether the code that was brought along runs.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers import model_control
from triton_claims.servers.models import model

if TYPE_CHECKING:
    from triton_claims.servers.client import Answer

MODEL = model("reconfigured")
#: The configurations are complete; completing them would only take its time.
ARGUMENTS = ["--model-control-mode=explicit", "--disable-auto-complete-config"]
#: Chooses one of several configurations; older servers do not know the option.
CHOICE_OPTION = "model-config-name"
#: The files of the model's folder: its code, its configurations, and the max_batch_size of these.
CODE = "1/model.py"
PLAIN, CUSTOM = "config.pbtxt", "configs/custom.pbtxt"
SIZES = {PLAIN: 1, CUSTOM: 3}
#: For the parameter config; no file has these sizes. A load that changes nothing in the
#: configuration may change nothing at all, so each gets one of its own.
ALONE, BESIDE_FILES = 7, 8


@pytest.mark.claim("file-override-configs")
@pytest.mark.server(models=[MODEL], arguments=ARGUMENTS)
def test_a_configuration_brought_as_a_file_is_refused(server, protocol, evidence):
    """A model load that overrides files and brings its configuration as a file instead of the
    parameter config is refused.
    """
    loads = []
    for chosen, repository in repositories(server, protocol):
        with evidence.step(f"control: the files load from the repository, {chosen} is live"):
            repository.must_load(chosen)
            repository.must_unload()
        with evidence.step("the same files are brought along"):
            for configurations in ((PLAIN,), (CUSTOM,), (PLAIN, CUSTOM)):
                loads += [repository.bring(CODE, *configurations)]
    evidence.show("what came of each load, and the server's log", tell(loads))

    not_refused = [each for each in loads if not each.refused]
    assert not not_refused, (
        f"{len(not_refused)} of {len(loads)} loads that bring their configuration as a file were "
        f"not refused:\n{tell(not_refused)}"
    )


@pytest.mark.claim("file-override-config-parameter")
@pytest.mark.server(models=[MODEL], arguments=ARGUMENTS)
def test_a_configuration_brought_as_the_parameter_is_live(server, protocol, evidence):
    """A model load that overrides files and brings its configuration in the parameter config
    succeeds, and that configuration is live.
    """
    loads = []
    for chosen, repository in repositories(server, protocol):
        with evidence.step(f"control: a plain load works, {chosen} is live"):
            repository.must_load(chosen)
        with evidence.step("the parameter, and code, are brought along"):
            loads.append(repository.bring(CODE, max_batch_size=ALONE))
        with evidence.step("configuration files as well, which must not count then"):
            loads.append(repository.bring(CODE, PLAIN, CUSTOM, max_batch_size=BESIDE_FILES))
    evidence.show("what came of each load, and the server's log", tell(loads))

    wrong = [each for each in loads if each.live != (each.max_batch_size, each.edition)]
    assert not wrong, (
        f"{len(wrong)} of {len(loads)} loads did not make the parameter config live:\n{tell(wrong)}"
    )


def repositories(server, protocol):
    """Those of a server that takes the usual configuration, and of one that chooses another."""
    with repository_of(server, protocol) as repository:
        yield PLAIN, repository
    if CHOICE_OPTION in server.options:
        with (
            server.fresh(arguments=[*ARGUMENTS, f"--{CHOICE_OPTION}=custom"]) as fresh,
            repository_of(fresh, protocol) as repository,
        ):
            yield CUSTOM, repository


@contextmanager
def repository_of(server, protocol):
    """A server's repository, asked with the patience that a load needs."""
    client = server.client(protocol, model_control.LOAD_TIMEOUT)
    repository = Repository(server, client)
    try:
        yield repository
    finally:
        client.close()
        if repository.has_taken_files:
            server.stop()  # which removes them; a server that is killed leaves them in /tmp


@dataclass(frozen=True)
class Load:
    """What came of a load that brought files along.

    Attributes:
        words: The load, in words.
        max_batch_size: That of the parameter config, if it brought one.
        edition: That of the code it brought.
        answer: The server's answer.
        state: The model's state then, and the server's reason for it.
        live: The max_batch_size and the edition of the code that the model runs with, if it runs.
        log: The warnings and errors that the server logged meanwhile.
    """

    words: str
    max_batch_size: int | None
    edition: int
    answer: Answer
    state: str
    live: tuple[int, int] | None
    log: str

    @property
    def refused(self) -> bool:
        """Whether the server said no, and did not load the model all the same."""
        return not self.answer.accepted and self.live is None

    def __str__(self) -> str:
        """The load in a few lines."""
        text = f"{self.words}: {self.answer}; the model is {self.state}"
        if self.live is not None:
            text += " with max_batch_size {} and edition {} of its code".format(*self.live)
        return f"{text}\n{self.log}".rstrip()


class Repository:
    """A server's repository, with the one model in it."""

    def __init__(self, server, client):
        self._server = server
        self._client = client
        self._edition = 1
        self.has_taken_files = False

    def must_load(self, configuration):
        """A plain load, which every server does; where not, the check can tell nothing."""
        if self._live() is not None:
            self.must_unload()  # some servers do not undo an override else
        answer = model_control.load(self._client, MODEL.name)
        live = self._live() if answer.accepted else None
        if live != (SIZES[configuration], 1):
            raise BrokenError(
                f"the check's control failed: a plain load was answered by {answer}, and what runs "
                f"(max_batch_size, edition of the code) is {live}, not that of {configuration}"
            )

    def must_unload(self):
        """An unload, likewise."""
        answer = model_control.unload(self._client, MODEL.name)
        wanted, patience = model_control.UNAVAILABLE, model_control.LOAD_TIMEOUT
        if model_control.wait_for_state(self._client, MODEL.name, wanted, patience) is None:
            raise BrokenError(
                f"the check's control failed: an unload was answered by {answer}, and the model is "
                + self._state()
            )

    def bring(self, *paths, max_batch_size=None):
        """A load that brings files of the model's own folder along.

        With the parameter config, the code is a new edition. Without it, nothing in the files is
        new: a refusal cannot be for what is in them.
        """
        folder = self._server.process.folder / "models" / MODEL.name
        files = {path: (folder / path).read_bytes() for path in paths}
        parameter = None
        if max_batch_size is not None:
            parameter = {
                "name": MODEL.name,
                "backend": "python",
                "max_batch_size": max_batch_size,
                "input": [{"name": "IN", "data_type": "TYPE_INT32", "dims": [1]}],
                "output": [{"name": "REPORT", "data_type": "TYPE_INT32", "dims": [2]}],
            }
            self._edition += 1
            files[CODE] = files[CODE].replace(b"EDITION = 1\n", b"EDITION = %d\n" % self._edition)
        logged_before = len(self._server.process.log())
        load = model_control.load(self._client, MODEL.name, config=parameter, files=files)
        answer = load.must_come()
        self.has_taken_files |= answer.accepted
        logged = self._server.process.log()[logged_before:].splitlines()
        brought = [f"parameter config of {max_batch_size}"] * (parameter is not None) + [*files]
        return Load(
            words=f"{' + '.join(brought)} to a server started with "
            + " ".join(self._server.specification.arguments),
            max_batch_size=max_batch_size,
            edition=self._edition,
            answer=answer,
            state=self._state(),
            live=self._live(),
            log="\n".join(line for line in logged if line.startswith(("W", "E"))),
        )

    def _state(self):
        return " ".join(model_control.state(self._client, MODEL.name)).strip() or "not loaded"

    def _live(self):
        if model_control.state(self._client, MODEL.name)[0] != model_control.READY:
            return None
        size = model_control.configuration(self._client, MODEL.name).get("max_batch_size", 0)
        # Not by its own word alone: a request of so many rows must do.
        answer = self._client.infer(
            MODEL.name, {"IN": np.zeros((size, 1), np.int32)}, expected_outputs=["REPORT"]
        )
        return size, int(answer.outputs["REPORT"][0][0]) if answer.accepted else 0


def tell(loads):
    """The loads, line by line."""
    return "\n".join(map(str, loads))
