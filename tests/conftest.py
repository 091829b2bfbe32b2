"""The newest embedded server, for the tests that need a real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from triton_claims.notes.knowledge import load_knowledge
from triton_claims.servers.installation import prepare
from triton_claims.servers.pool import ServerPool
from triton_claims.servers.targets import parse_target

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def newest_installation():
    """The newest embedded server, made ready."""
    releases = load_knowledge(ROOT).releases
    newest = releases.newest_with_wheel().container
    return prepare(parse_target(f"wheel:{newest}", releases), print)


@pytest.fixture(scope="module")
def embedded_pool(newest_installation):
    """Servers of it, with the suite's models, for the tests of one module."""
    pool = ServerPool(ROOT / "model_repository", lambda _specification: newest_installation)
    yield pool
    pool.close()
