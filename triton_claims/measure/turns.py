"""Puts one load on two servers in turns, so that a machine that gets slower harms both alike.

Between two starts of one server there is often more difference than between two releases; inside
one pair of starts most of it is the machine's, which has other things to do now and then. So the
requests of a pair are cut into parts, A B, B A, A B, ..., which take a fraction of a second each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from triton_claims.measure.load import Latencies

    #: Puts so many requests on a server.
    Put = Callable[[int], Latencies]


def in_turns(
    a: Put, b: Put, requests: int, parts: int, *, a_first: bool
) -> tuple[Latencies, Latencies]:
    """Puts equally many requests on both.

    Args:
        a: Puts so many requests on A.
        b: The same for B.
        requests: How many each gets in all.
        parts: Into how many parts they are cut; at most as many as there are requests.
        a_first: Whether A begins.

    Returns:
        The times of A's requests and of B's, without the gaps while the other had its turn.
    """
    parts = min(parts, requests)
    sizes = [requests // parts + (number < requests % parts) for number in range(parts)]
    of_a: list[Latencies] = []
    of_b: list[Latencies] = []
    for number, size in enumerate(sizes):
        first = a_first == (number % 2 == 0)
        for is_a in (first, not first):
            (of_a if is_a else of_b).append((a if is_a else b)(size))
    return of_a[0].joined(*of_a[1:]), of_b[0].joined(*of_b[1:])
