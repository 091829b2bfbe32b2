"""Starts a tritonserver in a container, by testcontainers."""

from __future__ import annotations

import os
import re
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from docker.errors import APIError
from docker.types import DeviceRequest, Mount
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers.container import ContainerStart, ServerContainer, remove_container
from triton_claims.servers.container_traces import labels_of, note_host
from triton_claims.servers.docker_host import engine_in_words, said
from triton_claims.servers.process import free_ports
from triton_claims.servers.running import (
    LOOPBACK,
    RunningServer,
    ServerFailedToStartError,
    started_on_free_ports,
    wait_until_ready,
)
from triton_claims.servers.scratch import RUN_VARIABLE, Scratch
from triton_claims.servers.server_options import Listening, server_command
from triton_claims.servers.ssh_engine import share_connections
from triton_claims.servers.ssh_tunnel import SshTunnel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triton_claims.servers.docker_host import DockerHost

#: Triton's own ports, which nobody else has in a container.
_INSIDE = Listening(None, 8000, 8001, 8002)
_NOT_SHARED = ("bind source path does not exist", "no such file or directory")
_NO_GPU_RUNTIME = ("could not select device driver", "unknown runtime specified nvidia")
_NO_INIT = ("container-init binary not found", '"docker-init": executable file not found')
_DISK_FULL = "no space left on device"
_UUID = re.compile(r"\b(?:GPU|MIG)-[0-9a-fA-F-]{8,}\b")


def start_container(
    start: ContainerStart, *, name: str, scratch: Scratch, timeout: float
) -> RunningServer:
    """Starts a server in a container and waits until it is ready.

    Its models lie in ``scratch.folder / name / "models"``; the container has them at the same
    place. Its ports are published on loopback, or on the address of a remote Docker host.

    Args:
        start: What to start.
        name: Unique on the machine; the server reports it as its own.
        scratch: The run's temporary place.
        timeout: Seconds until it must be ready.

    Raises:
        Blocked: The engine is gone, or has no runtime for GPUs.
        ServerFailedToStartError: It ended or did not get ready; with exit status and log.
    """
    return started_on_free_ports(lambda: _start_once(start, name, scratch, timeout))


def _start_once(
    start: ContainerStart, name: str, scratch: Scratch, timeout: float
) -> ServerContainer:
    host = start.image.host
    if start.loopback and not host.is_local:
        raise Blocked(
            f"the server must reach what listens on this machine's loopback, and {host} is another",
            unblock="run the suite on the Docker host itself",
        )
    (scratch.folder / name).mkdir(exist_ok=True)
    note_host(scratch.folder, host)
    listening = Listening(LOOPBACK, *free_ports(3)) if start.loopback else _INSIDE
    command = server_command(
        start.command,
        name=name,
        run=scratch.run,
        models=str(scratch.folder / name / "models"),
        listening=listening,
        known=start.known,
        arguments=start.arguments,
    )
    began = time.perf_counter()
    described, copied = _started(start, name, scratch, command)
    try:
        container = described.get_wrapped_container()
        addresses, tunnel = _addresses(container, start, listening, scratch.run)
    except BaseException:
        remove_container(described)
        raise
    server = ServerContainer(
        name,
        scratch,
        described,
        start,
        command=command,
        addresses=addresses,
        copied=copied,
        tunnel=tunnel,
    )
    try:
        wait_until_ready(server, began + timeout)
        server.start_seconds = time.perf_counter() - began
        must_see_its_gpus(server)
        with suppress(Blocked):
            server.remember_helpers()
    except BaseException:
        try:
            server.kill()
        finally:
            server.leave()
        raise
    return server


def _started(
    start: ContainerStart, name: str, scratch: Scratch, command: Sequence[str]
) -> tuple[DockerContainer, bool]:
    """The container, and whether its models were copied into it."""
    settings, host = start.settings, start.image.host
    # What a container writes as root is not ours to remove, but as root.
    mount = settings.models == "mount" or (
        settings.models == "auto" and host.is_local and os.getuid() == 0
    )
    for copied in (False, True) if mount else (True,):
        described = _described(start, name, scratch, command, copied=copied)
        try:
            with engine_in_words(host, refusals=False):
                described.start()
        except APIError as problem:
            remove_container(described)
            # An engine that does not see this machine's files is another machine's.
            not_shared = any(each in said(problem).lower() for each in _NOT_SHARED)
            if copied or not not_shared or settings.models == "mount":
                raise _refused(start, name, problem) from None
        except BaseException:
            remove_container(described)
            raise
        else:
            return described, copied
    raise BrokenError(f"the server {name} was not started")  # not reached: the last one returns


def _described(
    start: ContainerStart, name: str, scratch: Scratch, command: Sequence[str], *, copied: bool
) -> DockerContainer:
    host = start.image.host
    if "TESTCONTAINERS_RYUK_DISABLED" not in os.environ:
        # Its image is one more to pull, and what killed runs leave is found by labels without it.
        testcontainers_config.ryuk_disabled = True
    with engine_in_words(host):
        described = DockerContainer(
            start.image.id,
            docker_client_kw={"environment": host.environment()},
        )
        if host.is_by_ssh:
            share_connections(described.get_docker_client().client)
    # A prefix for the hub's images, which a user of testcontainers may have set, is not for an id.
    described.image = start.image.id
    mounts = (
        []
        if copied
        else [
            Mount(str(scratch.folder), str(scratch.folder), type="bind"),
            *(Mount(str(each), str(each), type="bind", read_only=True) for each in start.mounts),
        ]
    )
    described.with_command(list(command))
    described.with_envs(**_environment(start, scratch))
    described.with_name(f"triton-claims-{name}")
    options = start.settings.arguments()
    described.tmpfs = options.pop("tmpfs", {})  # testcontainers passes it on itself
    # One call: each replaces what the one before it gave.
    described.with_kwargs(
        **{
            **options,
            "labels": labels_of(scratch.run),
            "mounts": mounts,
            "network": "host" if start.loopback else "bridge",
            "device_requests": [
                DeviceRequest(device_ids=list(start.gpus), capabilities=[["gpu"]]),
            ]
            if start.gpus
            else [],
        }
    )
    if not start.loopback:
        ports = [_INSIDE.http, _INSIDE.grpc, *([_INSIDE.metrics] * start.with_metrics)]
        published: dict[str, Any] = {f"{port}/tcp": (_published_on(host),) for port in ports}
        described.ports = published
    if copied:
        models = scratch.folder / name / "models"
        described.with_copy_into_container(models, str(models.parent))
        for each in start.mounts:
            described.with_copy_into_container(each, str(each.parent))
    return described


def _published_on(host: DockerHost) -> str:
    """The address that a host publishes ports on: an engine takes no names."""
    try:
        found = socket.getaddrinfo(host.address, None, proto=socket.IPPROTO_TCP)
    except OSError as problem:
        raise BrokenError(f"the Docker host {host} has no address here: {problem}") from None
    return str(found[0][4][0])


def _environment(start: ContainerStart, scratch: Scratch) -> dict[str, str]:
    # Where a cell is for the CPU, a GPU that happens to be there must not matter.
    without_gpu = {"CUDA_VISIBLE_DEVICES": "-1", "NVIDIA_VISIBLE_DEVICES": "void"}
    return {
        **({} if start.gpus else without_gpu),
        RUN_VARIABLE: scratch.run,
        **start.environment,
    }


def _addresses(
    container: Any, start: ContainerStart, listening: Listening, run: str
) -> tuple[tuple[str, str, str | None], SshTunnel | None]:
    """Where its services are reached, and the tunnel that leads there, if one must."""
    host = start.image.host
    inside = [listening.http, listening.grpc, *([listening.metrics] * start.with_metrics)]
    if start.loopback:
        return _three([f"{LOOPBACK}:{port}" for port in inside]), None
    with engine_in_words(host):
        container.reload()
    published = container.attrs["NetworkSettings"]["Ports"] or {}
    bindings = [published.get(f"{port}/tcp") for port in inside]
    if not all(bindings):
        # It has ended already and lost its ports, or will be found so: nobody listens there.
        return _three([f"{LOOPBACK}:9"] * len(inside)), None
    ports = [int(each[0]["HostPort"]) for each in bindings if each]
    if not host.is_by_ssh:
        return _three([f"{host.address}:{port}" for port in ports]), None
    tunnel = SshTunnel(host.url, ports, run)
    return _three([f"{LOOPBACK}:{tunnel.ports[port]}" for port in ports]), tunnel


def _three(addresses: Sequence[str]) -> tuple[str, str, str | None]:
    http, grpc, *metrics = addresses
    return http, grpc, metrics[0] if metrics else None


def _refused(start: ContainerStart, name: str, problem: APIError) -> BrokenError | Blocked:
    """What the engine says when it does not start a container."""
    host, words = start.image.host, said(problem)
    lower = words.lower()
    if any(each in lower for each in _NO_GPU_RUNTIME):
        return Blocked(
            f"the Docker engine at {host} has no runtime for GPUs: {words}",
            unblock="install the NVIDIA Container Toolkit there (nvidia-ctk runtime configure)",
        )
    if any(each in lower for each in _NO_INIT):
        return Blocked(
            f"the engine at {host} has no program to be the first process of containers: {words}",
            unblock="install it there (for podman, catatonit), or do without it: "
            "--docker-option init=false",
        )
    advice = ""
    if _DISK_FULL in lower:
        advice = "; make room on the Docker host"
    elif any(each in lower for each in _NOT_SHARED) and start.settings.models == "mount":
        advice = "; if it does not see this machine's files, use --docker-models copy"
    elif "rlimit" in lower or "ulimit" in lower:
        advice = "; the host does not allow this limit: give another by --docker-option ulimits=..."
    return ServerFailedToStartError(
        f"the Docker engine at {host} does not start the server {name}: {words}{advice}"
    )


def must_see_its_gpus(server: ServerContainer) -> None:
    """An engine may pass over a request for GPUs without a word: look that they are there.

    Raises:
        BrokenError: The container sees others than it was to see, or none.
    """
    wanted = set(server.start.gpus)
    if not wanted:
        return
    mig = any(each.startswith("MIG-") for each in wanted)
    # MIG devices stand in the list for people alone.
    query = ["-L"] if mig else ["--query-gpu=uuid", "--format=csv,noheader"]
    code, printed = server.run_inside(["nvidia-smi", *query])
    seen = set(_UUID.findall(printed)) if code == 0 else set()
    if mig:
        seen = {each for each in seen if each.startswith("MIG-")}
    if seen != wanted:
        raise BrokenError(
            f"the container of the server {server.name} was to see {', '.join(sorted(wanted))} and "
            f"sees {', '.join(sorted(seen)) or 'no GPU'}: the engine at {server.host} does not "
            f"give it what it asked for; nvidia-smi printed: {printed.strip()[:300]}"
        )
