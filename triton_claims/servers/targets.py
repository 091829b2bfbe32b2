"""What ``--target`` names: the server under test, the tool, or the vLLM backend's files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from triton_claims.errors import InputError
from triton_claims.notes.images import USUAL
from triton_claims.servers.remote_address import RemoteAddress, parse_remote_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from triton_claims.notes.images import Images
    from triton_claims.notes.releases import Release, Releases

#: The tools, as targets and checks name them; targets that are no servers are of the first's kind.
GENAI_PERF, PERF_ANALYZER = TOOLS = ("genai-perf", "perf-analyzer")
#: A folder with the files of the vLLM backend, and the release that they are of.
VLLM_BACKEND = "vllm-backend"
#: A server that somebody else runs.
URL = "url"
KINDS = ("wheel", "install", "ngc", "image", URL, GENAI_PERF, VLLM_BACKEND)
#: Those that run in containers.
IN_CONTAINERS = frozenset({"ngc", "image"})
_CONTAINER = re.compile(r"\d\d\.\d\d", re.ASCII)
_REFERENCE = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:(?:[._/]|__|-+)[a-z0-9]+)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Target:
    """A server under test, a tool, or the files of a backend.

    Attributes:
        kind: ``wheel`` (the embedded default), ``install`` (a tritonserver that is there), ``ngc``
            (a release's image), ``image`` (any image), ``url`` (a server that somebody else runs),
            ``genai-perf`` (no server, but the tool) or ``vllm-backend`` (no server, but the files
            of that backend).
        value: What stands behind the colon, normalised.
        release: The release the target names, where it names one; of a tool, the one that brought
            it; of a backend, the one that it is of.
        images: The image by flavour, for targets in containers.
        perf_analyzer: For a tool, the release whose Perf Analyzer it starts.
        folder: For a backend, where its files lie.
        remote: For a server that somebody else runs, where it is and what is declared of it.
    """

    kind: str
    value: str
    release: Release | None = None
    images: tuple[tuple[str, str], ...] = ()
    perf_analyzer: Release | None = None
    folder: Path | None = None
    remote: RemoteAddress | None = None

    @property
    def is_tool(self) -> bool:
        """Whether it is a tool, and no server."""
        return self.kind == GENAI_PERF

    @property
    def is_backend(self) -> bool:
        """Whether it is the files of a backend, and no server."""
        return self.kind == VLLM_BACKEND

    @property
    def is_server(self) -> bool:
        """Whether it is a server, to be started or to be talked to."""
        return not (self.is_tool or self.is_backend)

    @property
    def tools(self) -> dict[str, tuple[str, Release]]:
        """For a tool: the version of each tool in it, and the release that brought it, by name."""
        tools = {}
        if self.is_tool and self.release is not None and self.release.genai_perf is not None:
            tools[GENAI_PERF] = self.release.genai_perf.version, self.release
        if self.perf_analyzer is not None and self.perf_analyzer.client is not None:
            tools[PERF_ANALYZER] = self.perf_analyzer.client.version, self.perf_analyzer
        return tools

    @property
    def in_container(self) -> bool:
        """Whether its servers are containers."""
        return self.kind in IN_CONTAINERS

    @property
    def usual_image(self) -> str:
        """The image most checks need: the release's, or the one that was named."""
        images = dict(self.images)
        return images.get(USUAL) or next(iter(images.values()))

    def __str__(self) -> str:
        """The stable id: as the user would write it."""
        return f"{self.kind}:{self.value}"


def parse_target(
    text: str, releases: Releases, images: Images | None = None, *, where: str = "--target"
) -> Target:
    """Reads one target.

    Args:
        text: ``wheel:24.10``, ``install:/opt/tritonserver``, ``ngc:25.01``, ``image:REFERENCE``,
            ``url:http://host:8000#os=windows`` (see :func:`parse_remote_address`),
            ``genai-perf:0.0.10`` or ``vllm-backend:/opt/tritonserver/backends/vllm@25.01``.
        releases: The releases known, for what a wheel's or an image's name means.
        images: The images that releases are shipped in, where there are any.
        where: Named in the error.

    Raises:
        InputError: The kind is unknown, the wheel's release has no wheel, the folder holds no
            tritonserver or no such backend, the reference is none, no release has such a tool.
    """
    kind, colon, value = text.partition(":")
    if not colon or not value.strip() or not value.isprintable():
        raise InputError(
            f"{text!r} is no target: expected KIND:VALUE, such as wheel:"
            f"{_newest_wheel(releases)} or install:/opt/tritonserver",
            where=where,
        )
    parsers: dict[str, Callable[[], Target]] = {
        "wheel": lambda: Target(kind, value, _release_with_wheel(value, releases, where)),
        "install": lambda: Target(kind, str(_installation_folder(value, where))),
        "ngc": lambda: _release_image(value, releases, images, where),
        "image": lambda: _image(value, images, where),
        URL: lambda: _somebody_elses(value, where),
        GENAI_PERF: lambda: _tool(value, releases, where),
        VLLM_BACKEND: lambda: _backend(value, releases, where),
    }
    if kind in parsers:
        return parsers[kind]()
    raise InputError(
        f"{kind!r} is no kind of target: expected one of " + ", ".join(f"{k}:" for k in KINDS),
        where=where,
    )


def _somebody_elses(value: str, where: str) -> Target:
    address = parse_remote_address(value, where=where)
    return Target(URL, str(address), remote=address)


def _release_image(container: str, releases: Releases, images: Images | None, where: str) -> Target:
    if not _CONTAINER.fullmatch(container):
        raise InputError(
            f"{container!r} is no container version: expected YY.MM, such as ngc:"
            f"{list(releases)[-1]}",
            where=where,
        )
    if images is None:
        raise InputError("releases/images.toml is not there, which names the image", where=where)
    # A release that is newer than the data is no error: its server tells its version itself.
    return Target(
        "ngc",
        container,
        releases.get(container),
        tuple((flavour, images.reference(container, flavour)) for flavour in images.flavours),
    )


def _image(reference: str, images: Images | None, where: str) -> Target:
    if not _REFERENCE.fullmatch(reference):
        raise InputError(
            f"{reference!r} is no reference of an image: expected "
            "[REGISTRY/]REPOSITORY[:TAG][@sha256:DIGEST]",
            where=where,
        )
    flavour = images.flavour_of(reference) if images else None
    return Target("image", reference, images=((flavour or USUAL, reference),))


def _tool(value: str, releases: Releases, where: str) -> Target:
    version, plus, beside = value.partition("+")
    known = {each.genai_perf.version: each for each in releases.values() if each.genai_perf}
    release = known.get(version)
    if release is None:
        raise InputError(
            f"{version!r} is no GenAI-Perf we know: expected one of {', '.join(known) or 'none'}",
            where=where,
        )
    analyzers = {each.client.version: each for each in releases.values() if each.client}
    expected = (
        f"expected {GENAI_PERF}:{version}+{PERF_ANALYZER}:VERSION, of "
        f"{', '.join(analyzers) or 'none'}"
    )
    if plus:
        analyzer = analyzers.get(beside.removeprefix(f"{PERF_ANALYZER}:"))
        if analyzer is None or not beside.startswith(PERF_ANALYZER):
            raise InputError(f"{beside!r} is no Perf Analyzer we know: {expected}", where=where)
        return Target(GENAI_PERF, value, release, perf_analyzer=analyzer)
    # Of older releases none is known that runs without CUDA: then the next one that is.
    later = [each for each in analyzers.values() if each.container >= release.container]
    if not later:
        raise InputError(
            f"no Perf Analyzer is known that is as new as GenAI-Perf {version}: {expected}",
            where=where,
        )
    return Target(GENAI_PERF, value, release, perf_analyzer=later[0])


def _backend(value: str, releases: Releases, where: str) -> Target:
    text, _, container = value.rpartition("@")
    release = releases.get(container)
    if not text or release is None:
        known = ", ".join(each for each, release in releases.items() if release.notes)
        raise InputError(
            f"{value!r} does not say of which release the backend is: expected "
            f"{VLLM_BACKEND}:DIR@YY.MM, with a release that we know, such as one of {known}",
            where=where,
        )
    try:
        folder = Path(text).expanduser().absolute()
        missing = [
            name
            for name, there in (
                ("model.py", (folder / "model.py").is_file()),
                ("utils", (folder / "utils").is_dir()),
            )
            if not there
        ]
    except (OSError, RuntimeError, ValueError) as problem:
        raise InputError(f"cannot look at {text!r}: {problem}", where=where) from None
    if missing:
        raise InputError(
            f"{text!r} holds no vLLM backend: expected {' and '.join(missing)} in it, as in "
            "/opt/tritonserver/backends/vllm of the image or in src of the backend's sources",
            where=where,
        )
    return Target(VLLM_BACKEND, f"{folder}@{container}", release, folder=folder)


def _newest_wheel(releases: Releases) -> str:
    return releases.newest_with_wheel().container


def _release_with_wheel(container: str, releases: Releases, where: str) -> Release:
    release = releases.get(container)
    if release is None or release.wheel is None:
        with_wheel = [known.container for known in releases.values() if known.wheel]
        why = "is no release we know" if release is None else "has no wheel with a server in it"
        raise InputError(
            f"{container!r} {why}: expected one of " + ", ".join(sorted(with_wheel)), where=where
        )
    return release


def _installation_folder(value: str, where: str) -> Path:
    try:
        folder = Path(value).expanduser().absolute()
        found = server_root(folder)
    except (OSError, RuntimeError, ValueError) as problem:
        raise InputError(f"cannot look at {value!r}: {problem}", where=where) from None
    if found is None:
        raise InputError(
            f"{value!r} holds no tritonserver: expected bin/tritonserver in it "
            "(or pytriton/tritonserver/bin/tritonserver, as in an unpacked wheel)",
            where=where,
        )
    return folder


def server_root(folder: Path) -> Path | None:
    """The folder that holds ``bin/tritonserver``: the given one, or that of an unpacked wheel."""
    for candidate in (folder, folder / "pytriton" / "tritonserver"):
        if (candidate / "bin" / "tritonserver").is_file():
            return candidate
    return None
