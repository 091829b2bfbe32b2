"""Keeps secrets out of everything that is written: ledger, logs, reports, Allure."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

MASK = "[secret]"

#: Environment variables whose value is a secret by the look of their name.
_SECRET_NAME = re.compile(
    r"(TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|_KEY$|_PAT$|^AUTH|_AUTH$)",
    re.IGNORECASE,
)
#: Shorter values ("1", "true", "none") are no secrets, and masking them would shred every text.
_SHORTEST_SECRET = 6
_USERINFO = re.compile(r"(?P<scheme>\b[a-zA-Z][a-zA-Z0-9+.-]*://)[^/@\s'\"]+@")
_NAMED_VALUE = re.compile(
    r"(?P<name>(?:[\w-]*(?:token|secret|password|passwd|api[_-]?key|access[_-]?key|credential)s?"
    r"|authorization))(?P<sep>\"?\s*[=:]\s*\"?)(?P<value>(?:Bearer\s+|Basic\s+)?[^\s\"'&,;]+)",
    re.IGNORECASE,
)


def secret_values(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The values to mask, longest first so that one that contains another goes whole."""
    values = {
        value
        for name, value in environment.items()
        if _SECRET_NAME.search(name)
        and len(value) >= _SHORTEST_SECRET
        and not os.path.exists(value)  # noqa: PTH110 - any text may come
    }
    return tuple(sorted(values, key=len, reverse=True))


@lru_cache(maxsize=1)
def _own_secrets() -> tuple[str, ...]:
    return secret_values(os.environ)


def redact(text: str, secrets: Iterable[str] | None = None) -> str:
    """Masks secrets in a text.

    Args:
        text: Anything that is about to be written.
        secrets: The values to mask; those of this process's environment by default.

    Returns:
        The text without secret values, without user information in URLs and without values given
        to names such as ``password=``.
    """
    for secret in _own_secrets() if secrets is None else secrets:
        text = text.replace(secret, MASK)
    text = _USERINFO.sub(rf"\g<scheme>{MASK}@", text)
    return _NAMED_VALUE.sub(rf"\g<name>\g<sep>{MASK}", text)


def redact_record(value: Any) -> Any:
    """The same for every string inside a JSON-like value; keys are kept."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: redact_record(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_record(item) for item in value]
    return value
