"""Which test function decides which claim, read from the suites' source without importing it."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from triton_claims.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class CheckLocation:
    """Where the check of a claim stands.

    Args:
        claim: The claim's id.
        path: The file, relative to the project's root where it lies below it.
        line: The line of the function's ``def``.
        function: Its name as a test id spells it: ``test_x`` or ``TestGroup::test_x``.
    """

    claim: str
    path: Path
    line: int
    function: str

    @property
    def area(self) -> str:
        """The folder of the suites that it stands in; empty for one in none."""
        parts = self.path.parts[1:-1]
        return parts[0] if parts else ""


def find_checks(suites: Path, root: Path) -> dict[str, CheckLocation]:
    """Find the functions marked ``@pytest.mark.claim("id")`` in ``suites/**/test_*.py``.

    Args:
        suites: The folder of the checks; one that does not exist holds none.
        root: The project's root.

    Returns:
        The check of each claim id, in the order of files and lines.

    Raises:
        InputError: A file does not parse, two functions decide one claim, a function has two claim
            marks, a mark holds no single literal id, or stands where pytest would not heed it.
    """
    checks: dict[str, CheckLocation] = {}
    for path in sorted(suites.rglob("test_*.py")):
        shown_path = path.relative_to(root) if path.is_relative_to(root) else path
        for name, function, marks in _marked_functions(path):
            claim = _only_id(path, name, marks)
            first = checks.get(claim)
            if first is not None:
                raise InputError(
                    f"{name}: found a second check of {claim!r}, expected one: "
                    f"{first.path}:{first.line} decides it already",
                    where=f"{path}:{marks[0].lineno}",
                )
            checks[claim] = CheckLocation(claim, shown_path, function.lineno, name)
    return checks


def _marked_functions(
    path: Path,
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef, list[ast.expr]]]:
    """Give the test functions of a file that carry claim marks, with these."""
    tree = _parse(path)
    heeded: set[ast.AST] = set()
    for name, function in _test_functions(tree):
        marks = [mark for mark in function.decorator_list if _is_claim_mark(_callee(mark))]
        heeded.update(_callee(mark) for mark in marks)
        if marks:
            yield name, function, marks
    for node in ast.walk(tree):
        if _is_claim_mark(node) and node not in heeded:
            raise InputError(
                "found a claim mark elsewhere, expected it only as a decorator of a function "
                "test_* that pytest collects",
                where=f"{path}:{getattr(node, 'lineno', 1)}",
            )


def _parse(path: Path) -> ast.Module:
    try:
        with warnings.catch_warnings():
            # an odd escape in a suite is the linter's business, not a reason to fail here
            warnings.simplefilter("ignore")
            return ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        raise InputError(
            f"found no valid Python: {error.msg}", where=f"{path}:{error.lineno or 1}"
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:  # NUL bytes; nested too deeply
        raise InputError(f"found no valid Python: {error}", where=f"{path}:1") from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", where=f"{path}:1") from error


def _test_functions(
    tree: ast.Module | ast.ClassDef, prefix: str = ""
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _test_functions(node, f"{prefix}{node.name}::")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
            "test"
        ):
            yield prefix + node.name, node


def _callee(decorator: ast.expr) -> ast.expr:
    return decorator.func if isinstance(decorator, ast.Call) else decorator


def _is_claim_mark(node: ast.AST) -> bool:
    """Recognise ``pytest.mark.claim`` and, with ``mark`` imported, ``mark.claim``."""
    if not isinstance(node, ast.Attribute) or node.attr != "claim":
        return False
    owner = node.value
    return (isinstance(owner, ast.Attribute) and owner.attr == "mark") or (
        isinstance(owner, ast.Name) and owner.id == "mark"
    )


def _only_id(path: Path, name: str, marks: list[ast.expr]) -> str:
    if len(marks) > 1:
        raise InputError(
            f"{name}: found {len(marks)} claim marks, expected one: one check decides one claim",
            where=f"{path}:{marks[1].lineno}",
        )
    mark = marks[0]
    if isinstance(mark, ast.Call) and len(mark.args) == 1 and not mark.keywords:
        value = mark.args[0]
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
            return value.value
    raise InputError(
        f"{name}: found a claim mark without a plain id, expected exactly one literal text as in "
        'pytest.mark.claim("python-no-restart")',
        where=f"{path}:{mark.lineno}",
    )
