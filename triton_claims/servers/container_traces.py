"""Finds again what killed runs left on a Docker host: by labels, with or without Ryuk."""

from __future__ import annotations

import json
import os
import platform
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from docker.errors import APIError, NotFound

from triton_claims.errors import TritonClaimsError
from triton_claims.servers.docker_host import DockerHost, connect, docker_host, engine_in_words
from triton_claims.servers.scratch import DOCKER_HOSTS, Owner

if TYPE_CHECKING:
    from collections.abc import Callable

    import docker

RUN_LABEL = "triton-claims.run"
_OWNER_LABEL = "triton-claims.owner"


def labels_of(run: str) -> dict[str, str]:
    """The labels of everything that a run has on a Docker host.

    A process id says something only together with the machine, its boot and the namespace.
    """
    owner = {**asdict(Owner.this_process()), **_whereabouts()}
    return {RUN_LABEL: run, _OWNER_LABEL: json.dumps(owner)}


def _whereabouts() -> dict[str, str]:
    return {
        # Clones, and containers of one image, may have the same id, but hardly the same name, too.
        "machine": f"{_read('/etc/machine-id')} {platform.node()}",
        "boot": _read("/proc/sys/kernel/random/boot_id"),
        "processes": _link("/proc/self/ns/pid"),
    }


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115 - pid:[4026531836] is no path
    except OSError:
        return ""


def note_host(folder: Path, host: DockerHost) -> None:
    """Notes in a run's folder that it is about to have something on a Docker host."""
    file = folder / DOCKER_HOSTS
    noted = _noted(file)
    if host.url in noted:
        return
    staging = file.with_suffix(".new")
    staging.write_text(json.dumps([*noted, host.url]), encoding="utf-8")
    staging.replace(file)


def _noted(file: Path) -> list[str]:
    try:
        return list(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return []


def remove_noted_containers(run: str, folder: Path) -> None:
    """Removes all that a run has on the Docker hosts noted in its folder; one that is gone, not."""
    for url in _noted(folder / DOCKER_HOSTS):
        with suppress(TritonClaimsError):
            remove_containers(docker_host(url), run)


def remove_containers(host: DockerHost, run: str) -> None:
    """Removes all containers of a run on a host."""
    with engine_in_words(host):
        _remove(connect(host), {"label": f"{RUN_LABEL}={run}"}, lambda _labels: True)


def sweep_host(host: DockerHost) -> list[str]:
    """Removes the containers of runs that are no more, as far as that can be told from here.

    Returns:
        The ids of the runs.

    Raises:
        Blocked: No engine answers.
    """
    with engine_in_words(host):
        return _remove(connect(host), {"label": RUN_LABEL}, _is_abandoned)


def _remove(
    client: docker.DockerClient,
    filters: dict[str, str],
    chosen: Callable[[dict[str, str]], bool],
) -> list[str]:
    runs = []
    for container in client.containers.list(all=True, filters=filters, ignore_removed=True):
        if not chosen(container.labels):
            continue
        runs.append(container.labels[RUN_LABEL])
        # Somebody else may just be removing it.
        with suppress(NotFound, APIError, requests.RequestException):
            container.remove(force=True, v=True)
    return list(dict.fromkeys(runs))


def _is_abandoned(labels: dict[str, str]) -> bool:
    try:
        owner = json.loads(labels[_OWNER_LABEL])
        process = Owner(int(owner["pid"]), float(owner["created"]))
    except (KeyError, TypeError, ValueError):
        return False
    here = _whereabouts()
    if owner.get("boot") != here["boot"]:
        # Another machine's runs are its own matter; of this one nothing has outlived the boot.
        return bool(owner.get("boot")) and bool(owner.get("machine") == here["machine"])
    same = bool(here["processes"]) and bool(owner.get("processes") == here["processes"])
    return same and not process.is_alive()
