"""An option that Perf Analyzer once had."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers.client_wheels import fetch_client
from triton_claims.servers.pip_command import PipFailure

#: Options that it had before and has since: where they are not seen, others would not be either.
KNOWN = ("trace-level", "trace-rate", "concurrency-range")
GONE = "trace-file"


@pytest.mark.claim("perf-analyzer-no-trace-file")
def test_perf_analyzer_has_no_option_for_a_trace_file(server, evidence):
    """Perf Analyzer refuses the option --trace-file."""
    with (
        evidence.step("fetch the Perf Analyzer that the release's client brings along"),
        TemporaryDirectory(dir=server.process.folder) as scratch,
    ):
        wheel = fetch_client(server.version, "x86_64", Path(scratch, "client"))
        if isinstance(wheel, PipFailure):
            raise Blocked(
                f"pip finds no client {server.version}: {wheel.reason}",
                unblock="connect this machine to a package index that has it",
            )
        program = wheel.program("perf_analyzer")
    # It may need a newer system than this one, so it is read and not run: its parser knows an
    # option by a text that ends there, and takes any that begins with what was given.
    found = {name: options_of(program, name) for name in (*KNOWN, GONE)}
    evidence.show(
        f"options in the program of {wheel.path.name}",
        "\n".join(f"--{name}: {' '.join(texts) or 'none'}" for name, texts in found.items()),
    )
    with evidence.step("control: the options that it has are seen"):
        unseen = [name for name in KNOWN if not found[name]]
        if unseen:
            raise BrokenError(f"the check's control failed: no text for {', '.join(unseen)}")

    assert not found[GONE], f"it takes --{GONE}: {' '.join(found[GONE])}"


def options_of(program, name):
    """The texts in a program by which its parser may know an option."""
    texts = re.findall(rb"(" + name.encode() + rb"[\w-]*)\0", program)
    return sorted({text.decode() for text in texts})
