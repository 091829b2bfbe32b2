"""What every target comes to when it has been made ready: something that starts servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from triton_claims.servers.allocators import Allocator
    from triton_claims.servers.image_contents import ImageContents
    from triton_claims.servers.running import RunningServer
    from triton_claims.servers.scratch import Scratch


class Startable(Protocol):
    """A server that can be started: files on this machine, or an image on a Docker host."""

    @property
    def origin(self) -> str:
        """Where it is, for people."""

    @property
    def digest(self) -> str:
        """What identifies it: SHA-256 of a wheel or a binary, or an image's digest."""

    @property
    def stated_version(self) -> str | None:
        """The server version written beside it, where there is one."""

    @property
    def model_python(self) -> str:
        """The Python that runs its models, for the record."""

    def start(
        self,
        *,
        name: str,
        scratch: Scratch,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        gpus: Sequence[str],
        loopback: bool,
        timeout: float,
    ) -> RunningServer:
        """Starts a server and waits until it is ready.

        Its models lie in ``scratch.folder / name / "models"``.

        Args:
            name: Unique on the machine; the server reports it as its own.
            scratch: The run's temporary place.
            arguments: Its options beyond those that every server gets.
            environment: Its environment variables beyond those.
            gpus: UUIDs of the GPUs it is to see, and no others; none for a server on the CPU.
            loopback: Whether it must reach this machine's loopback, as a process always does.
            timeout: Seconds until it must be ready.

        Raises:
            Blocked: It cannot be started here.
            ServerFailedToStartError: It ended or did not get ready.
        """

    def options(self, scratch: Scratch) -> frozenset[str]:
        """The options its ``--help`` lists: what it was built with differs."""

    @property
    def backend_folder(self) -> str:
        """Where its backends are, by the paths of :meth:`contents`."""

    def contents(self) -> AbstractContextManager[ImageContents]:
        """The files that its servers see."""

    def allocator(self, allocator: Allocator) -> str:
        """The path of an allocator's library as the server sees it, for LD_PRELOAD.

        Raises:
            Blocked: It is not to be had.
        """
