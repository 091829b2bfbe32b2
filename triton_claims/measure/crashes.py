"""How often something ends in a crash, tried until that is known well enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from triton_claims.measure.rate import Rate, rate

if TYPE_CHECKING:
    from collections.abc import Callable

#: Fewer than one crash in so many tries is none that anybody would meet. 0 crashes in 59 tries say
#: so with 95 % confidence.
RARE = 1 / 20
MOST_TRIES = 60


@dataclass(frozen=True, slots=True)
class Crashes:
    """What so many tries ended in.

    Attributes:
        rate: How many of them crashed, with bounds.
        ends: How each ended, in words.
    """

    rate: Rate
    ends: tuple[str, ...]

    @property
    def happened(self) -> bool:
        """Whether there was any crash."""
        return self.rate.events > 0

    @property
    def are_rare(self) -> bool:
        """Whether it is certain that fewer than one try in twenty crashes."""
        return self.rate.is_below(RARE)

    def __str__(self) -> str:
        """In words."""
        return f"{self.rate} crashed"


def try_for_crashes(attempt: Callable[[], tuple[bool, str]], tries: int = MOST_TRIES) -> Crashes:
    """Tries until there was a crash, or until it is certain that crashes are rare.

    Args:
        attempt: Tries once: whether it crashed, and how it ended, in words.
        tries: The most tries.
    """
    crashed = 0
    ends: list[str] = []
    while len(ends) < tries and not crashed:
        did_crash, words = attempt()
        crashed += did_crash
        ends.append(words)
        if rate(crashed, len(ends)).is_below(RARE):
            break
    return Crashes(rate(crashed, len(ends)), tuple(ends))
