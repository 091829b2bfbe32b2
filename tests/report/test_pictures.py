from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from triton_claims.measure.comparison import Design, judge
from triton_claims.measure.memory import Sample, Timeline
from triton_claims.report.pictures import comparison_picture, memory_picture

SVG = "{http://www.w3.org/2000/svg}svg"
TIMELINE = Timeline(
    tuple(Sample(second, 20 + 5 * second, 30) for second in range(10)),
    ((2.0, "burst 1"), (5.0, "unload")),
)
WITHOUT_STUBS = Timeline((Sample(0, 10, 0), Sample(1, 11, 0)), ())
COMPARISON = judge([1.0] * 9, [2.0] * 9, Design(tolerated=0.1))


def memory():
    return memory_picture({"system": TIMELINE, "jemalloc": WITHOUT_STUBS}, "a <title>")


def comparison():
    return comparison_picture(COMPARISON, a="without", b="with", unit="seconds", title="starts")


@pytest.mark.parametrize("draw", [memory, comparison])
def test_it_is_one_svg_document_that_asks_for_nothing(draw):
    picture = draw()
    root = ET.fromstring(picture)  # noqa: S314 - our own
    assert root.tag == SVG
    assert "<script" not in picture
    assert not any("http" in value for node in root.iter() for value in node.attrib.values())


@pytest.mark.parametrize("draw", [memory, comparison])
def test_the_same_figures_give_the_same_picture(draw):
    assert draw() == draw()


def test_memory_over_time_is_told_with_its_events():
    text = "".join(ET.fromstring(memory()).itertext())  # noqa: S314 - our own
    for words in ("a <title>", "burst 1", "unload", "system: server", "jemalloc: server", "MiB"):
        assert words in text


def test_a_comparison_is_told_with_its_bounds():
    text = "".join(ET.fromstring(comparison()).itertext())  # noqa: S314 - our own
    for words in ("starts", "without", "with", "median 1)", "median 2)", "9 pairs: 2 [2, 2]"):
        assert words in text
