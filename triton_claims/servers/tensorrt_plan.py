"""TensorRT engines (plans): built where the server runs, on its GPU, for they run nowhere else."""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from triton_claims.errors import Blocked, BrokenError

if TYPE_CHECKING:
    from triton_claims.servers.running import RunningServer

#: Where TensorRT's own images have the program that builds engines.
BUILDERS = ("trtexec", "/usr/src/tensorrt/bin/trtexec", "/opt/tensorrt/bin/trtexec")
#: A folder with engines that somebody has built elsewhere, as NAME.plan.
FOLDER_VARIABLE = "TRITON_CLAIMS_TENSORRT_PLANS"
_MISSING = {126, 127}


class PlanRefusedError(Exception):
    """TensorRT does not build the engine: what it printed tells why."""


@dataclass(frozen=True, slots=True)
class PlanSource:
    """What an engine is built from.

    Attributes:
        name: Its name; also of the file in a user's folder.
        onnx: The model as ONNX.
        options: Further options of trtexec.
    """

    name: str
    onnx: bytes
    options: tuple[str, ...] = ()


def build_plan(server: RunningServer, source: PlanSource) -> bytes:
    """Builds an engine where a server runs, or takes the user's.

    Args:
        server: It sees the GPU that the engine is for.
        source: What it is built from.

    Raises:
        PlanRefusedError: TensorRT refuses to build it.
        Blocked: There is nothing to build it with.
        BrokenError: It was built, and cannot be had.
    """
    if folder := os.environ.get(FOLDER_VARIABLE):
        return _users_plan(Path(folder) / f"{source.name}.plan")
    builder = next((each for each in BUILDERS if _is_there(server, each)), None)
    if builder is None:
        raise Blocked(
            f"there is no trtexec where {server.name} runs, to build the TensorRT engine "
            f"{source.name} with: looked for {', '.join(BUILDERS)}",
            unblock="an image with trtexec in it, or a folder of engines built with the same "
            f"TensorRT on the same GPU: {FOLDER_VARIABLE}=DIR, with {source.name}.plan in it",
        )
    onnx = server.folder / f"{source.name}.onnx"
    # The folder may be mounted read-only where the server runs, and of another user.
    plan = f"/tmp/{server.name}-{source.name}.plan"  # noqa: S108 - by a name that is unique
    server.place(f"{source.name}.onnx", source.onnx)
    command = [builder, f"--onnx={onnx}", f"--saveEngine={plan}", "--skipInference"]
    code, printed = server.run_inside([*command, *source.options])
    if code:
        raise PlanRefusedError(f"{builder} ended with {code}: {printed.strip()[-2000:]}")
    code, encoded = server.run_inside(["base64", plan])
    server.run_inside(["rm", "-f", plan])
    try:
        built = base64.b64decode("".join(encoded.split()), validate=True)
    except (ValueError, binascii.Error):
        built = b""
    if code or not built:
        raise BrokenError(f"the engine {source.name} was built and cannot be read: {encoded[:300]}")
    return built


def _is_there(server: RunningServer, builder: str) -> bool:
    return server.run_inside([builder, "--help"])[0] not in _MISSING


def _users_plan(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise Blocked(
            f"cannot read {path}: {problem.strerror or problem}",
            unblock=f"a file of that name in the folder that {FOLDER_VARIABLE} names",
        ) from None
