"""Puts one load on two servers that were started for it, side by side, in turns."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from triton_claims.measure.turns import in_turns

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from triton_claims.measure.load import Latencies
    from triton_claims.measure.turns import Put
    from triton_claims.servers.load_engines import ComparingEngine
    from triton_claims.servers.loads import NamedLoad
    from triton_claims.servers.running import RunningServer

    #: Starts a server, which ends with the context.
    Start = Callable[[], AbstractContextManager[RunningServer]]


def paired_load(
    start_a: Start,
    start_b: Start,
    engine: ComparingEngine,
    protocol: str,
    load: NamedLoad,
    *,
    a_first: bool,
) -> tuple[Latencies, Latencies]:
    """One pair of starts. Both servers are there all the while; one of them works at a time.

    Args:
        start_a: Starts A.
        start_b: Starts B.
        engine: What puts the load on them.
        protocol: ``grpc`` or ``http``.
        load: The load that each of them gets.
        a_first: Whether A is started, and asked, first.

    Returns:
        The times of A's requests and of B's.

    Raises:
        TritonClaimsError: A server did not start or died, or a request failed.
    """
    put: dict[bool, Put] = {}
    with ExitStack() as stack:
        for is_a in (a_first, not a_first):
            server = stack.enter_context((start_a if is_a else start_b)())
            put[is_a] = stack.enter_context(engine.opened(server, protocol, load))
        return in_turns(put[True], put[False], load.load.requests, engine.parts, a_first=a_first)
