"""The gates for slower servers that are usually met, to be shown beside ours.

Each looks at one run of either side and asks whether B is slower than A. None knows how much a
server differs from itself from one start to the next, and so none can know whether what it sees is
more than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from triton_claims.measure.load import Latencies

#: What everybody takes for a slowdown.
SLOWER = 0.05
#: The significance that everybody takes.
ALPHA = 0.05
#: Windows of a run are stable where they are within a tenth of each other, the last three.
STABLE, LAST = 0.1, 3
#: The requests of a window at least.
WINDOW = 50


def mean_more(a: Latencies, b: Latencies) -> bool:
    """One run each, and B's mean latency more than 5 % above A's."""
    return bool(b.seconds.mean() > (1 + SLOWER) * a.seconds.mean())


def students_t(a: Latencies, b: Latencies) -> bool:
    """Student's t test over the requests, as if each were independent: B's mean is above A's."""
    found = stats.ttest_ind(b.seconds, a.seconds, alternative="greater")
    return bool(found.pvalue < ALPHA)


def when_stable(a: Latencies, b: Latencies) -> bool | None:
    """Perf Analyzer's rule: the mean of the last three windows, once these are alike.

    Returns:
        Whether B's is more than 5 % above A's; None where a run never gets stable, which is then
        no result.
    """
    means = [_stable_mean(each) for each in (a, b)]
    if means[0] is None or means[1] is None:
        return None
    return means[1] > (1 + SLOWER) * means[0]


#: All of them, by what they are called in the tables.
GATES: Mapping[str, Callable[[Latencies, Latencies], bool | None]] = {
    "mean of one run each, more than 5 %": mean_more,
    "t test over the requests, alpha 0.05": students_t,
    "stable windows, mean more than 5 %": when_stable,
}


def _stable_mean(latencies: Latencies) -> float | None:
    """The mean of the first three windows in a row that are alike, s; None where none are."""
    order = np.argsort(latencies.ended, kind="stable")
    windows = len(latencies) // WINDOW
    if windows < LAST:
        return None
    parts = [order[at * WINDOW : (at + 1) * WINDOW] for at in range(windows)]
    means = np.array([latencies.seconds[part].mean() for part in parts])
    last = np.array([latencies.ended[part].max() for part in parts])
    first = np.concatenate([[latencies.intended.min()], last[:-1]])
    rates = WINDOW / np.maximum(last - first, 1)
    for at in range(windows - LAST + 1):
        those = slice(at, at + LAST)
        if _alike(means[those]) and _alike(rates[those]):
            return float(means[those].mean())
    return None


def _alike(values: npt.NDArray[np.float64]) -> bool:
    return bool(values.max() <= (1 + STABLE) * values.min())
