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
    r"(TOKEN(?!IZ)|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY"
    r"|_KEY$|_PAT$|_PASS$|_PWD$|^AUTH(?!ORS?(_|$))|_AUTH$)",
    re.IGNORECASE,
)
#: Shorter values ("1", "true", "none") are no secrets, and masking them would shred every text.
_SHORTEST_SECRET = 6

# Every pattern below starts with a literal and goes on without overlapping repetitions: a log of
# megabytes takes a time that grows with its length and no faster, whatever stands in it.
# The user of ssh://user@host is a name, and a password has no place there.
_USERINFO = re.compile(r"(?<=://)(?!(?<=ssh://)[\w.-]{1,64}@)[^/\s'\"?#]*@")
_SCHEME_AND_TOKEN = re.compile(
    r"\b(?P<scheme>(?:Bearer|Basic)[ \t]{1,4})(?=[\w.~+/-]*[0-9=])[\w.~+/-]{12,}=*", re.IGNORECASE
)
_NAMED_VALUE = re.compile(
    r"""
    (?P<name>(?P<password>password|passwd|passphrase)
        |(?:token|secret|credential|authorization|(?:api|access|private)[_-]?key)
         (?:[_-](?:key|value))?)
    (?P<sep>\\{0,2}["']?                                # JSON, a Python repr, JSON inside JSON
        \s{0,4}(?:={1,2}|:)\s{0,4})
    (?:(?P<open>\\{0,2}["'])(?P<quoted>(?:(?!(?P=open))(?:\\.|[^\n]))*)
        |(?P<bare>(?:(?:Bearer|Basic|Token)[ \t]{1,4})?[^\s"'&,;]+))
    """,
    re.IGNORECASE | re.VERBOSE,
)
_OPTION_VALUE = re.compile(
    r"(?P<option>-(?:token|password|passwd|secret|api-key|access-key|credential)\s{1,4})"
    r"[^\s'\"-][^\s'\"]{5,}",
    re.IGNORECASE,
)
_NO_VALUES = frozenset({"none", "null", "true", "false"})


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
        The text without secret values, without user information in URLs, without bearer tokens
        and without values given to names such as ``password=``.
    """
    for secret in _own_secrets() if secrets is None else secrets:
        text = text.replace(secret, MASK)
    text = _USERINFO.sub(f"{MASK}@", text)
    text = _NAMED_VALUE.sub(_without_value, text)
    text = _OPTION_VALUE.sub(rf"\g<option>{MASK}", text)
    return _SCHEME_AND_TOKEN.sub(rf"\g<scheme>{MASK}", text)


def _without_value(match: re.Match[str]) -> str:
    """Masks a named value; small numbers and words that stand for no value are let be."""
    value = match["bare"] if match["quoted"] is None else match["quoted"]
    if not value or value.lower() in _NO_VALUES:
        return match[0]
    if match["password"] is None and (
        len(value) < _SHORTEST_SECRET or (value.isdecimal() and len(value) < 2 * _SHORTEST_SECRET)
    ):
        return match[0]
    return f"{match['name']}{match['sep']}{match['open'] or ''}{MASK}"


def redact_record(value: Any) -> Any:
    """The same for every string inside a JSON-like value; keys are kept."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: redact_record(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_record(item) for item in value]
    return value
