"""What a server that is told to stop does about clients that are still connected."""

from __future__ import annotations

import http.client
import time

import pytest

from triton_claims.errors import BrokenError

#: Seconds that the server may wait for its clients, and those it takes where there are none.
MAY_WAIT = 5
ARGUMENTS = [f"--exit-timeout-secs={MAY_WAIT}"]
AT_ONCE = 2.5


@pytest.mark.claim("shutdown-waits-for-connections")
@pytest.mark.server(arguments=ARGUMENTS)
def test_a_shutdown_waits_for_live_connections(server, evidence):
    """A server that is told to stop waits for its live HTTP connections, as long as its exit
    timeout lets it.
    """
    with server.fresh() as fresh:
        alone = seconds_to_stop(fresh)
    with server.fresh() as fresh:
        connection = http.client.HTTPConnection(fresh.process.http, timeout=10)
        connection.request("GET", "/v2/health/live")
        connection.getresponse().read()
        try:
            connected = seconds_to_stop(fresh)
        finally:
            connection.close()
    evidence.measure("to stop, without connections", alone, "s")
    evidence.measure("to stop, with one", connected, "s")
    if alone > AT_ONCE:
        raise BrokenError(f"the check's control failed: without connections it takes {alone:.1f} s")
    assert connected > AT_ONCE, f"it stops after {connected:.1f} s, with a client connected"


def seconds_to_stop(server):
    """How long the server takes from SIGTERM to its end."""
    began = time.monotonic()
    server.stop()
    return time.monotonic() - began
