"""Shortens a run's deadlines, so that servers that keep silent can be tested in seconds.

A pytest plugin for a run that is a process of its own, loaded by ``-p impatience``. Nothing else
of the run changes.
"""

from __future__ import annotations

import os
from functools import partialmethod

from triton_claims.servers.client import Client
from triton_claims.servers.pool import ServerPool

#: Seconds for an answer, and for a server's start; comma-separated.
VARIABLE = "IMPATIENCE"

_answer, _start = map(float, os.environ[VARIABLE].split(","))
Client.__init__ = partialmethod(Client.__init__, timeout=_answer)  # type: ignore[method-assign]
ServerPool.__init__ = partialmethod(  # type: ignore[method-assign]
    ServerPool.__init__, start_timeout=_start
)
