"""How the user's ``ssh`` is called."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

_OPTIONS = (
    "BatchMode=yes",  # nobody is there to be asked
    "ConnectTimeout=8",  # before others lose patience
    "ServerAliveInterval=5",  # a connection that is lost is to be noticed
    "ServerAliveCountMax=3",
    "LogLevel=ERROR",
)


def ssh_command(url: str, options: Sequence[str], command: Sequence[str] = ()) -> list[str]:
    """The command line; all that the user has configured for the host counts.

    Args:
        url: ``ssh://[user@]host[:port]``.
        options: Further options.
        command: What is to run there.
    """
    parts = urlsplit(url)
    where = f"{parts.username}@{parts.hostname}" if parts.username else str(parts.hostname)
    at = ["-p", str(parts.port)] if parts.port is not None else []
    settings = [word for option in _OPTIONS for word in ("-o", option)]
    return ["ssh", *settings, *options, *at, "--", where, *command]
