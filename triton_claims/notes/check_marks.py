"""What a check asks for by its marks and fixtures, read from source without importing it.

The marks count that pytest would see: of the function, its classes and its file. Fixtures are
followed through those of the file, of each ``conftest.py`` above it and of this project's plugin.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triton_claims.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from triton_claims.notes.checks import CheckLocation

#: The folder of the plugin, beside this package in a checkout and where it is installed.
PLUGIN = Path(__file__).resolve().parents[2] / "fixtures"


@dataclass(frozen=True, slots=True)
class CheckMarks:
    """What a check asks for.

    Attributes:
        needs: The arguments and keywords of each mark ``needs``.
        tool: The tool it is of; None of a check of servers.
        fixtures: All fixtures that it gets, directly or through others.
    """

    needs: tuple[tuple[tuple[Any, ...], Mapping[str, Any]], ...]
    tool: str | None
    fixtures: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Mark:
    name: str
    arguments: tuple[ast.expr, ...]
    keywords: tuple[ast.keyword, ...]
    line: int


def marks_of(check: CheckLocation, root: Path) -> CheckMarks:
    """Reads what a check asks for.

    Args:
        check: Where it stands.
        root: The project's root.

    Raises:
        InputError: A file cannot be read, or a mark holds what only running it would tell.
    """
    path = root / check.path
    tree = _parsed(path)
    names = _names(tree)
    *classes, function = check.function.split("::")
    bodies: list[list[ast.stmt]] = [tree.body]
    found: list[_Mark] = list(_of_body(tree.body, names))
    for name in classes:
        group = _definition(bodies[-1], name, check)
        assert isinstance(group, ast.ClassDef)  # noqa: S101 - find_checks has found it there
        found += [*_of_expressions(group.decorator_list, names), *_of_body(group.body, names)]
        bodies.append(group.body)
    test = _definition(bodies[-1], function, check)
    assert isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef)  # noqa: S101 - see above
    found += _of_expressions(test.decorator_list, names)

    def value(node: ast.expr) -> Any:
        return _value(node, names, f"{check.path}:{node.lineno}")

    wanted = _arguments(test)
    for mark in found:
        if mark.name == "usefixtures":
            wanted += [str(value(each)) for each in mark.arguments]
    tools = [value(mark.arguments[0]) for mark in found if mark.name == "tool" and mark.arguments]
    return CheckMarks(
        tuple(
            (
                tuple(value(each) for each in mark.arguments),
                {each.arg or "": value(each.value) for each in mark.keywords},
            )
            for mark in found
            if mark.name == "needs"
        ),
        str(tools[-1]) if tools else None,
        frozenset(_closure(wanted, _fixtures_at(path, root))),
    )


@cache
def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except (OSError, SyntaxError, ValueError) as problem:
        raise InputError(f"cannot be read: {problem}", where=str(path)) from None


def _names(tree: ast.Module) -> dict[str, ast.expr]:
    """What the file's own names stand for, where they are set once, at its top level."""
    found: dict[str, ast.expr] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            found.update(
                {each.id: node.value for each in node.targets if isinstance(each, ast.Name)}
            )
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            found[node.target.id] = node.value
    return found


def _definition(body: list[ast.stmt], name: str, check: CheckLocation) -> ast.stmt:
    for node in body:
        named = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if named and node.name == name:  # type: ignore[attr-defined]
            return node
    raise InputError(f"found no {check.function}, which was there before", where=str(check.path))


def _of_body(body: list[ast.stmt], names: Mapping[str, ast.expr]) -> Iterator[_Mark]:
    """The marks in ``pytestmark``: one, or a list of them."""
    for node in body:
        if isinstance(node, ast.Assign) and any(
            isinstance(each, ast.Name) and each.id == "pytestmark" for each in node.targets
        ):
            several = node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else None
            yield from _of_expressions(several or [node.value], names)


def _of_expressions(
    expressions: Iterable[ast.expr], names: Mapping[str, ast.expr]
) -> Iterator[_Mark]:
    for each in expressions:
        expression = names.get(each.id, each) if isinstance(each, ast.Name) else each
        called = isinstance(expression, ast.Call)
        callee = expression.func if isinstance(expression, ast.Call) else expression
        if isinstance(callee, ast.Attribute) and _is_mark(callee.value):
            yield _Mark(
                callee.attr,
                tuple(expression.args) if called else (),  # type: ignore[attr-defined]
                tuple(expression.keywords) if called else (),  # type: ignore[attr-defined]
                expression.lineno,
            )


def _is_mark(owner: ast.expr) -> bool:
    """Recognise ``pytest.mark`` and, imported, ``mark``."""
    return (isinstance(owner, ast.Attribute) and owner.attr == "mark") or (
        isinstance(owner, ast.Name) and owner.id == "mark"
    )


def _value(node: ast.expr, names: Mapping[str, ast.expr], where: str) -> Any:
    known = names.get(node.id, node) if isinstance(node, ast.Name) else node
    try:
        return ast.literal_eval(known)
    except (ValueError, TypeError):  # TypeError: a list as a key
        raise InputError(
            f"found {ast.unparse(node)!r} in a mark, expected a literal, or a name that the file "
            "sets to one: what a check needs must be known without running it",
            where=where,
        ) from None


def _arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The names of a function's arguments that have no default: those are fixtures."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    required = positional[: len(positional) - len(given.defaults)]
    keyword_only = [
        each
        for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
        if default is None
    ]
    return [each.arg for each in (*required, *keyword_only) if each.arg != "self"]


def _fixtures_at(path: Path, root: Path) -> dict[str, tuple[list[str], bool]]:
    """The fixtures for a file: what each takes, and whether it comes unasked."""
    found = dict(_plugin_fixtures())
    folders = [each for each in path.parents if each.is_relative_to(root)]
    files = [folder / "conftest.py" for folder in reversed(folders)]
    for each in (*filter(Path.is_file, files), path):
        found.update(_fixtures_in(each))
    return found


@cache
def _plugin_fixtures() -> dict[str, tuple[list[str], bool]]:
    found: dict[str, tuple[list[str], bool]] = {}
    for path in sorted(PLUGIN.glob("*.py")):
        found.update(_fixtures_in(path))
    return found


def _fixtures_in(path: Path) -> dict[str, tuple[list[str], bool]]:
    found = {}
    for node in _parsed(path).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for each in node.decorator_list:
                callee = each.func if isinstance(each, ast.Call) else each
                if (isinstance(callee, ast.Attribute) and callee.attr == "fixture") or (
                    isinstance(callee, ast.Name) and callee.id == "fixture"
                ):
                    keywords = each.keywords if isinstance(each, ast.Call) else []
                    found[_fixture_name(node.name, keywords)] = (
                        _arguments(node),
                        any(keyword.arg == "autouse" for keyword in keywords),
                    )
    return found


def _fixture_name(function: str, keywords: list[ast.keyword]) -> str:
    for each in keywords:
        if each.arg == "name" and isinstance(each.value, ast.Constant):
            return str(each.value.value)
    return function


def _closure(wanted: list[str], fixtures: Mapping[str, tuple[list[str], bool]]) -> set[str]:
    reached: set[str] = set()
    ahead = [*wanted, *(name for name, (_, unasked) in fixtures.items() if unasked)]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += fixtures.get(name, ([], False))[0]
    return reached
