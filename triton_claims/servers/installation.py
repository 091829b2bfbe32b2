"""A tritonserver that can be started, wherever it came from."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers import host
from triton_claims.servers.allocators import Allocator, find_allocator
from triton_claims.servers.cache import Progress, build_once, cache_root
from triton_claims.servers.digests import file_digest
from triton_claims.servers.environments import model_environment
from triton_claims.servers.image_contents import ImageContents, InstalledContents
from triton_claims.servers.installed_python import InstalledPython, find_installed_python
from triton_claims.servers.interpreters import find_interpreter, linked_library, stub_python
from triton_claims.servers.process import start_server, supported_options
from triton_claims.servers.targets import Target, server_root
from triton_claims.servers.wheels import fetch_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from triton_claims.servers.running import RunningServer
    from triton_claims.servers.scratch import Scratch

_STUB = "triton_python_backend_stub"


@dataclass(frozen=True, slots=True)
class Installation:
    """What it takes to start a server.

    Attributes:
        target: The id of the target it stands for.
        binary: The executable.
        backends: The folder of its backends, where it is not the server's own default.
        libraries: Folders for LD_LIBRARY_PATH, in order.
        path: Folders for PATH, in order; the models' ``python3`` is found there.
        digest: SHA-256 that identifies the server: of the wheel, or of the binary.
        stated_version: The server version written beside the installation, where there is one.
        model_python: The Python that runs the models, for the record.
    """

    target: str
    binary: Path
    backends: Path | None
    libraries: tuple[Path, ...]
    path: tuple[Path, ...]
    digest: str
    stated_version: str | None = None
    model_python: str = "none"

    @property
    def origin(self) -> str:
        """Where it is: the executable."""
        return str(self.binary)

    def environment(self, extra: Mapping[str, str], scratch: Path) -> dict[str, str]:
        """The server's whole environment.

        It is built from a list of what may pass, so that no secret of the caller's reaches the
        server, its models or its log.
        """
        passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
        return {
            **passed,
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            "LC_ALL": "C.UTF-8",
            "PATH": os.pathsep.join([*map(str, self.path), *_path_without_own_environment()]),
            "LD_LIBRARY_PATH": os.pathsep.join(
                [*map(str, self.libraries), *_folders(os.environ.get("LD_LIBRARY_PATH", ""))]
            ),
            **extra,
        }

    def start(
        self,
        *,
        name: str,
        scratch: Scratch,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        gpus: Sequence[str],
        loopback: bool,  # noqa: ARG002 - a process always reaches it
        timeout: float,
    ) -> RunningServer:
        """Starts a server on free loopback ports and waits until it is ready.

        Args:
            name: Unique on the machine.
            scratch: The run's temporary place.
            arguments: Its options beyond those that every server gets.
            environment: Its environment variables beyond those.
            gpus: UUIDs of the GPUs it is to see, and no others.
            loopback: Nothing to a process: it reaches this machine's loopback.
            timeout: Seconds until it must be ready.

        Raises:
            ServerFailedToStartError: It ended or did not get ready; with exit status and log.
        """
        return start_server(
            self,
            name=name,
            scratch=scratch,
            arguments=arguments,
            environment=environment,
            gpus=gpus,
            timeout=timeout,
        )

    def options(self, scratch: Scratch) -> frozenset[str]:
        """The options its ``--help`` lists: what it was built with differs."""
        return supported_options(self, scratch.folder)

    @property
    def backend_folder(self) -> str:
        """Where its backends are."""
        return str(self.backends or self.binary.parent.parent / "backends")

    def contents(self) -> AbstractContextManager[ImageContents]:
        """The files of this machine."""
        return nullcontext(InstalledContents())

    def allocator(self, allocator: Allocator) -> str:
        """The path of an allocator's library.

        Raises:
            Blocked: It is not here, and can't be fetched.
        """
        # A link's target has another name, under which /proc lists it.
        return str(find_allocator(allocator).resolve())


@dataclass(frozen=True, slots=True)
class _ModelPython:
    """A Python for models: what it is called, and what goes onto PATH and LD_LIBRARY_PATH."""

    name: str
    path: tuple[Path, ...] = ()
    libraries: tuple[Path, ...] = ()


#: With NumPy 2, servers up to 2.51.0 hand out empty tensors.
SAFE_NUMPY = 1

#: What else of the caller's environment a server may need; images set these for their server.
_PASSED = (
    "TZ",
    "CUDA_VERSION",
    "TCMALLOC_RELEASE_RATE",
    "TF_ADJUST_HUE_FUSED",
    "TRITON_SERVER_GPU_ENABLED",
    "UCX_MEM_EVENTS",
)


def prepare(target: Target, progress: Progress, *, numpy_major: int = SAFE_NUMPY) -> Installation:
    """Makes a target ready to be started: fetched, unpacked, with a Python for its models.

    Args:
        target: The target.
        progress: Told, line by line, what takes its time.
        numpy_major: The NumPy of the models' Python. A Python that NumPy 1 was never built for has
            NumPy 2 all the same.

    Raises:
        Blocked: It cannot run on this machine, or could not be fetched.
    """
    if target.kind == "wheel":
        return _prepare_wheel(target, progress, numpy_major)
    return _prepare_install(target, progress, numpy_major)


def _prepare_wheel(target: Target, progress: Progress, numpy_major: int) -> Installation:
    release = target.release
    if release is None or release.wheel is None:
        raise BrokenError(f"{target} names no wheel")
    if obstacles := host.obstacles():
        raise Blocked(f"{target} cannot run here: {obstacles[0]}", unblock="use another machine")
    unpacked = fetch_wheel(release.wheel, progress, called=f"Triton {release.server}")
    return _from_unpacked_wheel(target, unpacked, release.wheel.sha256, progress, numpy_major)


def _prepare_install(target: Target, progress: Progress, numpy_major: int) -> Installation:
    folder = Path(target.value)
    root = server_root(folder)
    if root is None:
        raise Blocked(f"{target} holds no tritonserver any more", unblock="install it again")
    stubs = root / "python_backend_stubs"
    if stubs.is_dir():
        progress(f"{target} is an unpacked wheel")
        digest = file_digest(root / "bin" / "tritonserver")
        return _from_unpacked_wheel(target, root.parent.parent, digest, progress, numpy_major)
    binary = root / "bin" / "tritonserver"
    if not os.access(binary, os.X_OK):
        raise Blocked(f"{binary} is not executable", unblock=f"chmod +x {binary}")
    stub = root / "backends" / "python" / _STUB
    python = _python_for_installed_stub(stub, progress, numpy_major)
    stated = root / "TRITON_VERSION"
    return Installation(
        target=str(target),
        binary=binary,
        backends=root / "backends",
        libraries=(root / "lib", *python.libraries),
        path=python.path,
        digest=file_digest(binary),
        stated_version=stated.read_text(encoding="utf-8").strip() if stated.is_file() else None,
        model_python=python.name,
    )


def _python_for_installed_stub(stub: Path, progress: Progress, numpy_major: int) -> _ModelPython:
    """The models' Python for a server whose stub is linked with one already."""
    version = stub_python(stub) if stub.is_file() else None
    if version is None:
        return _ModelPython("none: the server has no Python backend")
    installed = find_installed_python(version, _path_without_own_environment())
    if installed is not None and installed.numpy == numpy_major:
        return _as_installed(installed)
    try:
        interpreter = find_interpreter([version], progress=progress)
        environment = model_environment(interpreter, numpy_major, progress=progress)
    except Blocked:
        if installed is None or numpy_major != SAFE_NUMPY:
            raise
        return _as_installed(installed)
    return _ModelPython(
        f"{interpreter.executable} ({version})",
        (environment / "bin",),
        (interpreter.libpython,),
    )


def _as_installed(python: InstalledPython) -> _ModelPython:
    return _ModelPython(
        f"{python.executable} as installed, with NumPy {python.numpy}",
        (python.executable.parent,),
        (python.libraries,) if python.libraries is not None else (),
    )


def _from_unpacked_wheel(
    target: Target,
    unpacked: Path,
    digest: str,
    progress: Progress,
    numpy_major: int,
) -> Installation:
    """Lays the chosen Python's stub beside the Python backend.

    That is done in a folder of the cache of its own, one a wheel and Python: the wheel's files
    are shared by runs with other Pythons, and a folder of the user's is not ours to change.
    """
    server = unpacked / "pytriton" / "tritonserver"
    stubs = {path.parent.name: path for path in server.glob(f"python_backend_stubs/*/{_STUB}")}
    interpreter = find_interpreter(sorted(stubs), progress=progress)

    def lay_out(folder: Path) -> None:
        python_backend = folder / "backends" / "python"
        stub = stubs[interpreter.version]
        shutil.copytree(server / "backends" / "python", python_backend)
        for source, copy in (
            (stub, python_backend / _STUB),
            (server / "bin" / "tritonserver", folder / "bin" / "tritonserver"),
        ):
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(source, copy)
            copy.chmod(0o755)  # the files of a wheel lack their run bits
        # Some stubs look for a library of Python's that their wheel brings along under a name of
        # its own. It does not fit every Python of that version; the chosen one's own does.
        libraries = folder / "lib"
        libraries.mkdir()
        name = f"libpython{interpreter.version}.so.1.0"
        (libraries / (linked_library(stub) or name)).symlink_to(interpreter.libpython / name)

    python = sha256(repr(interpreter).encode()).hexdigest()
    folder = build_once(
        cache_root() / "layouts" / f"{digest[:16]}-python{interpreter.version}-{python[:8]}",
        lay_out,
        progress=progress,
    )
    environment = model_environment(interpreter, numpy_major, progress=progress)
    return Installation(
        target=str(target),
        binary=folder / "bin" / "tritonserver",
        backends=folder / "backends",
        libraries=(folder / "lib", unpacked / "nvidia_pytriton.libs", interpreter.libpython),
        path=(environment / "bin",),
        digest=digest,
        model_python=f"{interpreter.executable} ({interpreter.version})",
    )


def server_digest(target: Target) -> str | None:
    """SHA-256 that identifies a target's server: of its wheel, or of its binary."""
    if target.release is not None and target.release.wheel is not None:
        return target.release.wheel.sha256
    root = None if target.remote else server_root(Path(target.value))
    return file_digest(root / "bin" / "tritonserver") if root else None


def _folders(path: str) -> list[str]:
    return [folder for folder in path.split(os.pathsep) if folder]


def _path_without_own_environment() -> list[str]:
    """PATH without the suite's own virtual environment: its packages are not the models'."""
    own = Path(sys.prefix) / "bin"
    path = _folders(os.environ.get("PATH", os.defpath))
    if sys.prefix == sys.base_prefix:
        return path
    return [folder for folder in path if Path(folder) != own]
