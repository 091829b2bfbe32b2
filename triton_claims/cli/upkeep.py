"""The commands about this machine: what runs need of it, and what they left on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from triton_claims.cli.commands import BAD_NEWS, knowledge_here
from triton_claims.cli.saying import complain, progress, say, say_all
from triton_claims.errors import Blocked, InputError, TritonClaimsError
from triton_claims.notes.images import with_users_images
from triton_claims.secrets import redact
from triton_claims.servers import host, scratch
from triton_claims.servers.cache import cache_root
from triton_claims.servers.interpreters import find_interpreter, find_python
from triton_claims.servers.preparing import make_ready
from triton_claims.servers.targets import parse_target
from triton_claims.tools.genai_perf import make_tools_ready

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from triton_claims.cli.commands import AddCommand
    from triton_claims.notes.releases import Releases
    from triton_claims.servers.docker_host import DockerHost
    from triton_claims.servers.targets import Target


def add_commands(command: AddCommand) -> None:
    """Adds ``fetch``, ``sweep`` and ``doctor``."""
    fetch = command("fetch", _fetch, "makes targets ready, so that a run needs no network")
    fetch.add_argument(
        "target",
        metavar="TARGET",
        nargs="+",
        help="such as wheel:24.10, ngc:25.01 or genai-perf:0.0.10",
    )
    fetch.add_argument(
        "--image",
        metavar="FLAVOUR=REFERENCE",
        action="append",
        default=[],
        help="another image for a flavour of ngc:; repeatable",
    )
    fetch.add_argument(
        "--docker-host",
        metavar="URL|FILE",
        action="append",
        default=[],
        help="where images are to be; repeatable",
    )

    sweeping = command("sweep", _sweep, "clears up after runs that were killed")
    sweeping.add_argument(
        "--docker-host",
        metavar="URL|FILE",
        action="append",
        default=[],
        help="also there; repeatable",
    )
    command("doctor", _doctor, "tells what can't work on this machine")


def _fetch(options: argparse.Namespace) -> int:
    knowledge = knowledge_here()
    images = with_users_images(knowledge.images, options.image) if knowledge.images else None
    targets = [
        parse_target(text, knowledge.releases, images, where="TARGET") for text in options.target
    ]
    hosts = [host for text in options.docker_host for host in _docker_hosts(text)]
    code = 0
    for target in dict.fromkeys(targets):
        for where in hosts if hosts and target.in_container else [None]:
            try:
                words = _made_ready(target, where)
            except InputError:
                raise
            except TritonClaimsError as problem:
                complain(redact(f"{target}: {problem}"))
                code = BAD_NEWS
            else:
                say(redact(f"{target} is ready: {words}"))
    return code


def _made_ready(target: Target, where: DockerHost | None) -> str:
    if target.is_tool:
        return make_tools_ready(target, progress).describe()
    if target.is_backend:
        return "nothing has to be made ready for its files"
    ready = make_ready(target, progress, host=where)
    return f"{ready.origin}, models on {ready.model_python}"


def _docker_hosts(text: str) -> tuple[DockerHost, ...]:
    # Docker's library is slow to import, and most commands need none of it.
    from triton_claims.servers.docker_hosts_file import read_docker_hosts  # noqa: PLC0415

    return read_docker_hosts(text)


def _sweep(options: argparse.Namespace) -> int:
    swept = scratch.sweep()
    for text in options.docker_host:
        from triton_claims.servers.container_traces import sweep_host  # noqa: PLC0415 - see above

        for docker_host in _docker_hosts(text):
            swept += sweep_host(docker_host)
    say_all(f"cleared up after the run {run}" for run in swept)
    if not swept:
        say("there was nothing to clear up")
    return 0


def _doctor(_options: argparse.Namespace) -> int:
    obstacles = host.obstacles()
    for line in obstacles:
        complain(line)
    if obstacles:
        return BAD_NEWS
    code = 0
    say(f"cache: {cache_root()}")
    # Servers with the same stubs get the same Python.
    wheels: dict[tuple[str, ...], list[str]] = {}
    releases = knowledge_here().releases
    for release in releases.values():
        if release.wheel is not None:
            wheels.setdefault(release.wheel.stubs, []).append(f"wheel:{release.container}")
    for stubs, targets in wheels.items():
        named = targets[0] if len(targets) == 1 else f"{targets[0]} to {targets[-1]}"
        try:
            python = find_interpreter(stubs, progress=progress)
        except Blocked as problem:
            complain(f"{named}: {problem}")
            code = BAD_NEWS
        else:
            say(f"{named}: the models run on Python {python.release}, {python.executable}")
    say_all(_tools(releases))
    if code == 0:
        say("everything the embedded servers need is here")
    return code


def _tools(releases: Releases) -> Iterator[str]:
    """What there is besides servers; the lack of it keeps none from working."""
    if any(release.client for release in releases.values()):
        yield _load_engine(releases)
    pythons: dict[tuple[str, ...], list[str]] = {}
    for release in releases.values():
        if release.genai_perf is not None:
            target = f"genai-perf:{release.genai_perf.version}"
            pythons.setdefault(release.genai_perf.pythons, []).append(target)
    for versions, targets in pythons.items():
        named = targets[0] if len(targets) == 1 else f"{targets[0]} to {targets[-1]}"
        try:
            python = find_python(versions, "GenAI-Perf", progress=progress)
        except Blocked as missing:
            yield redact(f"{named}: cannot run here: {missing}")
        else:
            runs = "runs" if len(targets) == 1 else "run"
            yield f"{named}: {runs} on Python {python.release}, {python.executable}"


def _load_engine(releases: Releases) -> str:
    """What puts loads on servers here; the lack of Perf Analyzer keeps nothing from working."""
    # Slow to import, and no other command needs them.
    from triton_claims.servers.load_engines import load_engine  # noqa: PLC0415
    from triton_claims.servers.loads import LOADS  # noqa: PLC0415

    try:
        engine = load_engine("perf_analyzer", releases, progress)
    except Blocked as missing:
        return redact(f"loads: put on servers by our own client alone: {missing}")
    name = engine.name_for(next(iter(LOADS.values())))
    return f"loads: put on servers by {name} where they are for it, else by our own client"
