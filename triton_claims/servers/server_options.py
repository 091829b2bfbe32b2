"""The options that a server is started with, and those that it knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from triton_claims.secrets import redact
from triton_claims.servers.running import METRICS, ServerFailedToStartError, describe_exit
from triton_claims.servers.scratch import shared_memory_prefix

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

#: Services that nobody asked for, by the option that turns them off, where a server has them.
_UNWANTED = ("allow-metrics", "allow-sagemaker", "allow-vertex-ai")


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a server listens.

    Attributes:
        address: The address it binds to; None for all there are, as in a container of its own.
        http, grpc, metrics: The ports.
    """

    address: str | None
    http: int
    grpc: int
    metrics: int


def server_command(
    binary: str,
    *,
    name: str,
    run: str,
    models: str,
    listening: Listening,
    known: Collection[str],
    arguments: Sequence[str] = (),
    backends: str | None = None,
) -> tuple[str, ...]:
    """The command that starts a server.

    Args:
        binary: The executable.
        name: What the server calls itself.
        run: The id of the run.
        models: The folder of its models.
        listening: Where it listens.
        known: The options it knows.
        arguments: Further options; one given here replaces ours of the same name.
        backends: The folder of its backends, where it is not the server's own default.
    """
    given = {argument.partition("=")[0] for argument in arguments}
    ours = {
        "--model-repository": models,
        "--id": name,
        "--http-port": str(listening.http),
        "--grpc-port": str(listening.grpc),
    }
    if listening.address:
        ours["--http-address"] = ours["--grpc-address"] = listening.address
    if backends:
        ours["--backend-directory"] = backends
    if METRICS in arguments:
        ours["--metrics-port"] = str(listening.metrics)
        if listening.address:
            ours["--metrics-address"] = listening.address
    for option in _UNWANTED:
        if option in known:
            ours[f"--{option}"] = "false"
    return (
        binary,
        *(f"{option}={value}" for option, value in ours.items() if option not in given),
        "--backend-config=python,shm-region-prefix-name=" + shared_memory_prefix(run, name),
        *arguments,
    )


def options_in_help(text: str, binary: str, status: int) -> frozenset[str]:
    """The options that a server's ``--help`` lists: what it was built with differs.

    Args:
        text: What it printed.
        binary: The executable, for messages.
        status: Its exit status, for messages.

    Raises:
        ServerFailedToStartError: It has not even printed its help.
    """
    words = (part.split()[:1] for part in text.split("--")[1:])
    options = frozenset(word.strip("<>=,.:;") for first in words for word in first)
    if "model-repository" not in options:
        raise ServerFailedToStartError(
            f"{binary} --help {describe_exit(status)} and lists no --model-repository; it "
            f"printed:\n{redact(text[-2000:])}"
        )
    return options
