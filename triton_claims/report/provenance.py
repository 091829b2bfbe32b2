"""Where a run's figures come from: suite, host, targets."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from triton_claims.verdicts.ledger import Ledger

_MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


def suite_commit(root: Path) -> str | None:
    """The git commit of the suite, ``+changes`` where files differ; None outside of git."""

    def git(*arguments: str) -> str | None:
        try:
            answer = subprocess.run(
                ["git", "-C", str(root), *arguments],  # noqa: S607 - the user's git
                capture_output=True,
                text=True,
                timeout=20,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return answer.stdout.strip() if answer.returncode == 0 else None

    commit = git("rev-parse", "HEAD")
    if not commit:
        return None
    return commit + ("+changes" if git("status", "--porcelain") else "")


def host_facts() -> dict[str, str | float | None]:
    """What may matter of the machine; its name is nobody's business."""
    return {
        "system": platform.system(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()).strip() or None,
        "distribution": _distribution(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "machine_id": _machine_id(),
    }


def _distribution() -> str | None:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None


def _machine_id() -> str | None:
    """The same for each boot of a machine, and another for another one; does not tell its id."""
    for path in _MACHINE_IDS:
        try:
            told = path.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue
        if re.fullmatch("[0-9a-f]{32}", told):  # it may be empty, or "uninitialized"
            return hashlib.sha256(f"triton-claims {told}".encode()).hexdigest()[:16]
    return None


def _processor() -> str | None:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return None
    names = (line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line)
    return next(names, None)


def provenance(ledger: Ledger) -> Iterator[tuple[str, str]]:
    """The header as names and values for people."""
    header = ledger.header
    yield "run", str(header["run"])
    yield "started", str(header["started"])
    yield "release", f"{header['release']['container']} (server {header['release']['server']})"
    for number, target in enumerate(header["targets"], start=1):
        yield f"target.{number}", _identified(target)
    if "baseline" in header:
        yield "baseline", _identified(header["baseline"])
    if "load_engine" in header:
        yield "load_engine", str(header["load_engine"])
    yield "suite", f"{header['suite_version']} at {header['suite_commit'] or 'no commit'}"
    yield "notes_digest", str(header["notes_digest"])
    gpus = header.get("gpus", {})
    for number, gpu in enumerate(gpus.get("devices", ()), start=1):
        words = f"{gpu['uuid']} {gpu['name']} {gpu['architecture']} {gpu['compute_capability']}"
        yield f"gpu.{number}", f"{words} driver {gpu['driver']}, by {gpus['origin']}"
    for name, value in header["host"].items():
        yield f"host.{name}", str(value)
    for number, shard in enumerate(header.get("shards", ()), start=1):
        yield f"shard.{number}", f"{shard['run']}: {' '.join(shard['options'])}"


def _identified(target: Mapping[str, Any]) -> str:
    identity = target.get("digest") or f"sha256 {target['sha256']}"
    tools = " ".join(f"{name} {version}" for name, version in target.get("tools", {}).items())
    return " ".join(filter(None, (target["target"], tools, identity)))
