"""The check of the client's wheel, with indexes in folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from staged.client_wheel import make_client_wheel
from triton_claims.notes.knowledge import load_knowledge

pytestmark = pytest.mark.xdist_group("suites-packaging")

CLAIM = "sbsa-client-wheel-wrong"
VERSION = str(
    load_knowledge(Path(__file__).resolve().parents[2]).releases.newest_with_wheel().server
)
ARM, X86 = "manylinux2014_aarch64", "manylinux1_x86_64"


@pytest.fixture(scope="module")
def run(run_altered, tmp_path_factory):
    """Runs the check with an index that holds the wheels of some platforms."""

    def run(*platforms, **known):
        index = tmp_path_factory.mktemp("index")
        for platform in platforms:
            make_client_wheel(index, VERSION, platform, b"from the index")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PIP_NO_INDEX", "1")
            patch.setenv("PIP_FIND_LINKS", str(index))
            for name, program in known.items():
                wheel = make_client_wheel(index / name, VERSION, ARM, program)
                patch.setenv(f"TRITON_CLAIMS_{name}_CLIENT_WHEEL", str(wheel))
            return run_altered(CLAIM).cell(CLAIM)

    return run


def test_the_wheel_for_jetson(run):
    cell = run(ARM, X86, JETSON=b"from the index")
    assert cell.verdict.value == "confirmed"
    assert cell.server_version == VERSION


def test_the_wheel_for_sbsa(run):
    cell = run(ARM, X86, SBSA=b"from the index")
    assert cell.verdict.value == "refuted"
    assert "is the one that was built for SBSA" in cell.reason


def test_another_wheel(run):
    cell = run(ARM, X86, JETSON=b"another", SBSA=b"one more")
    assert cell.verdict.value == "undecided"
    assert f"tritonclient-{VERSION}-py3-none-{ARM}.whl is not the wheel of" in cell.reason


def test_nothing_to_compare_with(run):
    cell = run(ARM, X86)
    assert cell.verdict.value == "blocked"
    assert "to unblock: set TRITON_CLAIMS_JETSON_CLIENT_WHEEL to the wheel" in cell.reason


def test_a_wheel_for_no_platform(run):
    cell = run("any", X86)
    assert cell.verdict.value == "refuted"
    assert f"takes tritonclient-{VERSION}-py3-none-any.whl, which was built for no" in cell.reason


def test_control_an_index_that_lacks_the_client(run):
    cell = run(ARM)
    assert cell.verdict.value == "blocked"
    assert f"pip finds no client {VERSION} for x86-64" in cell.reason


def test_control_an_index_without_platforms(run):
    cell = run("any")
    assert cell.verdict.value == "error"
    assert "the check's control failed: on x86-64 pip takes" in cell.reason
