"""What puts loads on servers: the interface alone, until the engines are here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from triton_claims.errors import Blocked

if TYPE_CHECKING:
    from triton_claims.notes.releases import Releases
    from triton_claims.servers.cache import Progress
    from triton_claims.servers.running import RunningServer


class LoadEngine(Protocol):
    """What puts a named load on a running server."""

    name: str

    def run(self, server: RunningServer, protocol: str, load: Any) -> Any:
        """Puts the load on the server."""

    def name_for(self, load: Any) -> str:
        """Which engine that is, with its version."""


def load_engine(choice: str, _releases: Releases, _progress: Progress) -> LoadEngine:
    """Gives the engine of a name.

    Raises:
        Blocked: It is not here.
    """
    raise Blocked(f"the load engine {choice} is not here yet", unblock="wait for it")
