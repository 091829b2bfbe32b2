"""An image on a Docker host, made ready to have servers started from it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from triton_claims.errors import Blocked, BrokenError, InputError
from triton_claims.servers.allocators import JEMALLOC, TCMALLOC
from triton_claims.servers.container import ContainerStart
from triton_claims.servers.container_image import ContainerImage, ensure_image, run_command
from triton_claims.servers.container_start import start_container
from triton_claims.servers.environments import environment_for_elsewhere
from triton_claims.servers.image_contents import ImageContents, contents_of
from triton_claims.servers.server_options import options_in_help

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from triton_claims.servers.allocators import Allocator
    from triton_claims.servers.cache import Progress
    from triton_claims.servers.container_settings import ContainerSettings
    from triton_claims.servers.docker_host import DockerHost
    from triton_claims.servers.running import RunningServer
    from triton_claims.servers.scratch import Scratch

#: An image without a shell holds no server either; engines quote its name here or there.
_NO_SHELL = re.compile(r"executable file\b.*\bnot found")
_LIBRARIES = (*JEMALLOC.libraries, *TCMALLOC.libraries)
_USUAL_BINARY = "/opt/tritonserver/bin/tritonserver"
_PYTHON = (
    "import json, sys, numpy; print(json.dumps({'executable': sys.executable, "
    "'version': '%d.%d' % sys.version_info[:2], 'numpy': int(numpy.__version__.split('.')[0])}))"
)
#: All that has to be known of an image, asked at once: a container's start takes its time.
# What is printed to stderr has its place, too, and must not come up in another answer.
_QUESTIONS = f"""
exec 2>&1
server=$(command -v tritonserver || ls {_USUAL_BINARY})
echo "==server"; echo "$server"
echo "==path"; echo "$PATH"
echo "==version"; cat "${{server%/bin/tritonserver}}/TRITON_VERSION"
echo "==python"; python3 -c "{_PYTHON}"
echo "==libraries"
for name in {" ".join(_LIBRARIES)}; do
    found=$(find /usr/lib /usr/lib64 /usr/local/lib -name "$name" 2>/dev/null | head -n 1)
    if [ -n "$found" ]; then echo "$name $(readlink -f "$found")"; fi
done
echo "==help"; "$server" --help; status=$?
echo "==status"; echo $status
"""


@dataclass(frozen=True, slots=True)
class Inside:
    """What an image has in it.

    Attributes:
        command: The server's executable.
        path: Its PATH.
        stated_version: The server version written beside the server.
        python: What its ``python3`` tells: ``executable``, ``version``, ``numpy``; empty where it
            has none with NumPy.
        libraries: Allocators' libraries and where they really are.
        options: The options that the server knows.
    """

    command: str
    path: str
    stated_version: str | None
    python: Mapping[str, Any]
    libraries: Mapping[str, str]
    options: frozenset[str]


@dataclass(frozen=True, slots=True)
class ContainerInstallation:
    """What it takes to start a server from an image.

    Attributes:
        target: The id of the target it stands for.
        image: The image.
        settings: What the user said of how containers are run.
        inside: What is in it.
        model_environment: A folder here with another NumPy for its models, where they need one.
    """

    target: str
    image: ContainerImage
    settings: ContainerSettings
    inside: Inside
    model_environment: Path | None = None

    @property
    def origin(self) -> str:
        """Where it is: the image, and its Docker host."""
        return f"{self.image.reference} ({self.image.digest}) at {self.image.host}"

    @property
    def digest(self) -> str:
        """The image's digest."""
        return self.image.digest

    @property
    def stated_version(self) -> str | None:
        """The server version written beside the server in the image."""
        return self.inside.stated_version

    @property
    def model_python(self) -> str:
        """The Python that runs the models."""
        python = self.inside.python
        if not python:
            return "none: the image has no python3 with NumPy"
        other = f", with another NumPy from {self.model_environment}" * bool(self.model_environment)
        return f"{python['executable']} ({python['version']}) of the image{other}"

    def start(
        self,
        *,
        name: str,
        scratch: Scratch,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        gpus: Sequence[str],
        loopback: bool,
        timeout: float,
    ) -> RunningServer:
        """Starts a server in a container and waits until it is ready.

        Raises:
            Blocked: The engine is gone, or has no runtime for GPUs.
            ServerFailedToStartError: It ended or did not get ready; with exit status and log.
        """
        other = self.model_environment
        path = {"PATH": f"{other}/bin:{self.inside.path}"} if other else {}
        start = ContainerStart(
            image=self.image,
            settings=self.settings,
            command=self.inside.command,
            known=self.inside.options,
            arguments=arguments,
            environment={**path, **environment},
            gpus=gpus,
            loopback=loopback,
            mounts=(other,) if other else (),
        )
        return start_container(start, name=name, scratch=scratch, timeout=timeout)

    def options(self, _scratch: Scratch) -> frozenset[str]:
        """The options its ``--help`` lists."""
        return self.inside.options

    @property
    def backend_folder(self) -> str:
        """Where its backends are: beside the server, as in NGC's images."""
        return f"{self.inside.command.rpartition('/bin/')[0]}/backends"

    def contents(self) -> AbstractContextManager[ImageContents]:
        """The files of the image."""
        return contents_of(self.image)

    def allocator(self, allocator: Allocator) -> str:
        """The path of an allocator's library in the image.

        Raises:
            Blocked: The image has none.
        """
        for library in allocator.libraries:
            if library in self.inside.libraries:
                return self.inside.libraries[library]
        raise Blocked(
            f"the image {self.image.reference} holds none of {', '.join(allocator.libraries)}",
            unblock=f"an image with the package {allocator.package}",
        )


def prepare_image(
    target: str,
    host: DockerHost,
    reference: str,
    settings: ContainerSettings,
    progress: Progress,
    *,
    numpy_major: int,
) -> ContainerInstallation:
    """Makes an image ready on a host.

    Args:
        target: The id of the target.
        host: Where it is to run.
        reference: The image.
        settings: What the user said of how containers are run.
        progress: Told, line by line, what takes its time.
        numpy_major: The NumPy of the models' Python; where the image's is another, and there is
            none of this one for its Python, the image's is taken.

    Raises:
        InputError: There is no such image, or it holds no server.
        Blocked: It cannot be pulled, or the engine is gone.
    """
    image = ensure_image(host, reference, progress)
    inside = look_inside(image)
    return ContainerInstallation(
        target, image, settings, inside, _model_environment(inside, numpy_major, progress)
    )


def _model_environment(inside: Inside, numpy_major: int, progress: Progress) -> Path | None:
    python = inside.python
    if not python or python["numpy"] == numpy_major:
        return None
    try:
        return environment_for_elsewhere(
            python["executable"], python["version"], numpy_major, progress=progress
        )
    except Blocked:
        if numpy_major > python["numpy"]:
            raise
        return None


@cache
def look_inside(image: ContainerImage) -> Inside:
    """What an image has in it.

    Raises:
        InputError: It holds no tritonserver.
    """
    no_server = InputError(
        f"the image {image.reference!r} holds no tritonserver that runs: expected one on PATH or "
        f"{_USUAL_BINARY}",
        where="--target",
    )
    try:
        # Without a GPU: a server's --help needs none.
        code, printed = run_command(image, ["sh", "-c", _QUESTIONS])
    except BrokenError as problem:
        if _NO_SHELL.search(str(problem)):
            raise no_server from None
        raise
    answers = dict(
        part.partition("\n")[::2] for part in f"\n{printed}".split("\n==")[1:] if "\n" in part
    )
    command = answers.get("server", "").strip()
    if code or not command:
        raise no_server
    python = answers.get("python", "").strip().splitlines()
    libraries = (line.partition(" ") for line in answers.get("libraries", "").splitlines())
    version = answers.get("version", "").strip()
    return Inside(
        command=command,
        path=answers.get("path", "").strip(),
        stated_version=version if version[:1].isdecimal() else None,
        python=_json(python[-1]) if python else {},
        libraries={name: path for name, _, path in libraries if path},
        options=options_in_help(
            answers.get("help", ""), command, int(answers.get("status", "1").strip() or 1)
        ),
    )


def _json(line: str) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:  # its words on why there is no NumPy
        return {}
    return told if isinstance(told, dict) else {}
