"""Programs that use the server through its Java bindings."""

from __future__ import annotations

import os

import pytest

from fixtures.crashing import must_be_known
from triton_claims.errors import Blocked, BrokenError
from triton_claims.measure.crashes import try_for_crashes
from triton_claims.servers.running import describe_exit, status_by_shell

#: A shell command that runs such a program where the server runs, from its start to its end.
PROGRAM = "TRITON_CLAIMS_JAVA_PROGRAM"
SEGMENTATION_FAULT = -11
#: What the Java machine prints when it crashes; it ends by SIGABRT then, whatever the signal was.
WORDS = "SIGSEGV"


@pytest.mark.claim("java-api-crash")
@pytest.mark.needs(image="py3")
def test_some_runs_of_a_java_program_crash(server, evidence):
    """Some runs of a program that uses the server through its Java bindings end in a segmentation
    fault.
    """
    program = os.environ.get(PROGRAM)
    if not program:
        raise Blocked(
            "no program with the Java bindings is given, and images hold no such bindings",
            unblock=f"{PROGRAM}='java -cp ... Program', a command where the server runs",
        )
    code, printed = server.process.run_inside(["sh", "-c", "command -v java"])
    if code:
        raise Blocked(f"there is no java where the server runs: {printed.strip()}", unblock="a JDK")

    def attempt():
        status, output = server.process.run_inside(["sh", "-c", program])
        status = status_by_shell(status)
        crashed = status == SEGMENTATION_FAULT or WORDS in output
        if status and not crashed:
            raise BrokenError(f"the program {describe_exit(status)}: {output.strip()[-1000:]}")
        return crashed, describe_exit(status)

    crashes = try_for_crashes(attempt)
    evidence.show("runs", "\n".join(crashes.ends))
    must_be_known(crashes)
    assert crashes.happened, f"fewer than one run in twenty crashes: {crashes}"
