"""The checks of Windows servers, asked of a real one on Linux: how they decide is the same."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("suites-windows")

CLAIM = "windows-grpc-latency"
CHECK = "suites/windows/test_grpc_latency.py"
ANYWHERE = (CHECK, 'needs(os="windows")', 'needs(os="linux")')
QUICK = (CHECK, "Design(tolerated=0.0)", "Design(0.0, 0.3, looks=(3,))")
HTTP = (CHECK, '"http": LOADS["single"]', '"http": LOADS["concurrent"]')
GRPC = (CHECK, '"grpc": LOADS["single"]', '"grpc": LOADS["concurrent"]')


def test_elsewhere_than_on_windows_nothing_is_known(run_altered):
    cell = run_altered(CLAIM).cell(CLAIM)
    assert cell.verdict.value == "blocked"
    assert "needs a server on windows" in cell.reason


@pytest.mark.parametrize(
    ("slower", "verdict", "words"),
    [(HTTP, "confirmed", ""), (GRPC, "refuted", "it is not lower over gRPC")],
)
def test_the_slower_protocol_decides(run_altered, slower, verdict, words):
    cell = run_altered(CLAIM, edits=[ANYWHERE, QUICK, slower]).cell(CLAIM)
    assert cell.verdict.value == verdict, cell.reason
    assert words in cell.reason
    assert cell.pictures


def test_a_client_that_is_slower_itself_measures_nothing(run_altered):
    edits = [ANYWHERE, QUICK]
    cell = run_altered(CLAIM, edits=edits, options=["--load-engine=client"]).cell(CLAIM)
    assert cell.verdict.value == "blocked"
    assert "slower over gRPC itself" in cell.reason
