"""Tells whether events come in bursts: then they say less than their number.

A machine that hiccups makes a dozen requests slow at once. That is one event and not a dozen, and
a test that counts it as a dozen is far too sure. So the run is cut into windows of consecutive
requests, and the variance of the events in a window is put over what chance alone would give it:
1 where each comes by itself, the usual size of a burst where they do not. What that number says by
chance alone is found by shuffling, which is exact also where there are few events.

Bursts that are rarer than the run is long cannot be seen in it: nothing can. Where slow requests
come twenty at a time and are one in a hundred of all, two thousand requests have no burst at all in
one of three runs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

#: Long windows hold whole bursts, short ones tell many of them apart.
_WINDOWS = (10, 20, 80)
#: Windows of fewer requests than this tell nothing.
_SHORTEST = 3
#: How often chance alone may pass for a burst. That costs requests and no wrong verdict.
_LEVEL = 0.01
_SHUFFLES = 2000
#: Of the tests that the dispersion is for.
_USUAL_LEVEL = 0.002


def dispersion(happened: npt.NDArray[np.bool_]) -> float:
    """How many of the events it takes to say as much as one that comes by itself.

    Args:
        happened: Shape ``(n,)``, in order of time: whether it happened at that request.

    Returns:
        At least 1; exactly 1 where the events are spread as chance alone would spread them.
    """
    events, cases = int(happened.sum()), len(happened)
    if not 1 < events < cases:
        return 1.0
    found = 1.0
    for windows in (each for each in _WINDOWS if cases >= _SHORTEST * each):
        ends = np.linspace(0, cases, windows + 1).astype(np.int64)
        counts = np.add.reduceat(happened.astype(np.int64), ends[:-1])
        here = float(_dispersions(counts[np.newaxis, :], ends[1:] - ends[:-1], events)[0])
        if here > _by_chance(events, cases, windows):
            found = max(found, here * _unsure(windows))
    return found


@lru_cache
def _unsure(windows: int) -> float:
    """By how much a dispersion of so few windows must count for more, as Student's t does."""
    from scipy.stats import norm, t  # noqa: PLC0415 - slow to import, and few runs need it

    return float(t.ppf(_USUAL_LEVEL, windows - 1) / norm.ppf(_USUAL_LEVEL)) ** 2


def _dispersions(
    counts: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64], events: int
) -> npt.NDArray[np.float64]:
    """Pearson's chi-squared of each row over its degrees of freedom."""
    share = events / int(sizes.sum())
    expected = sizes * share
    found: npt.NDArray[np.float64] = ((counts - expected) ** 2 / (expected * (1 - share))).sum(1)
    return found / (len(sizes) - 1)


@lru_cache(maxsize=4096)
def _by_chance(events: int, cases: int, windows: int) -> float:
    """What the dispersion hardly ever exceeds where each event comes by itself."""
    ends = np.linspace(0, cases, windows + 1).astype(np.int64)
    sizes = ends[1:] - ends[:-1]
    shuffled = np.random.default_rng(0).multivariate_hypergeometric(
        sizes, events, _SHUFFLES, method="marginals"
    )
    usual = _dispersions(shuffled, sizes, events)
    return float(np.quantile(usual, 1 - _LEVEL / len(_WINDOWS)))
