"""The check of an option that went, with clients that are made for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from staged.client_wheel import make_client_wheel
from triton_claims.notes.knowledge import load_knowledge

pytestmark = pytest.mark.xdist_group("suites-perf-analyzer")

CLAIM = "perf-analyzer-no-trace-file"
VERSION = str(
    load_knowledge(Path(__file__).resolve().parents[2]).releases.newest_with_wheel().server
)
OPTIONS = b"\x7fELF\0\t--trace-level\0trace-rate\0concurrency-range\0to <trace-file>.0.\0"


@pytest.fixture(scope="module")
def run(run_altered, tmp_path_factory):
    """Runs the check with an index that holds a client with some program in it, or none."""

    def run(program):
        index = tmp_path_factory.mktemp("index")
        if program is not None:
            make_client_wheel(index, VERSION, "manylinux1_x86_64", program)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PIP_NO_INDEX", "1")
            patch.setenv("PIP_FIND_LINKS", str(index))
            return run_altered(CLAIM).cell(CLAIM)

    return run


@pytest.mark.parametrize(
    ("program", "verdict", "words"),
    [
        (OPTIONS, "confirmed", "holds on server"),
        (OPTIONS + b"\t--trace-file\0", "refuted", "it takes --trace-file"),
        # a longer name is taken for its beginning
        (OPTIONS + b"trace-file-name\0", "refuted", "it takes --trace-file: trace-file-name"),
        (OPTIONS.replace(b"trace-rate", b""), "error", "no text for trace-rate"),
        (None, "blocked", "pip finds no client"),
    ],
)
def test_what_the_program_holds_decides(run, program, verdict, words):
    cell = run(program)
    assert cell.verdict.value == verdict, cell.reason
    assert words in cell.reason
