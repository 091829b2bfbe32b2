"""A file that names the Docker hosts of a fleet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triton_claims.errors import InputError
from triton_claims.notes.structure import check_structure
from triton_claims.notes.tomlfile import Document
from triton_claims.servers.docker_host import DockerHost, docker_host, parse_docker_host

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def read_docker_hosts(text: str, *, where: str = "--docker-host") -> tuple[DockerHost, ...]:
    """Reads what the user names: one host by its URL, or a file (``.toml``) of several.

    Raises:
        InputError: It is neither, or the file is not as it should be.
    """
    if text.endswith(".toml"):
        return load_docker_hosts(Path(text))
    return (parse_docker_host(text, where=where),)


def load_docker_hosts(path: Path) -> tuple[DockerHost, ...]:
    """Reads the Docker hosts of a fleet.

    Args:
        path: A TOML file of ``[[host]]`` tables; ``releases/schema/docker-hosts.schema.json`` says
            what stands in them.

    Raises:
        InputError: The file is not as it should be, or names a host twice.
    """
    document = Document(path)
    check_structure(document, "docker-hosts")
    hosts: list[DockerHost] = []
    for index, entry in enumerate(document.data["host"]):
        host = _host(document, index, entry)
        for known in hosts:
            if known.name == host.name or known.url == host.url:
                what = "name" if known.name == host.name else "url"
                raise document.error(f"found {what} of {known} again", "host", index, what)
        hosts.append(host)
    return tuple(hosts)


def _host(document: Document, index: int, entry: dict[str, Any]) -> DockerHost:
    where = document.where("host", index, "url")
    host = parse_docker_host(entry["url"], where=where)
    named = docker_host(host.url, name=entry["name"], labels=entry.get("labels"))
    return replace(named, address=entry.get("address", named.address))


def with_labels(
    hosts: Sequence[DockerHost], wanted: Iterable[str], *, where: str = "--docker-label"
) -> tuple[DockerHost, ...]:
    """The hosts that have all the labels wanted.

    Args:
        hosts: The hosts.
        wanted: ``NAME=VALUE`` each.
        where: Named in the error.

    Raises:
        InputError: It is no label, or no host has them.
    """
    labels = []
    for text in wanted:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(f"{text!r} is no label: expected NAME=VALUE", where=where)
        labels.append((name, value))
    chosen = tuple(host for host in hosts if set(labels) <= set(host.labels))
    if not chosen:
        there = sorted({f"{name}={value}" for host in hosts for name, value in host.labels})
        raise InputError(
            f"no Docker host has {', '.join('='.join(each) for each in labels)}: expected some of "
            f"{', '.join(there) or 'none, for none has a label'}",
            where=where,
        )
    return chosen
