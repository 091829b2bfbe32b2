"""What is in a release's image, looked at without starting a server."""

from __future__ import annotations

import os
import subprocess
import tarfile
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from triton_claims.errors import Blocked, BrokenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from triton_claims.servers.container_image import ContainerImage

#: Set in the images of the server, and in those of the SDK: the container version.
CONTAINER_VARIABLE = "NVIDIA_TRITON_SERVER_VERSION"
SDK_VARIABLE = "NVIDIA_TRITON_SERVER_SDK_VERSION"
#: Set in the images of the server: its own version.
SERVER_VARIABLE = "TRITON_SERVER_VERSION"
#: Where the images have the server.
SERVER_FOLDER = "/opt/tritonserver"
_VERSION_FILE = f"{SERVER_FOLDER}/TRITON_VERSION"
#: Bytes that are read at once of a file that goes to the disk.
_PIECE = 2**20
_COMMAND_TIMEOUT = 120.0


class ImageContents(Protocol):
    """What is in an image: files and settings. Nothing in it is started.

    All paths are absolute, as the image's own processes see them; links are followed.
    """

    @property
    def origin(self) -> str:
        """Which image it is, for people, with its digest."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables that its processes start with."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels; none where nobody can tell any more."""

    @property
    def entrypoint(self) -> tuple[str, ...]:
        """What it starts before a command; nothing where nobody can tell any more."""

    def read(self, path: str) -> bytes | None:
        """A file; None where there is none."""

    def names(self, folder: str) -> tuple[str, ...] | None:
        """What lies in a folder, sorted; None where there is no such folder."""

    def copy(self, path: str, to: Path) -> bool:
        """Copies a file to this machine, however large; False where there is none."""

    def run(self, command: Sequence[str]) -> tuple[int, str]:
        """Runs a command of the image, without a server.

        Returns:
            Its exit status, and what it printed to stdout and stderr.

        Raises:
            BrokenError: It cannot be started, or does not end in time.
        """


class InstalledContents:
    """The image that this process itself runs in.

    Args:
        root: The folder that stands for the image's root.
        environment: The environment variables; this process's own by default.
    """

    def __init__(
        self, root: Path = Path("/"), environment: Mapping[str, str] | None = None
    ) -> None:
        self._root = root
        self._environment = os.environ if environment is None else environment
        self.labels: Mapping[str, str] = {}
        self.entrypoint: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """That it is the container which this process runs in, and of which release."""
        version = self._environment.get(CONTAINER_VARIABLE) or self._environment.get(SDK_VARIABLE)
        return f"the container of {version} that the suite runs in"

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables of this process."""
        return self._environment

    def read(self, path: str) -> bytes | None:
        """A file; None where there is none."""
        try:
            return self._at(path).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as problem:
            raise BrokenError(f"cannot read {path}: {problem.strerror or problem}") from None

    def names(self, folder: str) -> tuple[str, ...] | None:
        """What lies in a folder, sorted; None where there is no such folder."""
        try:
            return tuple(sorted(each.name for each in self._at(folder).iterdir()))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as problem:
            raise BrokenError(f"cannot look into {folder}: {problem.strerror or problem}") from None

    def copy(self, path: str, to: Path) -> bool:
        """Copies a file to another place; False where there is none."""
        source = self._at(path)
        if not source.is_file():
            return False
        with source.open("rb") as content, to.open("wb") as copied:
            _copy(content.read, copied.write)
        return True

    def run(self, command: Sequence[str]) -> tuple[int, str]:
        """Runs a command here."""
        try:
            ended = subprocess.run(
                list(command),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_COMMAND_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise BrokenError(f"{' '.join(command)}: {problem}") from None
        return ended.returncode, ended.stdout

    def _at(self, path: str) -> Path:
        return self._root / path.lstrip("/")


class ContainerContents:
    """An image on a Docker host, looked at through a container that is never started.

    Folders are listed by the image's own ``ls``, in a container without network. An image without
    one is looked at through its archive, which takes as long as the folder is large.

    Args:
        image: The image.
        container: The container, as Docker's library has it.
    """

    def __init__(self, image: ContainerImage, container: Any) -> None:
        self._image = image
        self._container = container
        self._names: dict[str, tuple[str, ...] | None] = {}

    @property
    def origin(self) -> str:
        """The image's reference, its digest and its Docker host."""
        return f"{self._image.reference} ({self._image.digest}) at {self._image.host}"

    @cached_property
    def _settings(self) -> Mapping[str, Any]:
        settings: Mapping[str, Any] = self._container.image.attrs.get("Config") or {}
        return settings

    @cached_property
    def environment(self) -> Mapping[str, str]:
        """The environment variables that the image sets."""
        pairs = (each.partition("=")[::2] for each in self._settings.get("Env") or ())
        return dict(pairs)

    @property
    def labels(self) -> Mapping[str, str]:
        """The image's labels."""
        return dict(self._settings.get("Labels") or {})

    @property
    def entrypoint(self) -> tuple[str, ...]:
        """The image's entrypoint."""
        return tuple(self._settings.get("Entrypoint") or ())

    def read(self, path: str) -> bytes | None:
        """A file; None where there is none."""
        from triton_claims.servers.container_image import file_of  # noqa: PLC0415 - Docker's

        with self._in_words():
            return file_of(self._container, path)

    def names(self, folder: str) -> tuple[str, ...] | None:
        """What lies in a folder, sorted; None where there is no such folder."""
        if folder not in self._names:
            self._names[folder] = self._list(folder)
        return self._names[folder]

    def copy(self, path: str, to: Path) -> bool:
        """Copies a file to this machine; False where there is none."""
        with self._in_words(), self._archive(path) as archive:
            for member in archive or ():
                content = archive.extractfile(member) if archive and member.isfile() else None
                if content is not None:
                    with to.open("wb") as copied:
                        _copy(content.read, copied.write)
                    return True
        return False

    def run(self, command: Sequence[str]) -> tuple[int, str]:
        """Runs a command in a container of its own, without network."""
        from triton_claims.servers.container_image import run_command  # noqa: PLC0415 - Docker's

        with self._in_words():
            return run_command(self._image, command)

    def _list(self, folder: str) -> tuple[str, ...] | None:
        from triton_claims.servers.container_image import run_command  # noqa: PLC0415 - Docker's

        marker = "==names"
        asked = f'cd "$0" 2>/dev/null || exit 44; echo {marker}; ls -1A'
        try:
            code, printed = run_command(self._image, ["sh", "-c", asked, folder])
        except BrokenError:
            return self._listed_by_archive(folder)
        if code == 44:
            return None
        _, found, names = printed.partition(f"{marker}\n")
        if code or not found:
            return self._listed_by_archive(folder)
        return tuple(sorted(names.splitlines()))

    def _listed_by_archive(self, folder: str) -> tuple[str, ...] | None:
        with self._in_words(), self._archive(folder) as archive:
            if archive is None:
                return None
            # The first part of each name is the folder's own.
            parts = (member.name.rstrip("/").split("/") for member in archive)
            return tuple(sorted({each[1] for each in parts if len(each) > 1}))

    @contextmanager
    def _archive(self, path: str) -> Iterator[tarfile.TarFile | None]:
        from docker.errors import NotFound  # noqa: PLC0415 - slow to import

        for _ in range(8):  # a link may lead to a link
            try:
                chunks, status = self._container.get_archive(path)
            except NotFound:
                yield None
                return
            target = status.get("linkTarget")
            if not target or target == path:
                break
            path = target if target.startswith("/") else f"{path.rpartition('/')[0]}/{target}"
        with tarfile.open(fileobj=_Chunks(chunks), mode="r|") as archive:  # type: ignore[call-overload]
            yield archive

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        from triton_claims.servers.docker_host import engine_in_words  # noqa: PLC0415 - Docker's

        with engine_in_words(self._image.host):
            yield


class _Chunks:
    """Pieces of bytes as a file that is read from its beginning to its end."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def read(self, size: int) -> bytes:
        while len(self._rest) < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._rest += chunk
        wanted, self._rest = self._rest[:size], self._rest[size:]
        return wanted


def _copy(read: Callable[[int], bytes], write: Callable[[bytes], object]) -> None:
    while piece := read(_PIECE):
        write(piece)


@contextmanager
def contents_of(image: ContainerImage) -> Iterator[ContainerContents]:
    """Looks into an image on a Docker host; the container is removed afterwards."""
    from triton_claims.servers.container_image import created  # noqa: PLC0415 - Docker's
    from triton_claims.servers.docker_host import engine_in_words  # noqa: PLC0415 - Docker's

    with engine_in_words(image.host), created(image) as container:
        yield ContainerContents(image, container)


def contents_of_installation(
    folder: Path, environment: Mapping[str, str] | None = None
) -> InstalledContents:
    """The image around an installation, where it is the one that a release's image has.

    Args:
        folder: The server's folder.
        environment: The environment variables; this process's own by default.

    Raises:
        Blocked: It is no release's image: nothing can be said of what the notes say of one.
    """
    environment = os.environ if environment is None else environment
    named = environment.get(CONTAINER_VARIABLE) or environment.get(SDK_VARIABLE)
    if str(folder) != SERVER_FOLDER or not named:
        raise Blocked(
            f"the check is about what is in a release's image, and {folder} is not the server of "
            f"one: it is {SERVER_FOLDER} there, and {CONTAINER_VARIABLE} is set",
            unblock="run inside the release's image, or name it: --target ngc:YY.MM or "
            "image:REFERENCE",
        )
    return InstalledContents(environment=environment)


def stated_server_version(contents: ImageContents) -> str | None:
    """The version of the server in the image, by what is written there; None where nothing is."""
    stated = contents.environment.get(SERVER_VARIABLE, "").strip()
    if stated[:1].isdecimal():
        return stated
    written = (contents.read(_VERSION_FILE) or b"").decode(errors="replace").strip()
    return written if written[:1].isdecimal() else None


def stated_container(contents: ImageContents) -> str | None:
    """The container version that the image says it is of; None where it says none."""
    environment = contents.environment
    return environment.get(CONTAINER_VARIABLE) or environment.get(SDK_VARIABLE) or None
