"""Runs of small suites on servers in containers, as a user would start them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import docker
import psutil

from containers.engines import answers
from polling import PATIENCE, until
from triton_claims.servers.container_traces import RUN_LABEL
from triton_claims.verdicts.ledger import read_ledger

ROOT = Path(__file__).resolve().parents[2]
_OWNER_LABEL = "triton-claims.owner"


def copy_image(image, source, destination):
    """Has an image of one engine in another one, both by URL: through this process, no registry."""
    with (
        closing(docker.DockerClient(source)) as here,
        closing(docker.DockerClient(destination, timeout=120)) as there,
    ):
        there.images.load(here.images.get(image).save(named=image))


class SuiteRun:
    """A run of one file of checks, with an own folder for all that is temporary.

    A check says that it is under way by writing to the file ``under-way``, and may wait for the
    file ``go-on``; ``HANDSHAKE`` is the code for that.
    """

    HANDSHAKE = """
import os, threading
from pathlib import Path
import pytest

def meet(*words):
    folder = Path(os.environ["MEETING"])
    (folder / "words").write_text(" ".join(map(str, words)))
    (folder / "words").rename(folder / "under-way")
    while not (folder / "go-on").exists():
        threading.Event().wait(0.02)
"""

    def __init__(self, folder, engine, checks, *options, target, environment=None):
        self.folder = folder
        self.engine = engine
        self.reports = folder / "reports"
        self.temporary = folder / "tmp"
        self.temporary.mkdir(parents=True, exist_ok=True)
        (folder / "suites").mkdir()
        (folder / "suites" / "test_checks.py").write_text(self.HANDSHAKE + checks)
        shutil.copytree(
            ROOT / "releases",
            folder / "releases",
            ignore=shutil.ignore_patterns("acceptances.toml"),
        )
        (folder / "model_repository").symlink_to(ROOT / "model_repository")
        for name in ("conftest.py", "pyproject.toml"):
            shutil.copy(ROOT / name, folder)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "pytest", "suites", "-p", "no:cacheprovider"),
                *("-p", "no:randomly", f"--reports={self.reports}", f"--target={target}", *options),
            ],
            cwd=folder,
            env={
                **kept,
                "DOCKER_HOST": engine,
                "TMPDIR": str(self.temporary),
                "MEETING": str(folder),
                **(environment or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = None

    def under_way(self):
        """The words of the check, once it is under way."""
        file = self.folder / "under-way"
        until(lambda: file.exists() or self.process.poll() is not None, "no check is under way")
        assert file.exists(), self.end()
        return file.read_text().split()

    def go_on(self):
        """Lets the check go on."""
        (self.folder / "go-on").touch()

    def end(self):
        """All that it printed; waits for its end."""
        if self.output is None:
            self.output, _ = self.process.communicate(timeout=PATIENCE * 2)
        return self.output

    @property
    def exit_code(self):
        self.end()
        return self.process.returncode

    def ledger(self):
        self.end()
        return read_ledger(self.reports / "ledger.jsonl")

    def cell(self):
        """Its only cell."""
        (cell,) = self.ledger().cells
        return cell

    def written(self):
        """All that it wrote or printed, in one text."""
        files = [path for path in self.reports.rglob("*") if path.is_file()]
        return "\n".join([self.end(), *(each.read_text(errors="replace") for each in files)])

    def containers(self):
        """Its containers, also those that have ended."""
        if not answers(self.engine):
            return []
        with closing(docker.DockerClient(self.engine)) as client:
            every = client.containers.list(
                all=True, filters={"label": RUN_LABEL}, ignore_removed=True
            )
            return [each.name for each in every if self._is_ours(each)]

    def _is_ours(self, container):
        owner = json.loads(container.labels[_OWNER_LABEL])["pid"]
        command = " ".join(container.attrs["Config"]["Cmd"] or ())
        return owner == self.process.pid or str(self.temporary) in command

    def leftovers(self):
        """What is left: containers, processes, temporary files."""
        # pytest itself keeps the folders of the last runs.
        files = (path for path in self.temporary.iterdir() if "pytest-of-" not in path.name)
        left = [*self.containers(), *map(str, files)]
        for process in psutil.process_iter():
            try:
                if process.environ().get("TMPDIR") == str(self.temporary):
                    left.append(" ".join(process.cmdline()))
            except (psutil.Error, OSError):  # somebody else's, or gone
                continue
        return left
