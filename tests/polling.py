"""Waits for what another process does, which sends no event."""

from __future__ import annotations

import time

#: Seconds; far more than any of it takes.
PATIENCE = 60.0


def until(what, message, patience=PATIENCE):
    """Polls for something and returns it.

    Args:
        what: Gives it, or something false as long as it is not there.
        message: Says what did not happen.
        patience: Seconds until it counts as not happening.
    """
    deadline = time.monotonic() + patience
    while not (found := what()):
        assert time.monotonic() < deadline, message
        time.sleep(0.02)
    return found
