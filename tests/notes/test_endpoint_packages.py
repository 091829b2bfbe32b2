"""What endpoints are made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from triton_claims.errors import InputError
from triton_claims.notes.endpoint_packages import ENDPOINTS, load_llama_package

ROOT = Path(__file__).resolve().parents[2]


def test_the_shipped_wheel_is_pinned():
    package = load_llama_package(ROOT)
    assert package.filename.startswith(f"{package.distribution}-{package.version}-")
    assert len(package.sha256) == 64
    assert package.source


def test_a_wheel_that_is_not_pinned_is_refused(tmp_path):
    path = tmp_path / ENDPOINTS
    path.parent.mkdir()
    shipped = (ROOT / ENDPOINTS).read_text(encoding="utf-8")
    lines = [line for line in shipped.splitlines() if not line.startswith("sha256")]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError, match=r"endpoints.toml:\d+: llama: .*sha256"):
        load_llama_package(tmp_path)
