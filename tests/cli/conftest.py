"""Runs the command line in this process, in a small project of its own."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from notes.conftest import Project

from triton_claims import cli


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on stderr, without its head."""
        head, line = "triton-claims: error: ", self.err
        assert line.startswith(head), line
        assert line.endswith("\n"), line
        assert len(line.splitlines()) == 1, line
        assert line[:-1].isprintable(), line
        return line[len(head) : -1]


@pytest.fixture
def project(tmp_path, monkeypatch):
    project = Project(tmp_path / "project")
    monkeypatch.chdir(project.root)
    return project


@pytest.fixture
def run(capsys):
    def run(*argv):
        capsys.readouterr()
        code = cli.main(argv)
        assert type(code) is int
        return Answer(code, *capsys.readouterr())

    return run
