"""An engine of our own whose guard was killed is removed all the same."""

from __future__ import annotations

import pytest

from containers.engines import Engine, obstacle


@pytest.mark.skipif(obstacle() is not None, reason="no engine can be started here")
def test_an_engine_goes_without_its_guard():
    engine = Engine()
    engine.start()
    engine._guard.kill()
    engine.remove()
    assert engine._process.returncode is not None
    assert not engine.folder.exists()
