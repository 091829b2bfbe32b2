"""A check without teeth, and a claim that holds too early: the run says so."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from triton_claims.notes.knowledge import load_knowledge

pytestmark = pytest.mark.xdist_group("suites-teeth")

ROOT = Path(__file__).resolve().parents[2]
RANGED = ("string", "to-integer", "to-string")


def test_the_fix_in_an_older_server_is_premature(start_run):
    run = start_run({"early": {"version": "2.51.0"}}).result()
    assert run.verdicts("early") == run.expected(premature=RANGED)
    for key, cell in run.cells("early").items():
        assert cell.expectation.value == ("holds" if key == "version" else "absent")
        assert key == "version" or (
            "the claim holds on server 2.51.0, where it must be absent (it is claimed since "
            "2.54.0): the check has no teeth, or the notes are wrong" in cell.reason
        )
    assert run.exit_code == 1
    assert run.ledger.footer["failures"] == ["6 premature"]
    assert "PrematureError: the claim holds on server 2.51.0" in run.output
    assert run.leftovers() == []


def without_teeth(source: str) -> str:
    """The source with ``pass`` for the body of every check."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            node.body = [node.body[0], ast.Pass()]  # the docstring stays
    return ast.unparse(tree)


@pytest.fixture
def toothless(tmp_path):
    """The project, with every check's body replaced."""
    for folder in ("suites", "releases", "model_repository"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for file in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / file, tmp_path)
    for path in (tmp_path / "suites").rglob("test_*.py"):
        path.write_text(without_teeth(path.read_text(encoding="utf-8")), encoding="utf-8")
    return tmp_path


def test_checks_without_teeth_are_found_out_by_an_older_server(start_run, toothless):
    servers = {
        "2.51": {"version": "2.51.0", "correlation": "broken-2.51"},
        "2.54": {"correlation": "broken-2.51"},
    }
    run = start_run(servers, root=toothless).result()
    assert run.verdicts("2.51") == run.expected(premature=RANGED)
    # On the server with the fix alone, nobody would know.
    assert run.verdicts("2.54") == run.expected()
    assert run.exit_code == 1
    assert run.ledger.footer["failures"] == ["6 premature"]
    assert "the check has no teeth, or the notes are wrong" in run.output


KNOWLEDGE = load_knowledge(ROOT)


@pytest.mark.parametrize("claim", sorted(KNOWLEDGE.checks))
def test_a_check_says_what_it_decides(claim):
    check = KNOWLEDGE.checks[claim]
    tree = ast.parse((ROOT / check.path).read_bytes())
    (function,) = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == check.function.split("::")[-1]
    )
    said = " ".join((ast.get_docstring(function) or "").split())
    assert said == " ".join(KNOWLEDGE.catalogue[claim].statement.split())
