"""Stand-ins for GenAI-Perf and Perf Analyzer, in wheels that pip and the suite take for theirs."""

from __future__ import annotations

import re
import zipfile
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

from staged.client_wheel import make_client_wheel

if TYPE_CHECKING:
    from pathlib import Path

#: Does what its first argument says.
GENAI_PERF = """\
import json, os, subprocess, sys, time

import needed


def main():
    word, *rest = sys.argv[1:]
    if word == "tell":
        told = {"environment": dict(os.environ), "folder": os.getcwd(), "needed": needed.BY}
        print(json.dumps(told))
    elif word == "analyze":
        return subprocess.run(["perf_analyzer", *rest]).returncode
    elif word == "spawn":  # something that outlives it, and is told by its process id
        child = subprocess.Popen(["sleep", "600"])
        print(child.pid, flush=True)
        if rest:
            time.sleep(600)
    elif word == "fail":
        print("--password hunter2222", file=sys.stderr)
        return 3
    elif word == "options":
        known = rest[0].split(",")
        unknown = [each for each in rest[1:] if each.startswith("--") and each not in known]
        if unknown:
            print("error: unrecognized arguments: " + " ".join(unknown), file=sys.stderr)
            return 2
    return 0
"""
PERF_ANALYZER = """\
#!/bin/sh
[ "$1" = --version ] && echo "Perf Analyzer Version {version} (commit unknown)" && exit
echo "analyzed $*"
exit 9
"""


def make_wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> None:
    """Makes a wheel of Python files.

    Args:
        folder: Where to; made here if need be.
        name: The distribution's name, as a file spells it.
        version: Its version.
        files: Its files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    about = f"{name}-{version}.dist-info"
    every = {
        **files,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{about}/RECORD,,\n"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in every.items():
            archive.writestr(file, content)
            digest = urlsafe_b64encode(sha256(content.encode()).digest()).decode().rstrip("=")
            record += f"{file},sha256={digest},{len(content.encode())}\n"
        archive.writestr(f"{about}/RECORD", record)


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    return sha256(path.read_bytes()).hexdigest()


def stage_tools(releases: Path, downloads: Path, genai_perf: str = GENAI_PERF) -> None:
    """Puts stand-ins in the place of all tools that releases name; those already there stay.

    Args:
        releases: The folder of the releases' data, which is changed.
        downloads: The cache's folder for files that this machine cannot fetch.
        genai_perf: What stands for GenAI-Perf: a module with a function ``main``.
    """
    needed = downloads / "needed-1.0-py3-none-any.whl"
    if not needed.exists():
        make_wheel(downloads, "needed", "1.0", {"needed.py": "BY = 'GenAI-Perf'\n"})
    (releases / "genai-perf.txt").write_text(f"needed==1.0 --hash=sha256:{digest(needed)}\n")
    for path in releases.glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        if found := re.search(r"(?s)\[genai_perf\]\nversion = \"([\d.]+)\"", text):
            files = {"genai_perf/__init__.py": "", "genai_perf/main.py": genai_perf}
            wheel = downloads / f"genai_perf-{found[1]}-py3-none-any.whl"
            if not wheel.exists():
                make_wheel(downloads, "genai_perf", found[1], files)
            text = _pinned(text, "genai_perf", sha256=digest(wheel))
        if found := re.search(r"(?s)\[client\].*?\nversion = \"([\d.]+)\"", text):
            program = PERF_ANALYZER.format(version=found[1]).encode()
            client = downloads / f"tritonclient-{found[1]}-py3-none-any.whl"
            if not client.exists():
                make_client_wheel(downloads, found[1], "any", program)
            size = client.stat().st_size
            text = _pinned(text, "client", filename=client.name, sha256=digest(client), size=size)
        path.write_text(text, encoding="utf-8")


def _pinned(text: str, table: str, **values: str | int) -> str:
    head, start, rest = text.partition(f"[{table}]\n")
    body, end, tail = rest.partition("\n\n")
    for name, value in values.items():
        shown = f'"{value}"' if isinstance(value, str) else str(value)
        body = re.sub(rf"(?m)^{name} = .*$", f"{name} = {shown}", body)
    return head + start + body + end + tail
