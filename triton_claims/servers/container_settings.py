"""What the user may say of how containers are run."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from docker.constants import DEFAULT_DOCKER_API_VERSION
from docker.errors import DockerException
from docker.models.containers import RUN_CREATE_KWARGS, RUN_HOST_CONFIG_KWARGS
from docker.types import HostConfig, Ulimit

from triton_claims.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: What makes a container the one that a check asked for, and is found again when it was left.
_OURS = frozenset(
    {
        *("auto_remove", "command", "detach", "device_requests", "environment", "image", "labels"),
        *("mounts", "name", "network_disabled", "network_mode", "publish_all_ports", "remove"),
        *("restart_policy", "tty", "version", "volumes_from"),
    }
)
KNOWN = frozenset({*RUN_CREATE_KWARGS, *RUN_HOST_CONFIG_KWARGS}) - _OURS
#: Python models keep their tensors in shared memory, and Docker's own default is 64 MB.
_DEFAULTS: Mapping[str, Any] = {"shm_size": "1g", "init": True}
_SHARES = ("auto", "mount", "copy")
#: What ``docker run`` calls otherwise.
_COMMAND_LINE = {
    "devices": "device",
    "dns_opt": "dns-option",
    "extra_hosts": "add-host",
    "ipc_mode": "ipc",
    "mem_limit": "memory",
    "mem_reservation": "memory-reservation",
    "mem_swappiness": "memory-swappiness",
    "memswap_limit": "memory-swap",
    "pid_mode": "pid",
    "sysctls": "sysctl",
    "ulimits": "ulimit",
    "userns_mode": "userns",
    "uts_mode": "uts",
    "working_dir": "workdir",
}
#: Those that are lists of words, and may come several times.
_LISTS = frozenset(
    {
        *("cap_add", "cap_drop", "device_cgroup_rules", "devices", "dns", "dns_opt", "dns_search"),
        *("group_add", "security_opt"),
    }
)


@dataclass(frozen=True, slots=True)
class ContainerSettings:
    """How containers are run.

    Attributes:
        options: Further arguments for the engine, by the names of Docker's Python library, as
            ``(("shm_size", "2g"),)``; values are what JSON gives, lists as tuples.
        models: How models get into a container: ``mount`` (its engine sees this machine's files),
            ``copy``, or ``auto`` for the first of these that works.
    """

    options: tuple[tuple[str, Any], ...] = ()
    models: str = "auto"

    def arguments(self) -> dict[str, Any]:
        """The arguments for Docker's Python library."""
        given = {name: _listed(value) for name, value in self.options}
        if "ulimits" in given:
            given["ulimits"] = [_ulimit(each) for each in given["ulimits"]]
        return {**_DEFAULTS, **given}

    def command_line_options(self) -> list[str]:
        """The same for ``docker run``."""
        given = {name: _listed(value) for name, value in self.options}
        options = []
        for name, value in {**_DEFAULTS, **given}.items():
            option = _COMMAND_LINE.get(name, name.replace("_", "-"))
            if isinstance(value, dict):
                between = ":" if name == "tmpfs" else "="
                words: list[Any] = [
                    between.join(filter(None, map(str, pair))) for pair in value.items()
                ]
            else:
                words = value if isinstance(value, list) else [value]
            options += [
                f"--{option}={str(word).lower() if isinstance(word, bool) else word}"
                for word in words
            ]
        return options


def parse_settings(
    options: Iterable[str], models: str | None = None, *, where: str = "--docker-option"
) -> ContainerSettings:
    """Reads the user's settings.

    Args:
        options: ``NAME=VALUE`` each, with a name of Docker's Python library (``shm_size=2g``,
            ``user=1000``, ``mem_limit=8g``, ``ulimits=memlock=-1``, ``cap_add=["SYS_PTRACE"]``);
            a value that is JSON is taken as such. Those that are lists may come several times.
        models: ``auto``, ``mount`` or ``copy``.
        where: Named in the error.

    Raises:
        InputError: A name is unknown or ours, a value is none.
    """
    read: dict[str, Any] = {}
    for text in options:
        name, equals, value = text.partition("=")
        if not equals or not value:
            raise InputError(
                f"{text!r} is no option for containers: expected NAME=VALUE, such as shm_size=2g",
                where=where,
            )
        _must_be_known(name, where)
        parsed = _parsed(value)
        if name == "ulimits":
            limits = parsed if isinstance(parsed, list) else [value]
            for limit in limits:
                _check_ulimit(limit, where)
            parsed = [*read.get(name, ()), *limits]
        if name in _LISTS and not isinstance(parsed, list):
            parsed = [*read.get(name, ()), value]
        read[name] = parsed
    if models is not None and models not in _SHARES:
        raise InputError(
            f"{models!r} is unknown: expected one of {', '.join(_SHARES)}", where="--docker-models"
        )
    frozen = tuple((name, _frozen(value)) for name, value in sorted(read.items()))
    settings = ContainerSettings(frozen, models or _SHARES[0])
    _must_be_taken(settings, where)
    return settings


def _must_be_known(name: str, where: str) -> None:
    if name in _OURS:
        raise InputError(f"{name!r} is settled by the suite and can't be given", where=where)
    if name not in KNOWN:
        near = difflib.get_close_matches(name, KNOWN, n=3) or ["shm_size", "ulimits", "user"]
        raise InputError(
            f"{name!r} is no option for containers: expected a name of Docker's Python library, "
            f"such as {', '.join(near)}",
            where=where,
        )


def _must_be_taken(settings: ContainerSettings, where: str) -> None:
    """What Docker's library makes nothing of is told before anything runs."""
    for name, value in settings.arguments().items():
        if name not in RUN_HOST_CONFIG_KWARGS:
            continue
        try:
            HostConfig(DEFAULT_DOCKER_API_VERSION, **{name: value})
        except (DockerException, AttributeError, TypeError, ValueError) as problem:
            told = " ".join(str(problem).split())
            raise InputError(f"{name!r} can't be {value!r}: {told}", where=where) from None


def _parsed(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _check_ulimit(limit: Any, where: str) -> None:
    try:
        _ulimit(limit)
    except (AttributeError, TypeError, ValueError):
        raise InputError(
            f"{limit!r} is no limit: expected NAME=SOFT[:HARD], such as memlock=-1", where=where
        ) from None


def _ulimit(limit: str) -> Ulimit:
    name, _, values = limit.partition("=")
    soft, _, hard = values.partition(":")
    if not name:
        raise ValueError(limit)
    return Ulimit(name=name, soft=int(soft), hard=int(hard or soft))


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_frozen(each) for each in value)
    if isinstance(value, dict):
        return tuple(sorted((key, _frozen(each)) for key, each in value.items()))
    return value


def _listed(value: Any) -> Any:
    if not isinstance(value, tuple):
        return value
    pairs = all(isinstance(each, tuple) and len(each) == 2 for each in value)
    if value and pairs:
        return {key: _listed(each) for key, each in value}
    return [_listed(each) for each in value]
