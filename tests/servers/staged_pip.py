"""Stands for pip in tests: does, one call after the other, what a plan says.

``staged_pip.py FOLDER pip's arguments``: the folder's ``plan`` holds one word a call, its ``calls``
what was called. The words: ``serve``, ``corrupt``, ``interrupt``, ``offline``, ``absent``,
``mismatch``, ``nothing``, ``hold`` (serve, once the folder's pipe ``go`` is written to).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

folder = Path(sys.argv[1])
arguments = sys.argv[2:]
calls = folder / "calls"
number = len(calls.read_text().splitlines()) if calls.exists() else 0
with calls.open("a") as log:
    log.write(json.dumps({"arguments": arguments, "temporary": os.environ["TMPDIR"]}) + "\n")
word = (folder / "plan").read_text().split()[number]


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def fail(*lines: str) -> None:
    say("Looking in indexes: https://someone:hunter2hunter2@index.invalid/simple")
    for line in lines:
        say(line)
    sys.exit(1)


def after(option: str) -> Path:
    return Path(arguments[arguments.index(option) + 1])


if word == "hold":
    (folder / "go").read_text()
if word == "offline":
    fail(
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)'",
        "ERROR: Could not find a version that satisfies the requirement (from versions: none)",
        "ERROR: No matching distribution found for it",
    )
if word == "absent":
    fail("ERROR: No matching distribution found for it")
if word == "mismatch":
    fail("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "  it")
if word == "interrupt":
    say("Progress 100 of 1000")
    fail("ERROR: IncompleteRead at https://someone:hunter2hunter2@index.invalid/it.whl")
if word in ("serve", "hold", "corrupt") and arguments[0] == "download":
    say("Progress 500000 of 2000000")
    say("Progress 2000000 of 2000000")
    for file in (folder / "files").iterdir():
        shutil.copy(file, after("--dest"))
        if word == "corrupt":
            (after("--dest") / file.name).write_bytes(b"not what was asked for")
if word == "serve" and arguments[0] == "install":
    package = after("--target") / "numpy"
    package.mkdir()
    (package / "__init__.py").write_text("__version__ = 'staged'\n")
