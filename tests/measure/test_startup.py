from __future__ import annotations

import pytest

from triton_claims.measure.startup import load_seconds

QUOTED = """\
I1231 23:59:59.900000 71 model_lifecycle.cc:472] "loading: a-b_1.5:1"
I1231 23:59:59.950000 71 model_lifecycle.cc:472] "loading: cat:3"
I0101 00:00:00.100000 71 model_lifecycle.cc:839] "successfully loaded 'cat'"
I0101 00:00:01.400000 71 model_lifecycle.cc:839] "successfully loaded 'a-b_1.5'"
I0101 00:00:02.000000 71 model_lifecycle.cc:472] "loading: never:1"
I0101 00:00:02.000000 71 server.cc:1] "loading: is a word in this line"
"""
PLAIN = """\
I0229 12:00:00.000000 71 model_lifecycle.cc:462] loading: cat:1
I0229 12:00:00.250000 71 model_lifecycle.cc:815] successfully loaded 'cat' version 1
"""


def test_loads_are_timed_by_the_log_over_the_turn_of_the_year():
    assert load_seconds(QUOTED) == {"cat": pytest.approx(0.15), "a-b_1.5": pytest.approx(1.5)}


def test_older_logs_have_no_quotes():
    assert load_seconds(PLAIN) == {"cat": pytest.approx(0.25)}


@pytest.mark.parametrize("log", ["", "no log\n", QUOTED.replace("loading: ", "reading: ")])
def test_a_log_without_loads_tells_none(log):
    assert load_seconds(log) == {}
