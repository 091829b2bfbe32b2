"""What can go wrong, and who has to act on it.

::

    TritonClaimsError
    ├── InputError            the user's input is wrong: one line, with its place
    ├── Blocked               something needed is not here: the cell is ``blocked``
    ├── Undecided             measured, and not enough to decide: the cell is ``undecided``
    └── BrokenError           the server, the engine or a check broke: the cell is ``error``

None of them is an ``AssertionError``: an assertion in a check speaks of the claim alone.
"""

from __future__ import annotations


class TritonClaimsError(Exception):
    """Anything this project raises on purpose."""


class InputError(TritonClaimsError):
    """The user's input is wrong.

    Args:
        what: What happened, what was expected and what to do next, in one line.
        where: ``FILE:LINE``, an option or a target: the place to mend.
    """

    def __init__(self, what: str, *, where: str | None = None) -> None:
        self.what = " ".join(what.split())
        self.where = where
        super().__init__(f"{where}: {self.what}" if where else self.what)


class Blocked(TritonClaimsError):  # noqa: N818 - a state of the cell, not a fault
    """Something a check needs is not here: a GPU, an image, an operating system, a tool.

    Args:
        reason: What is missing.
        unblock: What would make the check run.
    """

    def __init__(self, reason: str, *, unblock: str) -> None:
        self.reason = reason
        self.unblock = unblock
        super().__init__(f"{reason}; to unblock: {unblock}")


class Undecided(TritonClaimsError):  # noqa: N818 - a state of the cell, not a fault
    """The check measured, and what it saw does not decide the claim.

    Args:
        reason: What was seen.
        needed: How much more, or what else, would decide.
    """

    def __init__(self, reason: str, *, needed: str) -> None:
        self.reason = reason
        self.needed = needed
        super().__init__(f"{reason}; to decide: {needed}")


class BrokenError(TritonClaimsError):
    """The server, the engine or the check itself broke: nothing is known about the claim."""
