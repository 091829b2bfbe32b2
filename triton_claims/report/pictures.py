"""Pictures of what was measured, as SVG: no fonts, no scripts, readable on light and dark pages."""

from __future__ import annotations

import io
import math
import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from triton_claims.measure.comparison import Comparison
    from triton_claims.measure.memory import Timeline

_INCHES = (8.0, 3.6)
#: What the picture would else say of when and by what it was made.
_METADATA = ("Creator", "Date", "Format", "Type")
#: Told apart by people who see few colours, and in grey (Okabe and Ito).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
_MILLI = 1e3
#: The shares of requests that are named below latencies, as far as there are so many requests.
_NAMED_SHARES = (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)
#: Points of a curve; more would be seen by nobody.
_POINTS = 400
#: Latencies that differ by more than this are drawn on a logarithmic scale.
_WIDE = 10.0


def memory_picture(timelines: Mapping[str, Timeline], title: str) -> str:
    """Memory over time, one line a server, with the events of the first one marked.

    Args:
        timelines: By what the server is called in the legend; at least one.
        title: Above the picture.

    Returns:
        An SVG document.
    """
    figure, axes = _figure(title)
    for colour, (name, timeline) in zip(_cycle(len(timelines)), timelines.items(), strict=True):
        seconds = [sample.seconds for sample in timeline.samples]
        server = [sample.server for sample in timeline.samples]
        axes.plot(seconds, server, color=colour, linewidth=1.4, label=f"{name}: server")
        if any(sample.stubs for sample in timeline.samples):
            total = [sample.total for sample in timeline.samples]
            axes.plot(
                seconds, total, color=colour, linewidth=0.9, linestyle=":", label="and its models"
            )
    first = next(iter(timelines.values()))
    for number, (at, event) in enumerate(first.events):
        axes.axvline(at, color="#888888", linewidth=0.6, linestyle="--")
        axes.annotate(
            event,
            (at, 1.0 - 0.07 * (number % 2)),
            xycoords=("data", "axes fraction"),
            fontsize=6,
            rotation=90,
            va="top",
            ha="right",
            color="#555555",
        )
    axes.set_xlabel("seconds")
    axes.set_ylabel("MiB (RssAnon)")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7, loc="best")
    return _svg(figure)


def comparison_picture(comparison: Comparison, *, a: str, b: str, unit: str, title: str) -> str:
    """The figures of both sides beside each other, pair joined to pair.

    Args:
        comparison: What was measured.
        a: What A is called.
        b: What B is called.
        unit: The figures' unit, such as ``seconds from start to ready``.
        title: Above the picture.

    Returns:
        An SVG document.
    """
    figure, axes = _figure(title)
    for before, after in zip(comparison.a, comparison.b, strict=True):
        axes.plot([0, 1], [before, after], color="#bbbbbb", linewidth=0.6, zorder=1)
    for place, (side, colour) in enumerate(
        zip((comparison.a, comparison.b), _COLOURS, strict=False)
    ):
        axes.scatter([place] * len(side), side, color=colour, s=14, zorder=2)
        axes.hlines(statistics.median(side), place - 0.12, place + 0.12, color=colour, linewidth=2)
    axes.set_xticks([0, 1], [_labelled(a, comparison.a), _labelled(b, comparison.b)])
    axes.set_xlim(-0.5, 1.5)
    axes.set_ylim(bottom=0)
    axes.set_ylabel(unit)
    axes.annotate(
        f"median ratio of {len(comparison.a)} pairs: {comparison.ratio:.3g} "
        f"[{comparison.low:.3g}, {comparison.high:.3g}]",
        (0.5, 0.96),
        xycoords="axes fraction",
        fontsize=8,
        ha="center",
        va="top",
    )
    return _svg(figure)


def latency_picture(
    curves: Mapping[str, Sequence[float]],
    title: str,
    limits: Mapping[float, float] | None = None,
) -> str:
    """Which share of the requests kept to which latency, with room for the slowest ones.

    Args:
        curves: Latencies in seconds, in any order, by what the server is called in the legend; at
            least one, each of at least one request.
        title: Above the picture.
        limits: Seconds by the share of the requests that must keep to them, such as
            ``{0.99: 0.02}``.

    Returns:
        An SVG document.
    """
    figure, axes = _figure(title)
    every = [latency * _MILLI for curve in curves.values() for latency in curve]
    most = max(len(curve) for curve in curves.values())
    shares = [share for share in _NAMED_SHARES if share <= max(0.99, 1 - 1 / most)]
    for colour, (name, curve) in zip(_cycle(len(curves)), curves.items(), strict=True):
        points = _percentiles(sorted(curve))
        axes.plot(
            [_nines(share) for share, _ in points],
            [latency * _MILLI for _, latency in points],
            color=colour,
            linewidth=1.4,
            drawstyle="steps-pre",
            label=f"{name} ({len(curve)} requests)",
        )
    for share, seconds in sorted((limits or {}).items()):
        limit = seconds * _MILLI
        every.append(limit)
        axes.plot(
            [0, _nines(share), _nines(share)],
            [limit, limit, limit],
            color="#888888",
            linewidth=0.9,
            linestyle="--",
            marker="v",
            markevery=[1],
        )
        axes.annotate(
            f"limit of {share * 100:g} %: {limit:.3g} ms",
            (_nines(share), limit),
            textcoords="offset points",
            xytext=(-4, 4),
            ha="right",
            fontsize=7,
            color="#555555",
        )
    axes.set_xticks([_nines(share) for share in shares], [f"{share * 100:g} %" for share in shares])
    axes.set_xlim(left=0)
    if max(every) > _WIDE * min(every):
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel("share of the requests")
    axes.set_ylabel("ms, that they kept to")
    axes.legend(fontsize=7, loc="upper left")
    return _svg(figure)


def starts_picture(
    comparisons: Mapping[str, Comparison],
    *,
    a: str,
    b: str,
    title: str,
    unit: str = "ms",
    scale: float = _MILLI,
) -> str:
    """The figures of both sides from start to start, pair by pair, a panel for each figure.

    Args:
        comparisons: What was measured, by what the figure is called, such as ``p50``; at least
            one.
        a: What A is called.
        b: What B is called.
        title: Above the picture.
        unit: The unit that is shown.
        scale: How many of it are one of the unit that was measured in; ms and seconds by default.

    Returns:
        An SVG document.
    """
    figure, panels = _panels(title, len(comparisons))
    for axes, (name, comparison) in zip(panels, comparisons.items(), strict=True):
        pairs = range(1, len(comparison.a) + 1)
        for word, side, colour in zip((a, b), (comparison.a, comparison.b), _COLOURS, strict=False):
            figures = [each * scale for each in side]
            middle = statistics.median(figures)
            axes.plot(
                pairs,
                figures,
                color=colour,
                linewidth=0.6,
                marker="o",
                markersize=3.5,
                label=f"{word} (median {middle:.3g})",
            )
            axes.axhline(middle, color=colour, linewidth=0.9, linestyle=":")
        axes.set_title(
            f"{name}: ratio {comparison.ratio:.3g} [{comparison.low:.3g}, {comparison.high:.3g}]",
            fontsize=8,
        )
        axes.set_ylim(bottom=0)
        axes.set_xlabel("pair of server starts")
        axes.set_ylabel(unit)
        axes.legend(fontsize=7, loc="lower right")
    return _svg(figure)


def _percentiles(ordered: Sequence[float]) -> list[tuple[float, float]]:
    """Shares of the requests, and what they kept to: latencies that occurred, the last one too."""
    count = len(ordered)
    # Evenly in nines: the slowest requests get as much room as they need, and one point each.
    longest = _nines(1 - 0.5 / count)
    places = {
        min(math.floor(count * (1 - 10 ** -(longest * step / _POINTS))), count - 1)
        for step in range(_POINTS + 1)
    }
    return [((place + 0.5) / count, ordered[place]) for place in sorted(places)]


def _nines(share: float) -> float:
    """Where a share of the requests stands: 90 % at 1, 99 % at 2, 99.9 % at 3."""
    return -math.log10(1 - share)


def _labelled(name: str, figures: Sequence[float]) -> str:
    return f"{name}\n(median {statistics.median(figures):.3g})"


def _cycle(count: int) -> list[str]:
    return [_COLOURS[number % len(_COLOURS)] for number in range(count)]


def _figure(title: str) -> tuple[Figure, Axes]:
    # Slow to import, and most runs of the suite draw nothing.
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _panels(title: str, count: int) -> tuple[Figure, Sequence[Axes]]:
    """A picture of several panels beside each other."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - see _figure

    figure = Figure(figsize=_INCHES, layout="constrained")
    figure.suptitle(title, fontsize=9)
    panels = [figure.add_subplot(1, count, number) for number in range(1, count + 1)]
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels


def _svg(figure: Figure) -> str:
    from matplotlib import rc_context  # noqa: PLC0415 - see _figure

    buffer = io.StringIO()
    # Text stays text, and ids do not change from run to run.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "triton-claims"}):
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(_METADATA))
    return buffer.getvalue()
