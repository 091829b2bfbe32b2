"""The structure of the data files, as JSON Schema tells it.

The schemas are those of this project (``releases/schema``), whatever folder the data come from.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator, validators

from triton_claims.errors import BrokenError
from triton_claims.notes.tomlfile import shown

if TYPE_CHECKING:
    from jsonschema import TypeChecker, ValidationError
    from jsonschema.protocols import Validator

    from triton_claims.notes.tomlfile import Document, KeyPath

# Beside the data in a checkout; inside the package where it was installed without one.
_FOLDERS = (
    Path(__file__).resolve().parents[2] / "releases" / "schema",
    Path(__file__).resolve().parent / "schema",
)


def schema_path(name: str) -> Path:
    """Give the file of a schema: ``release`` or ``claims``.

    Raises:
        BrokenError: This installation lacks the schema.
    """
    for folder in _FOLDERS:
        path = folder / f"{name}.schema.json"
        if path.is_file():
            return path
    looked_in = ", ".join(map(str, _FOLDERS))
    raise BrokenError(f"the schema {name}.schema.json is in none of {looked_in}")


def check_structure(document: Document, name: str) -> None:
    """Refuse a document that the schema does not allow.

    Args:
        document: The data.
        name: The schema: ``release`` or ``claims``.

    Raises:
        InputError: The first fault in the file: its line, its key, what was found and expected.
    """
    faults = sorted(
        (document.line_of(*place), str(place), reason, place)
        for error in _validator(name).iter_errors(document.data)
        for place, reason in _told(error)
    )
    if faults:
        _, _, reason, place = faults[0]
        more = len(faults) - 1
        raise document.error(f"{reason} (and {more} more)" if more else reason, *place)


@cache
def _validator(name: str) -> Validator:
    schema = json.loads(schema_path(name).read_text(encoding="utf-8"))
    # JSON takes 1.0 for an integer; a position or a size written so is a slip
    strict = Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
    extended = validators.extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, type_checker=strict
    )
    validator: Validator = extended(schema)
    return validator


def _is_integer(_checker: TypeChecker, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _told(error: ValidationError) -> list[tuple[KeyPath, str]]:
    """Tell one error of the library as places and reasons in our words."""
    place: KeyPath = tuple(error.absolute_path)
    found: Any = error.instance
    schema: dict[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    known: dict[str, Any] = schema.get("properties", {})
    if error.validator == "required":
        if any(key not in known for key in found):
            return []  # most likely the missing key under a misspelt name, which is told anyway
        return [
            (place, f"found no key {key}, expected {_described(known[key])}")
            for key in schema["required"]
            if key not in found and repr(key) in error.message
        ]
    if error.validator == "additionalProperties":
        return [
            ((*place, key), f"found an unknown key, expected one of: {', '.join(known)}")
            for key in found
            if key not in known
        ]
    if "description" not in schema and "enum" not in schema:  # such as that of names of keys
        return [(place, f"found {shown(found)}: {error.message}")]
    return [(place, f"found {shown(found)}, expected {_described(schema)}")]


def _described(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return f"one of: {', '.join(schema['enum'])}"
    return str(schema["description"])
