"""The files that are derived from a ledger, beside it."""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING

from triton_claims.report.allure_metrics import allure_metrics
from triton_claims.report.junit import junit_xml
from triton_claims.report.provenance import provenance
from triton_claims.report.summary import summary_markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from triton_claims.verdicts.ledger import Ledger


def allure_environment(ledger: Ledger) -> str:
    """The run's provenance, as Allure shows it."""
    return "\n".join(f"{name}={value}" for name, value in provenance(ledger)) + "\n"


#: What makes each file, by its path from the folder of the ledger.
DERIVED: Mapping[str, Callable[[Ledger], str]] = MappingProxyType(
    {
        "summary.md": summary_markdown,
        "junit.xml": junit_xml,
        "allure-results/environment.properties": allure_environment,
        "allure-results/performance.json": allure_metrics,
    }
)


def replace_file(path: Path, text: str) -> None:
    """Writes a file whole or not at all, so that two runs at once do not mix in it."""
    path.parent.mkdir(exist_ok=True)
    own = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        # An argument that is no UTF-8 is told as far as it goes.
        own.write_text(text, encoding="utf-8", errors="backslashreplace")
        own.replace(path)
    except BaseException:
        own.unlink(missing_ok=True)
        raise
