"""Whether what a newcomer wrote is what the engine reads: checks that nobody would find or heed."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from triton_claims.notes.checks import CheckLocation
    from triton_claims.notes.knowledge import Knowledge

_MARK = re.compile(r"^\s*@(?:pytest\.)?mark\.claim\(", re.MULTILINE)


def faults_of_checks(knowledge: Knowledge) -> Iterator[str]:
    """Tell what is wrong with the checks, each in one line with its place and the next step.

    A docstring that is not the statement of its claim, and marks in files that pytest does not
    collect.
    """
    suites = knowledge.root / "suites"
    for path in sorted(suites.rglob("*.py")):
        # Hidden ones are of editors: their locks lead nowhere.
        if path.name.startswith(("test_", ".")) or not path.is_file():
            continue
        for match in _MARK.finditer(text := path.read_text(encoding="utf-8", errors="replace")):
            line = text.count("\n", 0, match.end()) + 1
            yield (
                f"{path}:{line}: found a claim mark in a file that pytest does not collect; next: "
                f"move the check to a file test_*.py, such as {path.parent / f'test_{path.name}'}"
            )
    for check in knowledge.checks.values():
        statement = knowledge.catalogue[check.claim].statement
        if _said(knowledge.root, check) != " ".join(statement.split()):
            yield (
                f"{knowledge.root / check.path}:{check.line}: {check.function}: found a docstring "
                f"that is not the statement of {check.claim!r}; next: copy that from "
                f"{knowledge.catalogue.path}:{knowledge.catalogue[check.claim].line}, word for word"
            )


def _said(root: Path, check: CheckLocation) -> str:
    """The docstring of a check, blanks aside."""
    tree = ast.parse((root / check.path).read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.lineno == check.line:
            return " ".join((ast.get_docstring(node) or "").split())
    return ""
