"""A tiny project of releases, catalogue and one check, for tests to spoil."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from triton_claims.notes.digest import note_digest

if TYPE_CHECKING:
    from pathlib import Path

OLD = """\
container = "24.10"
server = "2.51.0"
source = "a measurement of ours"

[wheel]
distribution = "nvidia-pytriton"
version = "0.7.0"
filename = "nvidia_pytriton-0.7.0-py3-none-any.whl"
sha256 = "{zeros}"
size = 55369373  # bytes
stubs = ["3.10", "3.11"]
source = "a measurement of ours"
""".format(zeros="0" * 64)

NEW = f"""\
container = "25.01"
server = "2.54.0"
source = "a measurement of ours"

[[note]]
section = "features"
position = 1
digest = "{note_digest("Cats are faster.")}"
claims = ["cats-faster"]

[[note]]
section = "known issues"
position = 1
digest = "{note_digest("Dogs lack:")}"
claims = [
    "dogs-no-tail",
    "cats-faster",
]

[[note]]
section = "known issues"
parent = 1
position = 1
digest = "{note_digest("tails")}"
claims = ["dogs-no-tail"]
"""

CLAIMS = """\
[[claim]]
id = "cats-faster"
kind = "feature"
statement = "A cat is faster than it was."
since = "2.54.0"
needs = []
sources = ["notes 25.01, features 1"]

[[claim]]
id = "dogs-no-tail"
kind = "known-issue"
statement = "A dog of this release has no tail."
since = "2.47.0"
until = "2.54.0"
needs = ["gpu"]
sources = ["notes 25.01, known issues 1"]
"""

CHECK = """\
import pytest


@pytest.mark.claim("cats-faster")
def test_cats():
    assert True
"""


class Project:
    """The files of a small project; valid until a test changes them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.releases = root / "releases"
        self.old = self._write("releases/24.10.toml", OLD)
        self.new = self._write("releases/25.01.toml", NEW)
        self.claims = self._write("releases/claims.toml", CLAIMS)
        self.check = self._write("suites/animals/test_cats.py", CHECK)

    def _write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def add(self, name: str, text: str) -> Path:
        return self._write(name, text)

    @staticmethod
    def replace(path: Path, old: str, new: str) -> int:
        """Replace the first occurrence in a file; give its line."""
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return text[: text.index(old)].count("\n") + 1


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)
