"""Loads the plugin; all else is in ``fixtures/``."""

from __future__ import annotations

pytest_plugins = ["fixtures.plugin"]
