"""System shared memory that a load's tensors are handed over in."""

from __future__ import annotations

import itertools
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tritonclient.grpc
from tritonclient.utils import InferenceServerException, shared_memory

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers.client import ANSWER_TIMEOUT
from triton_claims.servers.process import ServerProcess
from triton_claims.servers.scratch import shared_memory_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from triton_claims.servers.loads import LoadRequest, Tensors
    from triton_claims.servers.running import RunningServer

_UNBLOCK = "a server that is a process here, or --docker-option ipc=host"
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Regions:
    """The regions of one sender: each of one tensor.

    Attributes:
        inputs: Region and size in bytes for each input by its name.
        outputs: The same for the outputs.
    """

    inputs: Mapping[str, tuple[str, int]]
    outputs: Mapping[str, tuple[str, int]]
    _handles: Mapping[str, Any]
    _request: LoadRequest

    def read(self) -> Tensors:
        """The outputs as they stand in shared memory, copied."""
        return {
            name: shared_memory.get_contents_as_numpy(
                self._handles[name], array.dtype, array.shape
            ).copy()
            for name, array in self._request.answers[0].items()
        }


@contextmanager
def regions_for(server: RunningServer, request: LoadRequest) -> Iterator[Regions]:
    """Makes regions, known to the server for as long as the context lasts.

    Their names begin as those of the server's own files do: what a killed run leaves is cleared up
    with them.

    Raises:
        Blocked: The server does not share memory with this machine.
        BrokenError: It should, and refused.
    """
    if not server.shares_files:
        raise Blocked("the server runs on another machine, without shared memory", unblock=_UNBLOCK)
    with ExitStack() as stack:
        client = tritonclient.grpc.InferenceServerClient(server.grpc)
        stack.callback(client.close)
        handles: dict[str, Any] = {}

        def region(tensor: str, size: int) -> tuple[str, int]:
            name = f"{shared_memory_prefix(server.run, server.name)}load_{next(_numbers)}"
            handle = handles[tensor] = shared_memory.create_shared_memory_region(
                name, f"/{name}", size
            )
            stack.callback(shared_memory.destroy_shared_memory_region, handle)
            _register(client, server, name, size)
            stack.callback(_unregister, client, name)
            return name, size

        yield Regions(
            {name: region(f"in {name}", array.nbytes) for name, array in request.inputs.items()},
            {name: region(name, array.nbytes) for name, array in request.answers[0].items()},
            _filled(handles, request),
            request,
        )


def _filled(handles: dict[str, Any], request: LoadRequest) -> dict[str, Any]:
    for name, array in request.inputs.items():
        shared_memory.set_shared_memory_region(handles[f"in {name}"], [array])
    return handles


def _register(client: Any, server: RunningServer, name: str, size: int) -> None:
    try:
        client.register_system_shared_memory(name, f"/{name}", size, client_timeout=ANSWER_TIMEOUT)
    except InferenceServerException as problem:
        if isinstance(server, ServerProcess):
            raise BrokenError(f"the server takes no shared memory: {problem}") from None
        raise Blocked(
            f"the server sees no shared memory of this machine: {problem}", unblock=_UNBLOCK
        ) from None


def _unregister(client: Any, name: str) -> None:
    with suppress(InferenceServerException):  # a server that died knows nothing of it
        client.unregister_system_shared_memory(name, client_timeout=ANSWER_TIMEOUT)
