"""Pictures of what was measured, as SVG: no fonts, no scripts, readable on light and dark pages."""

from __future__ import annotations

import io
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


def _svg(figure: Figure) -> str:
    from matplotlib import rc_context  # noqa: PLC0415 - see _figure

    buffer = io.StringIO()
    # Text stays text, and ids do not change from run to run.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "triton-claims"}):
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(_METADATA))
    return buffer.getvalue()
