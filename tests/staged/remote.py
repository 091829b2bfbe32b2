"""A server that somebody else runs, staged: what it says of each thing that is asked of it."""

from __future__ import annotations

import json
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np

from triton_claims.servers.client import NO_ANSWER, OK, Answer
from triton_claims.servers.running import ServerDiedError

DIED = ServerDiedError("staged", "does not answer any more at http://h:8000", "[elsewhere]")


class RefusalError(Exception):
    """A refusal: the protocol's status, and the server's words."""


class SilenceError(Exception):
    """No answer in time."""


class StagedRemote:
    """Stands in for a server and its clients.

    Args:
        load: What comes of a load, given the configuration: None, or an exception to raise.
        infer: The outputs of an inference, by name; or an exception.
        register: What comes of registering shared memory, by protocol: None, or an exception.
        metrics: What its metrics say; or an exception.
    """

    version = "2.54.0"

    def __init__(self, load=None, infer=None, register=None, metrics=""):
        self._load = load or (lambda _config: None)
        self._infer = infer
        self._register = register or (lambda _protocol: None)
        self._metrics = metrics
        self.loaded = []
        self.specification = SimpleNamespace(target="url:http://h:8000")
        self.process = SimpleNamespace(metrics="h:8002", get=self._get, is_ours=False)

    def _get(self, _path, **_):
        if isinstance(self._metrics, Exception):
            raise self._metrics
        return 200, self._metrics.encode()

    def working(self):
        return nullcontext()

    def client(self, protocol, _timeout=None):
        return StagedClient(self, protocol)

    # -- what a client library's connection has

    def load_model(self, model, config, files, **_):
        assert files
        if problem := self._load(json.loads(config)):
            raise problem
        self.loaded.append(model)

    def unload_model(self, model, **_):
        if model in self.loaded:
            self.loaded.remove(model)

    def is_server_ready(self, **_):
        return True

    def is_server_live(self, **_):
        return True

    def unregister_system_shared_memory(self, _name, **_):
        pass

    def infer(self):
        if isinstance(self._infer, Exception):
            raise self._infer
        return self._infer or {}


class StagedClient:
    """A client of it, for one protocol."""

    def __init__(self, server, protocol):
        self.protocol = protocol
        self._server = server
        self.register_system_shared_memory = self._register

    def __getattr__(self, name):
        return getattr(self._server, name)

    def _register(self, *_args, **_):
        if problem := self._server._register(self.protocol):
            raise problem

    def ask(self, words, send, **_):
        return self._answered(words, lambda: send(self, None, {}))

    def infer(self, model, _inputs, expected_outputs=()):
        def outputs():
            given = self._server.infer()
            return {name: given[name] for name in expected_outputs}

        return self._answered(model, outputs)

    def close(self):
        pass

    def _answered(self, words, act):
        try:
            return Answer(words, OK, outputs=act() or {})
        except RefusalError as refusal:
            status, message = refusal.args
            return Answer(words, status, message)
        except SilenceError:
            return Answer(words, NO_ANSWER, seconds=60.0)


def report(**told):
    """The output of a model that tells something."""
    return {"REPORT": np.frombuffer(json.dumps(told).encode(), dtype=np.uint8)}
