"""Stand-ins for the tools in a cache of the test's own, made by the real pip."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from staged.tool_wheels import stage_tools
from triton_claims.notes.releases import load_releases

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def staged_releases(tmp_path, monkeypatch):
    """The releases' data with stand-ins, which the cache's downloads hold and no index."""
    shutil.copytree(ROOT / "releases", tmp_path / "releases")
    monkeypatch.setenv("TRITON_CLAIMS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    stage_tools(tmp_path / "releases", tmp_path / "cache" / "downloads")
    return load_releases(tmp_path / "releases")
