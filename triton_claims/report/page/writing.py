"""Writes the page: one file that needs nothing but a browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_FOLDER = Path(__file__).resolve().parent
_PARTS = ("page.css", "page.js")


def page_html(facts: dict[str, Any]) -> str:
    """The page.

    Args:
        facts: As :func:`triton_claims.report.page.facts.facts_of` gives them.
    """
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = ((_FOLDER / part).read_text(encoding="utf-8") for part in _PARTS)
    return environment.get_template("page.html.j2").render(
        **facts, style=style, script=script, data=_embedded(facts)
    )


def _embedded(facts: dict[str, Any]) -> str:
    """JSON that no parser of HTML finds a tag or a comment in."""
    text = json.dumps(facts, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
