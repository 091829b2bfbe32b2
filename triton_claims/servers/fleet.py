"""Which Docker host a server runs on, where there are several, and which of them are lost."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from triton_claims.servers.docker_host import HostLostError, answers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from triton_claims.servers.docker_host import DockerHost
    from triton_claims.servers.pool import ServerSpecification

#: Seconds between two looks at a host, and until one that does not answer is lost.
_LOOK_EVERY = 1.0
_PATIENCE = 5.0


class HostWatch:
    """Looks at a Docker host all the time: a link that was down for a moment casts doubt, too.

    Args:
        host: The host.
        looks: Whether it answers; the engine's own word by default.
    """

    def __init__(
        self, host: DockerHost, looks: Callable[[DockerHost, float], bool] = answers
    ) -> None:
        self.host = host
        self._looks = looks
        self._ends = threading.Event()
        self._lock = threading.Lock()
        self._last_answer = time.perf_counter()
        self._outage: float | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def answers(self) -> bool:
        """Whether it answers now; asks."""
        asked = time.perf_counter()
        answered = self._looks(self.host, _PATIENCE)
        with self._lock:
            if answered:
                self._last_answer = time.perf_counter()
            else:
                self._outage = asked
        return answered

    def outage_since(self, moment: float) -> str | None:
        """What was amiss since a moment, in words.

        Args:
            moment: By ``time.perf_counter``.
        """
        if not self.answers():
            return f"the Docker host {self.host} does not answer any more"
        with self._lock:
            if self._outage is not None and self._outage >= moment - _PATIENCE:
                return f"the Docker host {self.host} did not answer for a while"
        return None

    def end(self) -> None:
        """Looks no more."""
        self._ends.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ends.wait(_LOOK_EVERY):
            self.answers()


class Fleet:
    """The Docker hosts of a run, as one of its processes uses them.

    Args:
        hosts: The hosts, at least one.
        number: The process's own number: each begins with another host.
    """

    def __init__(self, hosts: Sequence[DockerHost], number: int = 0) -> None:
        self._hosts = {host.name: host for host in hosts}
        self._next = number
        self._placed: dict[ServerSpecification, str] = {}
        self._lost: dict[str, str] = {}
        self._watches: dict[str, HostWatch] = {}

    def __getitem__(self, name: str) -> DockerHost:
        """The host of a name."""
        return self._hosts[name]

    @property
    def lost(self) -> tuple[str, ...]:
        """The hosts that did not answer any more, in words."""
        return tuple(self._lost.values())

    def place(
        self, specification: ServerSpecification, fits: Callable[[DockerHost], bool] | None = None
    ) -> ServerSpecification:
        """Gives servers of a specification their host: always the same one, while it answers.

        Args:
            specification: The servers; one that is placed already stays there.
            fits: Whether a host has what they need.

        Raises:
            HostLostError: No host is left that fits.
        """
        unplaced = specification.unplaced
        name = specification.docker_host or self._placed.get(unplaced, "")
        if name and self._is_there(name):
            return replace(specification, docker_host=name)
        names = [
            each
            for each, host in self._hosts.items()
            if each not in self._lost and (fits is None or fits(host))
        ]
        for turn in range(len(names)):
            name = names[(self._next + turn) % len(names)]
            if self._is_there(name):
                self._next += 1
                self._placed[unplaced] = name
                return replace(specification, docker_host=name)
        lost = "; ".join(self._lost.values())
        raise HostLostError(f"no Docker host is left to run on: {lost or 'none fits'}")

    def watch(self, name: str) -> HostWatch:
        """The watch of a host."""
        if name not in self._watches:
            self._watches[name] = HostWatch(self._hosts[name])
        return self._watches[name]

    def close(self) -> None:
        """Ends the watches."""
        for watch in self._watches.values():
            watch.end()
        self._watches.clear()

    def _is_there(self, name: str) -> bool:
        if name in self._lost:
            return False
        if self.watch(name).answers():
            return True
        # It stays lost for this process: a host that comes and goes makes no verdicts.
        self._lost[name] = f"the Docker host {self._hosts[name]} does not answer any more"
        return False
