"""The machines whose Docker engine runs containers, and what their engines say in words."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import docker
import requests
from docker.errors import APIError, DockerException, InvalidArgument, InvalidVersion
from docker.tls import TLSConfig

from triton_claims.errors import Blocked, BrokenError, InputError
from triton_claims.secrets import redact
from triton_claims.servers.running import LOOPBACK
from triton_claims.servers.ssh_engine import engine_by_ssh, share_connections

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCHEMES = ("unix", "tcp", "ssh")
#: Seconds for a request to an engine that is there; one on another machine may not answer at all.
REQUEST_TIMEOUT = 60.0
_CONNECT_TIMEOUT = 10.0
#: By ssh a process has to start here and two there; ssh itself gives up earlier on a host that is
#: not there.
_CONNECT_TIMEOUT_BY_SSH = 40.0
_NEVER_SENT = (InvalidArgument, InvalidVersion)


class HostLostError(BrokenError):
    """A Docker host does not answer any more: nothing is known of the servers there."""


@dataclass(frozen=True, slots=True)
class DockerHost:
    """A machine with a Docker engine.

    Attributes:
        name: What reports call it.
        url: Where its engine listens: ``unix:///path``, ``tcp://host:port``, ``ssh://user@host``.
        address: Where the ports that its containers publish are reached; loopback for an engine on
            this machine.
        labels: What its owner says of it, such as ``(("rack", "7"),)``.
    """

    name: str
    url: str
    address: str
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def is_local(self) -> bool:
        """Whether its engine is reached by a socket of this machine."""
        return self.url.startswith("unix:")

    @property
    def is_by_ssh(self) -> bool:
        """Whether its engine is reached by ssh."""
        return self.url.startswith("ssh:")

    @property
    def socket_url(self) -> str:
        """Where its engine is reached by Docker's library."""
        return engine_by_ssh(self.url).url if self.is_by_ssh else self.url

    def environment(self) -> dict[str, str]:
        """The environment variables that lead Docker's own library to it."""
        passed = ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
        kept = {name: os.environ[name] for name in passed if name in os.environ}
        return {**kept, "DOCKER_HOST": self.socket_url}

    def __str__(self) -> str:
        """As messages call it; the URL may hold no secret."""
        return redact(self.url if self.name == self.url else f"{self.name} ({self.url})")


def default_host(environment: Mapping[str, str] | None = None) -> DockerHost:
    """The engine that the ``docker`` command would talk to: DOCKER_HOST, or the usual socket."""
    environment = os.environ if environment is None else environment
    url = environment.get("DOCKER_HOST") or f"unix://{_usual_socket(environment)}"
    return docker_host(url)


def docker_host(
    url: str, *, name: str | None = None, labels: Mapping[str, str] | None = None
) -> DockerHost:
    """A Docker host by its URL."""
    return DockerHost(
        name=name or url,
        url=url,
        address=_address(url),
        labels=tuple(sorted((labels or {}).items())),
    )


def parse_docker_host(text: str, *, where: str = "--docker-host") -> DockerHost:
    """Reads a Docker host.

    Args:
        text: ``unix:///path``, ``tcp://host:port`` or ``ssh://[user@]host[:port]``.
        where: Named in the error.

    Raises:
        InputError: It is none of these.
    """
    try:
        parts = urlsplit(text)
        complete = parts.path if parts.scheme == "unix" else parts.hostname
        _ = parts.port
        # Nobody reads a user of tcp://, and a password has its place elsewhere.
        if parts.password or (parts.scheme == "tcp" and parts.username):
            complete = None
    except ValueError:
        complete = None
    if not complete or not text.isprintable() or parts.scheme not in SCHEMES:
        raise InputError(
            f"{redact(text)!r} is no Docker host: expected unix:///path/to.sock, tcp://HOST:PORT "
            "or ssh://[USER@]HOST",
            where=where,
        )
    return docker_host(text)


def _usual_socket(environment: Mapping[str, str]) -> Path:
    usual = Path("/var/run/docker.sock")
    of_this_user = [
        Path(environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}") / "docker.sock",
        Path.home() / ".docker" / "run" / "docker.sock",
    ]
    return next((each for each in (usual, *of_this_user) if each.exists()), usual)


def _address(url: str) -> str:
    override = os.environ.get("TESTCONTAINERS_HOST_OVERRIDE")
    if url.startswith("tcp:"):
        return urlsplit(url).hostname or LOOPBACK
    # An engine behind ssh publishes on its own loopback, to which a tunnel leads.
    return override or LOOPBACK


@cache
def connect(host: DockerHost) -> docker.DockerClient:
    """A client of a host's engine, the same one each time.

    Raises:
        Blocked: No engine answers there.
    """
    patience = _CONNECT_TIMEOUT_BY_SSH if host.is_by_ssh else _CONNECT_TIMEOUT
    with engine_in_words(host):
        _knock(host, patience)
        client = docker.DockerClient(
            base_url=host.socket_url,
            version="auto",
            timeout=int(patience),
            tls=_tls(host),
            max_pool_size=32,
        )
        if host.is_by_ssh:
            share_connections(client)
        client.ping()
        client.api.timeout = int(REQUEST_TIMEOUT)
        return client


def _knock(host: DockerHost, timeout: float) -> None:
    """Docker's library forgets to close a socket on which nobody answers.

    Raises:
        OSError: Nobody does.
    """
    if host.is_local:
        with socket.socket(socket.AF_UNIX) as way:
            way.settimeout(timeout)
            way.connect(urlsplit(host.url).path)


def _tls(host: DockerHost) -> TLSConfig | bool:
    folder = os.environ.get("DOCKER_CERT_PATH")
    if not host.url.startswith("tcp:") or not (folder or os.environ.get("DOCKER_TLS_VERIFY")):
        return False
    certificates = Path(folder) if folder else Path.home() / ".docker"
    return TLSConfig(
        client_cert=(str(certificates / "cert.pem"), str(certificates / "key.pem")),
        ca_cert=str(certificates / "ca.pem"),
        verify=bool(os.environ.get("DOCKER_TLS_VERIFY")),
    )


@contextmanager
def engine_in_words(host: DockerHost, *, refusals: bool = True) -> Iterator[None]:
    """Turns what Docker's library raises into an error that says what to do.

    Args:
        host: Whose engine is talked to.
        refusals: Whether also what an engine refuses; else that is left to the caller.

    Raises:
        Blocked: The engine is not there.
        BrokenError: It refuses.
    """
    try:
        yield
    except APIError as problem:
        if not refusals:
            raise
        raise BrokenError(f"the Docker engine at {host} refuses: {said(problem)}") from None
    except _NEVER_SENT as problem:
        raise BrokenError(f"Docker's library refuses what {host} was to do: {problem}") from None
    except (DockerException, requests.RequestException, OSError) as problem:
        raise Blocked(
            f"no Docker engine answers at {host}: {_said_by_ssh(host) or _innermost(problem)}",
            unblock=f"see that DOCKER_HOST={host.url} docker version answers without a question"
            if host.is_by_ssh
            else "install and start Docker, or name an engine by --docker-host or DOCKER_HOST",
        ) from None


def _said_by_ssh(host: DockerHost) -> str:
    """What ssh has to say of why an engine does not answer."""
    return engine_by_ssh(host.url).last_words if host.is_by_ssh else ""


def said(problem: APIError) -> str:
    """What an engine answered, in one line without secrets."""
    return redact(" ".join(str(problem.explanation or problem).split()))


def _innermost(problem: BaseException) -> str:
    """The cause, without the library's frames around it: ``No such file or directory``."""
    while (inner := problem.__cause__ or problem.__context__) is not None:
        problem = inner
    strerror = getattr(problem, "strerror", None)
    return redact(" ".join(str(strerror or problem).split()))


def answers(host: DockerHost, timeout: float) -> bool:
    """Whether an engine answers now.

    Args:
        host: The host.
        timeout: Seconds until it counts as gone.
    """
    try:
        api: Any = connect(host).api
        _knock(host, timeout)
        return bool(api.get(f"{api.base_url}/_ping", timeout=timeout).ok)
    except (Blocked, BrokenError, requests.RequestException, OSError):
        return False
