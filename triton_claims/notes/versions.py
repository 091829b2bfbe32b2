"""Versions of the server, and ranges of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

# A pre-release or build suffix ("dev", "-rc1", "+cu12") says nothing about which promises hold.
_SERVER = re.compile(r"([0-9]{1,5})\.([0-9]{1,5})\.([0-9]{1,5})(?:[+-]?[A-Za-z][0-9A-Za-z.+-]*)?")


@dataclass(frozen=True, slots=True, order=True)
class ServerVersion:
    """A server version as GET /v2 tells it, e.g. ``2.54.0``; ordered."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> ServerVersion:
        """Read ``2.54.0``; a suffix as in ``2.54.0dev`` is ignored.

        Raises:
            ValueError: The text is no server version.
        """
        match = _SERVER.fullmatch(text)
        if match is None:
            raise ValueError(f"found {text!r}, expected a server version such as 2.54.0")
        return cls(int(match[1]), int(match[2]), int(match[3]))

    def __str__(self) -> str:
        """Spell the version as the server does."""
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True, slots=True)
class VersionRange:
    """The server versions in which a claim holds; both ends are INCLUSIVE.

    Args:
        since: The first version in which it holds; None: no lower end is known.
        until: The LAST version in which it holds; None: it still does.

    Raises:
        ValueError: ``since`` is newer than ``until``.
    """

    since: ServerVersion | None = None
    until: ServerVersion | None = None

    def __post_init__(self) -> None:
        """Refuse a range that holds nothing."""
        if self.since is not None and self.until is not None and self.since > self.until:
            raise ValueError(f"since {self.since} is newer than until {self.until}")

    def __contains__(self, version: ServerVersion) -> bool:
        """Tell whether the claim holds in this version."""
        return (self.since is None or self.since <= version) and (
            self.until is None or version <= self.until
        )

    def describe(self) -> str:
        """Spell the range in words: ``since 2.54.0``, ``2.44.0 to 2.46.0``, ``every version``."""
        if self.since is None:
            return "every version" if self.until is None else f"up to {self.until}"
        if self.until is None:
            return f"since {self.since}"
        return f"{self.since} to {self.until}"
