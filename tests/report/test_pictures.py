from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from triton_claims.measure.comparison import Design, judge
from triton_claims.measure.memory import Sample, Timeline
from triton_claims.report.pictures import (
    _percentiles,
    comparison_picture,
    latency_picture,
    memory_picture,
    starts_picture,
)

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


def latency():
    return latency_picture(
        {
            "wheel:24.09": np.random.default_rng(1).lognormal(-6, 0.3, 5_000),
            "wheel:24.10": [0.003, 0.002],
        },
        "single, grpc",
        limits={0.5: 0.004, 0.99: 0.006},
    )


def starts():
    return starts_picture(
        {"p50": COMPARISON, "p99": COMPARISON}, a="24.09", b="24.10", title="single, grpc"
    )


EVERY = pytest.mark.parametrize("draw", [memory, comparison, latency, starts])


@EVERY
def test_it_is_one_svg_document_that_asks_for_nothing(draw):
    picture = draw()
    root = ET.fromstring(picture)  # noqa: S314 - our own
    assert root.tag == SVG
    assert "<script" not in picture
    assert not any("http" in value for node in root.iter() for value in node.attrib.values())


@EVERY
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


def words_of(picture):
    return "".join(ET.fromstring(picture).itertext())  # noqa: S314 - our own


def test_latencies_are_told_with_their_shares_and_limits():
    text = words_of(latency())
    for words in ("single, grpc", "wheel:24.09 (5000 requests)", "wheel:24.10 (2 requests)"):
        assert words in text
    for words in ("50 %", "90 %", "99 %", "99.9 %", "limit of 50 %: 4 ms", "limit of 99 %: 6 ms"):
        assert words in text
    # nothing is said of shares that so few requests do not tell of
    assert "99.99 %" not in text


@pytest.mark.parametrize("count", [1, 2, 100, 99_999])
def test_the_slowest_request_is_on_the_curve_and_the_picture_stays_small(count):
    latencies = np.linspace(0.001, 0.002, count)
    points = _percentiles(sorted(latencies))
    assert points[-1][1] == latencies[-1]
    assert points[0][1] == latencies[0]
    assert len(points) <= min(count, 401)
    shares = [share for share, _ in points]
    assert shares == sorted(set(shares))
    assert all(0 < share < 1 for share in shares)
    assert len(latency_picture({"a": latencies}, "many")) < 100_000


def test_latencies_far_apart_are_drawn_on_a_logarithmic_scale():
    near = latency_picture({"a": [0.001, 0.002]}, "near")
    far = latency_picture({"a": [0.001, 0.2]}, "far")
    assert len(re.findall(r'id="text_', far)) != len(re.findall(r'id="text_', near))


def test_starts_are_told_figure_by_figure_with_their_bounds():
    text = words_of(starts())
    for words in ("single, grpc", "p50: ratio 2 [2, 2]", "p99: ratio 2 [2, 2]", "ms"):
        assert words in text
    assert text.count("24.09 (median 1e+03)") == text.count("24.10 (median 2e+03)") == 2
