"""Loads the plugin; all else is in ``fixtures/``."""

from __future__ import annotations

pytest_plugins = [
    "fixtures.plugin",
    "pytester",
]  # pytester is for tests/, and loads from here alone
