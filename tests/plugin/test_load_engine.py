"""Which load engine a check is given."""

from __future__ import annotations

import pytest

CHECK = """
    import pytest


    @pytest.mark.claim("server-version")
    def test_always(server, load_engine, evidence):
        evidence.show("engine", load_engine.name)
"""
#: Stands in for the engines: what is looked at is which one the fixture asks for.
CONFTEST = """
from types import SimpleNamespace

import pytest

from triton_claims.servers import load_engines


@pytest.fixture(autouse=True, scope="session")
def engines():
    def load_engine(choice, releases, progress):
        assert releases.newest_with_wheel()
        progress("looking for an engine")
        return SimpleNamespace(name=f"the engine {choice}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load_engines, "load_engine", load_engine)
        yield
"""


@pytest.mark.parametrize(
    ("options", "choice"),
    [
        ((), "auto"),
        (("--load-engine=client",), "client"),
        (("--load-engine=perf_analyzer", "-n", "1"), "perf_analyzer"),
    ],
)
def test_a_check_is_given_the_one_that_was_named(project, options, choice):
    project.check(CHECK)
    project.check(CONFTEST.replace("\n", "\n    "), "conftest.py")
    result = project.run("suites", "--target", project.stage("server"), *options)
    assert result.ret == 0
    (cell,) = project.ledger().cells
    assert [piece.text for piece in cell.evidence] == [f"the engine {choice}"]
    assert project.ledger().header["load_engine"] == choice
    if "-n" not in options:
        result.stdout.fnmatch_lines(["*looking for an engine*"])


def test_summary_and_allure_name_it(project):
    project.check(CHECK)
    project.run("suites", "--target", project.stage("server"), "--load-engine=client")
    assert "load\\_engine: client" in (project.reports / "summary.md").read_text()
    environment = project.reports / "allure-results" / "environment.properties"
    assert "load_engine=client" in environment.read_text().splitlines()
