"""GenAI-Perf and the Perf Analyzer that it starts, ready to be run side by side.

Nothing of the caller's environment reaches them but PATH: no proxies, no keys, no caches. They run
with a home of their own, and GenAI-Perf asks no hub for tokenizers.
"""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from triton_claims.errors import BrokenError
from triton_claims.servers.perf_analyzer_program import PROGRAM, perf_analyzer_program
from triton_claims.servers.scratch import RUN_VARIABLE
from triton_claims.servers.targets import GENAI_PERF, PERF_ANALYZER
from triton_claims.tools.environment import genai_perf_environment
from triton_claims.tools.running import run_program

if TYPE_CHECKING:
    from pathlib import Path

    from triton_claims.servers.cache import Progress
    from triton_claims.servers.perf_analyzer_program import PerfAnalyzerProgram
    from triton_claims.servers.targets import Target
    from triton_claims.tools.environment import ToolEnvironment
    from triton_claims.tools.running import Finished

#: Seconds that a run may take unless it is said otherwise.
TIMEOUT = 180.0
_LAUNCHER = """\
import sys

from genai_perf.main import main

if __name__ == "__main__":
    sys.exit(main())
"""


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of a target, ready to be run.

    Attributes:
        environment: GenAI-Perf's environment.
        perf_analyzer: Perf Analyzer's program.
        perf_analyzer_release: The release that it is of: its container version.
    """

    environment: ToolEnvironment
    perf_analyzer: PerfAnalyzerProgram
    perf_analyzer_release: str

    @property
    def versions(self) -> dict[str, str]:
        """Their versions, by ``genai-perf`` and ``perf-analyzer``."""
        return {GENAI_PERF: self.environment.version, PERF_ANALYZER: self.perf_analyzer.version}

    def describe(self) -> str:
        """What they are and where they run, for people."""
        return (
            f"GenAI-Perf {self.environment.version} on Python {self.environment.release}, with the "
            f"Perf Analyzer {self.perf_analyzer.version} of {self.perf_analyzer_release}"
        )


def make_tools_ready(target: Target, progress: Progress) -> Tools:
    """Makes the tools of a target ready to be run.

    Args:
        target: A target of kind ``genai-perf``.
        progress: Told what takes its time, line by line.

    Raises:
        Blocked: One of them cannot be fetched, or does not run here.
        BrokenError: Perf Analyzer is not what the data say.
        ValueError: The target is a server.
    """
    release, brings = target.release, target.perf_analyzer
    package = release.genai_perf if release else None
    wheel = brings.client if brings else None
    if package is None or wheel is None or brings is None:
        raise ValueError(f"found {target}, expected a target that is a tool")
    program = perf_analyzer_program(wheel, progress)
    if program.version != wheel.version:
        raise BrokenError(
            f"the Perf Analyzer of {brings.container} says that it is {program.version}, and "
            f"{wheel.version} was expected"
        )
    return Tools(genai_perf_environment(package, progress=progress), program, brings.container)


class Workplace:
    """Where the tools of a target are run, one run after the other.

    Attributes:
        folder: The working folder of all runs.

    Args:
        tools: The tools.
        folder: An empty folder, for the working folder and all that is beside it.
        run: The id of the run, by which what is left of a killed one is found.
    """

    def __init__(self, tools: Tools, folder: Path, run: str) -> None:
        self._all = folder
        self.folder = folder / "work"
        self._tools = tools
        self._programs = folder / "bin"
        self._home, self._temporary = folder / "home", folder / "tmp"
        for each in (self.folder, self._programs, self._home, self._temporary):
            each.mkdir()
        self._run = run
        (self._programs / "genai_perf_main.py").write_text(_LAUNCHER, encoding="utf-8")
        launcher = self._programs / PROGRAM
        launcher.write_text(
            f'#!/bin/sh\nexec {shlex.join(tools.perf_analyzer.command)} "$@"\n', encoding="utf-8"
        )
        launcher.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of the tools."""
        places = (str(self._programs), str(self._tools.environment.python.parent))
        return {
            "PATH": os.pathsep.join([*places, os.environ.get("PATH", os.defpath)]),
            "HOME": str(self._home),
            "TMPDIR": str(self._temporary),
            "HF_HUB_OFFLINE": "1",
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "200",  # tables and messages are not to be wrapped
            "NO_COLOR": "1",
            "PYTHONDONTWRITEBYTECODE": "1",  # the cache is others', too
            RUN_VARIABLE: self._run,
        }

    def genai_perf(self, *arguments: str, timeout: float = TIMEOUT) -> Finished:
        """Runs GenAI-Perf.

        Args:
            *arguments: What follows its name, such as ``profile``.
            timeout: Seconds until it must have ended.

        Raises:
            BrokenError: It did not end in time.
        """
        launcher = str(self._programs / "genai_perf_main.py")
        python = str(self._tools.environment.python)
        return self._finished((python, launcher), GENAI_PERF, arguments, timeout)

    def perf_analyzer(self, *arguments: str, timeout: float = TIMEOUT) -> Finished:
        """Runs Perf Analyzer; as for :meth:`genai_perf`."""
        return self._finished(self._tools.perf_analyzer.command, PROGRAM, arguments, timeout)

    def python(self, *arguments: str, timeout: float = TIMEOUT) -> Finished:
        """Runs the Python that GenAI-Perf runs on; as for :meth:`genai_perf`."""
        python = str(self._tools.environment.python)
        return self._finished((python,), "python3", arguments, timeout)

    def remove(self) -> None:
        """Removes the folder, with all that the tools have left in it."""
        shutil.rmtree(self._all, ignore_errors=True)

    def _finished(
        self, command: tuple[str, ...], name: str, arguments: tuple[str, ...], timeout: float
    ) -> Finished:
        return run_program(
            (*command, *arguments),
            called=(name, *arguments),
            folder=self.folder,
            environment=self.environment,
            timeout=timeout,
        )
