"""The checks of cloud repositories: real servers whose copies are not as the checks expect."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("suites-cloud")

ROOT = Path(__file__).resolve().parents[2]
CHECK = "suites/cloud/test_repository_copies.py"
MODEL = "model_repository/versions"
SEVERAL = "cloud-repository-copies"
REMOVED = "cloud-repository-copies-removed"


#: The models leave something like a copy of their folder when the server stops.
LEFT = """\
class TritonPythonModel:
    def finalize(self):
        import os

        folder = self.report["folder"]
        left = os.path.join(os.path.dirname(folder), "left")
        os.makedirs(left, exist_ok=True)
        for name in os.listdir(folder):
            if name.startswith("marker-"):
                open(os.path.join(left, name), "w").close()

"""
#: A server that was built without S3, as far as can be seen.
WITHOUT_S3 = """\
case "$*" in
*=s3://*)
    echo 'E0101 00:00:00.000000 1 main.cc:1] "failed to stat: s3:// file-system not supported.'\\
        'To enable, build with -DTRITON_ENABLE_S3=ON."'
    exit 1
    ;;
esac
"""


@pytest.fixture(scope="module")
def untrue(run_altered):
    # Both models have one version, and leave something.
    one_version = (
        f"{MODEL}/config.pbtxt.j2",
        '"all { }" if policy == "all"',
        '"specific { versions: 3 }" if policy == "all"',
    )
    asked = (CHECK, 'for version in ("1", "2", "3")', 'for version in ("3",)')
    leave = [
        (f"{MODEL}/{version}/model.py", "class TritonPythonModel:\n", LEFT) for version in (1, 2, 3)
    ]
    return run_altered(SEVERAL, REMOVED, edits=[one_version, asked, *leave])


@pytest.fixture(scope="module")
def uncontrolled(run_altered):
    # The copies are looked for where there are none.
    elsewhere = (CHECK, 'f"{self._marker}-{of.name}"', '"no such marker"')
    return run_altered(SEVERAL, REMOVED, edits=[elsewhere])


@pytest.fixture(scope="module")
def without(run_altered, wrap_server):
    # The embedded servers were built with it.
    return run_altered(SEVERAL, REMOVED, targets=[wrap_server(WITHOUT_S3)])


def test_a_single_copy_is_noticed(untrue):
    cell = untrue.cell(SEVERAL)
    assert cell.verdict.value == "refuted"
    assert "three versions share 1 copies" in cell.reason


def test_what_is_left_is_noticed(untrue):
    cell = untrue.cell(REMOVED)
    assert cell.verdict.value == "refuted"
    assert "2 of 2 copies are left" in cell.reason


@pytest.mark.parametrize("claim", [SEVERAL, REMOVED])
def test_no_copies_say_nothing(uncontrolled, claim):
    cell = uncontrolled.cell(claim)
    assert cell.verdict.value == "error"
    assert "the check's control failed" in cell.reason


@pytest.mark.parametrize("claim", [SEVERAL, REMOVED])
def test_a_server_that_cannot_read_from_the_store_is_blocked(without, claim):
    cell = without.cell(claim)
    assert cell.verdict.value == "blocked"
    assert (
        "the server cannot read from S3: s3:// file-system not supported. To enable" in cell.reason
    )
    assert "to unblock" in cell.reason


def test_nothing_is_left(untrue, uncontrolled, without):
    assert untrue.leftovers() == uncontrolled.leftovers() == without.leftovers() == []
