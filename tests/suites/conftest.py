"""Runs the real suites on staged servers, as a user would, and reads what the run wrote.

A run is a process of its own and may have many targets, so that a module needs one or two of them;
its tests then look at the one ledger. Each module is an xdist group: its runs are made once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from staged.staging import stage
from triton_claims.verdicts.ledger import Ledger, read_ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from triton_claims.verdicts.cell import Cell

ROOT = Path(__file__).resolve().parents[2]
CHECKS = (
    "suites/python_backend/test_correlation_id.py",
    "suites/startup/test_server_version.py",
)
PROTOCOLS = ("grpc", "http")
#: The claims the checks decide, by the short names that the tests use.
CLAIMS = {
    "string": "correlation-id-string",
    "to-integer": "correlation-id-dtype-string-to-integer",
    "to-string": "correlation-id-dtype-integer-to-string",
    "version": "server-version",
}
_PATIENCE = 900  # seconds; far more than a run takes, also where it makes environments first
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux keeps POSIX shared memory


@dataclass(frozen=True)
class Run:
    """A run that has ended.

    Attributes:
        exit_code: pytest's.
        output: What it printed.
        ledger: What it wrote.
        reports: Where it wrote.
        targets: The ids of its targets, by the names that the test gave them.
        temporary: Where it had everything temporary.
    """

    exit_code: int
    output: str
    ledger: Ledger
    reports: Path
    targets: Mapping[str, str]
    temporary: Path

    def cells(self, name: str) -> dict[str, Cell]:
        """A target's cells: ``{"string grpc": ..., "version": ...}``."""
        short = {claim: name for name, claim in CLAIMS.items()}
        return {
            " ".join(filter(None, (short[cell.claim], cell.protocol))): cell
            for cell in self.ledger.cells
            if cell.target == self.targets[name]
        }

    def cell(self, claim: str, protocol: str | None = None, target: str | None = None) -> Cell:
        """The one cell of a claim, by its full id."""
        (found,) = (
            cell
            for cell in self.ledger.cells
            if cell.claim == claim
            and protocol in (None, cell.protocol)
            and target in (None, cell.target)
        )
        return found

    def verdicts(self, name: str) -> dict[str, str]:
        """A target's verdicts, by cell."""
        return {key: cell.verdict.value for key, cell in self.cells(name).items()}

    @staticmethod
    def expected(claims: Iterable[str] = CLAIMS, **exceptions: Iterable[str]) -> dict[str, str]:
        """A target's verdicts as they should be: confirmed but for the exceptions.

        Args:
            claims: The claims the run was asked for.
            **exceptions: By verdict, the claims ("string") or cells ("string grpc") that have it.
        """
        cells = [
            cell
            for claim in claims
            for cell in ([claim] if claim == "version" else [f"{claim} {p}" for p in PROTOCOLS])
        ]
        verdicts = dict.fromkeys(cells, "confirmed")
        for verdict, concerned in exceptions.items():
            for cell in cells:
                if cell in concerned or cell.partition(" ")[0] in concerned:
                    verdicts[cell] = verdict
        return verdicts

    def words(self, name: str, key: str) -> str:
        """All that is told of one cell."""
        cell = self.cells(name)[key]
        return "\n".join([cell.reason, *(piece.text for piece in cell.evidence)])

    @property
    def logs(self) -> str:
        """The logs of all its servers."""
        return "\n".join(path.read_text() for path in self.reports.glob("logs/*.log"))

    def leftovers(self) -> list[str]:
        """What it has left: processes and temporary folders, and shared memory its servers told of.

        Its servers, their children and its guards all have their temporary folder inside the
        run's, which nobody else uses.
        """
        left = [str(path) for path in self.temporary.iterdir()]
        for process in psutil.process_iter():
            try:
                if process.environ().get("TMPDIR", "").startswith(str(self.temporary)):
                    left.append(" ".join(process.cmdline()))
            except (psutil.Error, OSError):  # somebody else's, or gone: a zombie does no harm
                continue
        told = [line.split('"')[1] for line in self.logs.splitlines() if '"left the file' in line]
        files = [Path(line.removeprefix("left the file ")) for line in told]
        return left + [str(path) for path in files if path.exists()]


@dataclass
class RunningRun:
    """A run that goes on; ``result`` waits for its end."""

    process: subprocess.Popen[str]
    reports: Path
    targets: Mapping[str, str]
    temporary: Path
    _run: Run | None = field(default=None)

    def result(self) -> Run:
        """The run, when it has ended."""
        if self._run is None:
            output, _ = self.process.communicate(timeout=_PATIENCE)
            ledger = self.reports / "ledger.jsonl"
            assert ledger.exists(), output
            self._run = Run(
                self.process.returncode,
                output,
                read_ledger(ledger),
                self.reports,
                self.targets,
                self.temporary,
            )
        return self._run


@pytest.fixture(scope="module")
def start_run(tmp_path_factory) -> Iterator[Callable[..., RunningRun]]:
    """Starts a run: ``start_run({"name": {knob: value, ...}, ...}, *options, root=..., ...)``.

    Beside the knobs, TRITON_VERSION is what stands in the file of that name. The keyword
    ``impatience`` is the seconds the run allows for an answer and for a start.
    """
    started: list[RunningRun] = []

    def start(
        servers: Mapping[str, Mapping[str, Any]],
        *options: str,
        root: Path = ROOT,
        impatience: tuple[float, float] | None = None,
    ) -> RunningRun:
        folder = tmp_path_factory.mktemp("run")
        temporary = folder / "tmp"
        temporary.mkdir()
        targets = {
            name: f"install:{_stage(folder / name.replace(' ', '-'), knobs)}"
            for name, knobs in servers.items()
        }
        extra = {}
        if impatience:
            options = (*options, "-p", "impatience")
            extra["IMPATIENCE"] = ",".join(map(str, impatience))
            extra["PYTHONPATH"] = str(Path(__file__).parent)
        process = _start_pytest(
            root,
            [*CHECKS, *options],
            reports=folder / "reports",
            targets=targets.values(),
            temporary=temporary,
            extra=extra,
        )
        started.append(RunningRun(process, folder / "reports", targets, temporary))
        return started[-1]

    yield start
    for each in started:
        # Nobody has waited for it where its test has failed before.
        each.process.terminate()
        each.process.communicate(timeout=_PATIENCE)


@pytest.fixture(scope="module")
def wrap_server(tmp_path_factory, newest_installation) -> Callable[[str], str]:
    """Gives the target of a real server that a line of shell comes before: ``wrap_server(line)``.

    So a server can be shown to a check that does not heed an option, say. The line may change the
    arguments in ``"$@"``, and the environment.
    """

    def wrap(line: str) -> str:
        root = tmp_path_factory.mktemp("wrapped") / "tritonserver"
        binary = root / "bin" / "tritonserver"
        binary.parent.mkdir(parents=True)
        libraries = ":".join(map(str, newest_installation.libraries))
        binary.write_text(
            f"#!/bin/sh\nexport LD_LIBRARY_PATH={libraries}:$LD_LIBRARY_PATH\n{line}\n"
            f'exec {newest_installation.binary} "$@"\n',
            encoding="utf-8",
        )
        binary.chmod(0o755)
        (root / "backends").symlink_to(newest_installation.backends)
        return f"install:{root}"

    return wrap


@pytest.fixture(scope="module")
def run_altered(tmp_path_factory) -> Callable[..., Run]:
    """Runs checks on real servers, with some lines of the project's files replaced.

    ``run_altered("python-no-restart", edits=[("model_repository/m/1/model.py", "old", "new")])``
    copies the project, edits the copy and runs the checks of the claims on the newest embedded
    server. So a check is shown what it must not take for the claim, by a real server: a model that
    does not do what the check thinks it does, say. The text to be replaced must be there once.
    What else there is to be changed, ``prepare`` does, which is given the copy.
    """

    def run(
        *claims: str,
        edits: Iterable[tuple[str, str, str]] = (),
        targets: Iterable[str] = ("wheel:24.10",),
        options: Iterable[str] = (),
        prepare: Callable[[Path], None] = lambda _root: None,
    ) -> Run:
        root = tmp_path_factory.mktemp("altered")
        for folder in ("suites", "releases", "model_repository"):
            shutil.copytree(ROOT / folder, root / folder)
        for file in ("conftest.py", "pyproject.toml"):
            shutil.copy(ROOT / file, root)
        for name, old, new in edits:
            text = (root / name).read_text(encoding="utf-8")
            assert text.count(old) == 1, f"{name} holds {text.count(old)} times {old!r}"
            (root / name).write_text(text.replace(old, new), encoding="utf-8")
        prepare(root)
        temporary = root / "tmp"
        temporary.mkdir()
        chosen = (f"--claim={claim}" for claim in claims)
        process = _start_pytest(
            root,
            ["suites", *chosen, *options],
            reports=root / "reports",
            targets=targets,
            temporary=temporary,
        )
        names = {target: target for target in targets}
        try:
            return RunningRun(process, root / "reports", names, temporary).result()
        finally:
            process.terminate()
            process.communicate(timeout=_PATIENCE)

    return run


def _start_pytest(
    root: Path,
    arguments: Iterable[str],
    *,
    reports: Path,
    targets: Iterable[str],
    temporary: Path,
    extra: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """Starts a run as a user would, in a project's folder, with everything temporary in one."""
    # Nothing of the pytest around it, or of its user's, may reach the run.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "pytest", *arguments),
            *("-p", "no:cacheprovider", "-p", "no:randomly"),
            f"--reports={reports}",
            *(f"--target={target}" for target in targets),
        ],
        cwd=root,
        env={**environment, "TMPDIR": str(temporary), **(extra or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _stage(folder: Path, knobs: Mapping[str, Any]) -> Path:
    behaviour = dict(knobs)
    stated = behaviour.pop("TRITON_VERSION", None)
    stage(folder, **behaviour)
    if stated is not None:
        (folder / "TRITON_VERSION").write_text(f"{stated}\n", encoding="utf-8")
    return folder
