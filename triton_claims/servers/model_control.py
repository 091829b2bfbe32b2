"""Loads and unloads models by the server's own API, and says what state they are in.

The server must run with ``--model-control-mode=explicit``.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from triton_claims.errors import BrokenError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from triton_claims.servers.client import Answer, Client

#: The server's words for the states of a model.
READY = "READY"
UNLOADING = "UNLOADING"
UNAVAILABLE = "UNAVAILABLE"
#: Seconds until a load that is not answered counts so: a Python model's takes a second or two.
LOAD_TIMEOUT = 60.0
#: Seconds between two looks at a model's state.
_POLL_INTERVAL = 0.05
#: Seconds for a server to be ready again when a model was unloaded.
_READY_TIMEOUT = 5.0


def load(
    client: Client,
    model: str,
    *,
    config: Mapping[str, Any] | None = None,
    files: Mapping[str, bytes] | None = None,
    timeout: float = LOAD_TIMEOUT,
) -> Answer:
    """Asks the server to load a model, and waits until it has or has refused.

    Args:
        client: Over HTTP it needs a timeout that a load fits in.
        model: The model's name.
        config: The parameter ``config``: the model's configuration as JSON has it.
        files: The model's files by their path in its folder, in place of the repository's.
        timeout: Seconds until it counts as unanswered.
    """
    brought = ["the parameter config"] * (config is not None) + list(files or ())
    return client.ask(
        " with ".join(filter(None, [f"load {model}", ", ".join(brought)])),
        lambda connection, _library, deadline: connection.load_model(
            model,
            config=json.dumps(config) if config is not None else None,
            files={f"file:{path}": content for path, content in files.items()} if files else None,
            **deadline,
        ),
        timeout=timeout,
    )


def unload(client: Client, model: str) -> Answer:
    """Asks the server to unload a model; the answer may come before it is gone."""
    return client.ask(
        f"unload {model}",
        lambda connection, _library, deadline: connection.unload_model(model, **deadline),
    )


def configuration(client: Client, model: str) -> dict[str, Any]:
    """The configuration that a loaded model is live with, as JSON has it.

    Raises:
        BrokenError: The server does not give it.
    """

    def send(connection: Any, _library: Any, deadline: Mapping[str, float]) -> Mapping[str, Any]:
        if client.protocol == "grpc":
            answer = connection.get_model_config(model, as_json=True, **deadline)
            return dict(answer["config"])
        return dict(connection.get_model_config(model))

    answer = client.ask(f"configuration of {model}", send)
    if not answer.accepted:
        raise BrokenError(f"the server does not give the configuration of {model}: {answer}")
    return dict(answer.outputs)


def state(client: Client, model: str) -> tuple[str, str]:
    """The state of a model in the repository index, and the server's reason for it.

    The state is empty where the model was never loaded.

    Raises:
        BrokenError: The server does not give its index, or the model is not in it.
    """

    def send(connection: Any, _library: Any, deadline: Mapping[str, float]) -> Mapping[str, Any]:
        if client.protocol == "grpc":
            answer = connection.get_model_repository_index(as_json=True, **deadline)
            return {"models": answer.get("models", [])}
        return {"models": connection.get_model_repository_index()}

    answer = client.ask("repository index", send, told=False)
    if not answer.accepted:
        raise BrokenError(f"the server does not give its repository index: {answer}")
    for entry in answer.outputs["models"]:
        if entry["name"] == model:
            return str(entry.get("state", "")), str(entry.get("reason", ""))
    raise BrokenError(f"the server's repository index lacks the model {model}")


def wait_for_state(client: Client, model: str, wanted: str, timeout: float) -> float | None:
    """Polls until a model is in a state.

    Returns:
        Seconds it took; None where it did not come to it in time.
    """
    began = time.perf_counter()
    with client.clock.running():  # the server is at work, whether it is asked or not
        while True:
            current, _ = state(client, model)
            elapsed = time.perf_counter() - began
            if current == wanted:
                return elapsed
            if elapsed > timeout:
                return None
            time.sleep(_POLL_INTERVAL)


@contextmanager
def brought(
    client: Client, model: str, config: Mapping[str, Any], files: Mapping[str, bytes]
) -> Iterator[Answer]:
    """A model that is brought along with the request to load it, and unloaded afterwards.

    Args:
        client: Over HTTP it needs a timeout that a load fits in.
        model: A name that no model of the server's repository has.
        config: Its configuration as JSON has it.
        files: Its files by their path in its folder.
    """
    answer = load(client, model, config=config, files=files)
    try:
        yield answer
    finally:
        # One that did not load is unloaded, too: the server may still know of it.
        unload(client, model)
        if answer.accepted:
            _wait_until_ready(client)


def _wait_until_ready(client: Client) -> None:
    """A server is not ready while it unloads a model, and would seem harmed."""

    def send(connection: Any, _library: Any, limits: Mapping[str, float]) -> Mapping[str, Any]:
        return {"ready": connection.is_server_ready(**limits)}

    deadline = time.perf_counter() + _READY_TIMEOUT
    while time.perf_counter() < deadline:
        if client.ask("readiness", send, told=False).outputs.get("ready"):
            return
        time.sleep(_POLL_INTERVAL)
