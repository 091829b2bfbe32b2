"""Which GPUs there are: by NVML on this machine, by ``nvidia-smi`` in a container elsewhere.

No library, no driver and a driver that fails all leave an inventory that is empty and says why: a
machine without GPUs is an ordinary machine.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pynvml

from triton_claims.servers.gpus import Gpu, Inventory, named_by
from triton_claims.servers.staged_gpus import STAGED_VARIABLE, read_staged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NVML = "NVML"
NVIDIA_SMI = "nvidia-smi"

# The name comes last: it is the only field that might hold a comma.
_FIELDS = "index,uuid,compute_cap,memory.total,driver_version,mig.mode.current,name"
#: What :func:`parse_nvidia_smi` reads: the GPUs, and the list that has the MIG devices.
SMI_QUERY = (NVIDIA_SMI, f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits")
SMI_LIST = (NVIDIA_SMI, "-L")

_MEBIBYTE = 2**20
_LISTED_GPU = re.compile(r"GPU \d+: .*\(UUID: (?P<uuid>GPU-[^)\s]+)\)")
_LISTED_MIG = re.compile(
    r"\s+MIG (?P<profile>\S+)\s+Device\s+(?P<index>\d+): \(UUID: (?P<uuid>MIG-[^)\s]+)\)"
)
_PROFILE_MEMORY = re.compile(r"\.(\d+)gb")  # 1g.10gb, 1c.3g.20gb, 1g.10gb+me
_CONTAINER_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))


def inventory_here(environ: Mapping[str, str] | None = None) -> Inventory:
    """The GPUs of this machine that the caller may use.

    Args:
        environ: The environment variables; this process's by default.

    Raises:
        InputError: A staged inventory was given, and is not as it should be.
    """
    environ = os.environ if environ is None else environ
    if file := environ.get(STAGED_VARIABLE, "").strip():
        # It stands for a whole machine, so the variables act as they do on one.
        return visible(read_staged(Path(file)), environ)
    return visible(read_nvml(), environ, in_container=_in_container(environ))


def _in_container(environ: Mapping[str, str]) -> bool:
    return (
        any(mark.exists() for mark in _CONTAINER_MARKS)
        or "KUBERNETES_SERVICE_HOST" in environ
        or "container" in environ  # set by podman and systemd-nspawn
    )


# -- by NVML


def read_nvml(library: Any = pynvml) -> Inventory:
    """Asks the driver of this machine.

    Args:
        library: NVIDIA's bindings of NVML, or what stands in for them.
    """
    try:
        library.nvmlInit()
    except library.NVMLError as problem:
        return Inventory((), NVML, _why_no_nvml(library, problem))
    try:
        gpus, unusable = _every_gpu(library)
    except library.NVMLError as problem:
        return Inventory((), NVML, f"NVIDIA's driver fails: {problem}")
    finally:
        with suppress(library.NVMLError):
            library.nvmlShutdown()
    if not gpus and not unusable:
        unusable.append("NVIDIA's driver knows no GPU")
    return Inventory(tuple(gpus), NVML, "; ".join([*unusable, *_without_parts(gpus)]))


def _why_no_nvml(library: Any, problem: Exception) -> str:
    code = getattr(problem, "value", None)
    if code == library.NVML_ERROR_LIBRARY_NOT_FOUND:
        return "there is no NVIDIA driver here: libnvidia-ml.so.1 is not found"
    if code == library.NVML_ERROR_DRIVER_NOT_LOADED:
        return "NVIDIA's driver is installed here and not loaded"
    return f"NVIDIA's driver fails: {problem}"


def _every_gpu(library: Any) -> tuple[list[Gpu], list[str]]:
    driver = library.nvmlSystemGetDriverVersion()
    gpus: list[Gpu] = []
    unusable: list[str] = []
    for index in range(library.nvmlDeviceGetCount()):
        try:
            gpus.extend(_gpu_and_its_parts(library, index, driver))
        except library.NVMLError as problem:
            # One that has fallen off the bus must not take the others with it.
            unusable.append(f"the GPU at index {index} does not answer: {problem}")
    return gpus, unusable


def _gpu_and_its_parts(library: Any, index: int, driver: str) -> list[Gpu]:
    handle = library.nvmlDeviceGetHandleByIndex(index)
    whole = Gpu(
        uuid=library.nvmlDeviceGetUUID(handle),
        name=library.nvmlDeviceGetName(handle),
        compute_capability=tuple(library.nvmlDeviceGetCudaComputeCapability(handle)),
        memory_bytes=_memory(library, handle),
        driver=driver,
        index=index,
        mig_mode=_mig_mode(library, handle),
    )
    if not whole.mig_mode:
        return [whole]
    parts = []
    for place in range(library.nvmlDeviceGetMaxMigDeviceCount(handle)):
        try:
            part = library.nvmlDeviceGetMigDeviceHandleByIndex(handle, place)
        except library.NVMLError:  # nothing was made at this place
            continue
        parts.append(
            Gpu(
                uuid=library.nvmlDeviceGetUUID(part),
                name=library.nvmlDeviceGetName(part),
                compute_capability=whole.compute_capability,
                memory_bytes=_memory(library, part),
                driver=driver,
                index=index,
                mig_parent=whole.uuid,
                mig_index=place,
            )
        )
    return [whole, *parts]


def _memory(library: Any, handle: Any) -> int:
    try:
        return int(library.nvmlDeviceGetMemoryInfo(handle).total)
    except library.NVMLError:  # a GPU that shares the machine's memory has none of its own
        return 0


def _mig_mode(library: Any, handle: Any) -> bool:
    try:
        return bool(library.nvmlDeviceGetMigMode(handle)[0])
    except library.NVMLError:  # most GPUs know no MIG
        return False


def _without_parts(gpus: list[Gpu]) -> Iterator[str]:
    parents = {gpu.mig_parent for gpu in gpus}
    for gpu in gpus:
        if gpu.mig_mode and gpu.uuid not in parents:
            yield f"{gpu.uuid} is in MIG mode and has no MIG devices"


# -- by nvidia-smi


def parse_nvidia_smi(query: str, listing: str = "") -> Inventory:
    """Reads what ``nvidia-smi`` printed, in a container on another machine, say.

    Args:
        query: What :data:`SMI_QUERY` printed; also when it failed.
        listing: What :data:`SMI_LIST` printed; without it MIG devices remain unknown.
    """
    parts = _listed_parts(listing)
    gpus: list[Gpu] = []
    problems: list[str] = []
    for line in filter(str.strip, query.splitlines()):
        whole = _queried(line)
        if whole is None:
            problems.append(f"nvidia-smi says {line.strip()!r}")
            continue
        gpus.append(whole)
        if whole.mig_mode:
            gpus.extend(_part_of(whole, match) for match in parts[whole.uuid])
    if not gpus and not problems:
        problems.append("nvidia-smi says nothing")
    # Where it fails it may go on for many lines: the first one tells.
    return Inventory(tuple(gpus), NVIDIA_SMI, "; ".join([*problems[:1], *_without_parts(gpus)]))


def _queried(line: str) -> Gpu | None:
    fields = [field.strip() for field in line.split(",", _FIELDS.count(","))]
    if len(fields) != _FIELDS.count(",") + 1:
        return None
    index, uuid, capability, memory, driver, mig, name = fields
    version = re.fullmatch(r"(\d+)\.(\d+)", capability)
    if not index.isdecimal() or not uuid.startswith("GPU-") or version is None:
        return None
    return Gpu(
        uuid=uuid,
        name=name,
        compute_capability=(int(version[1]), int(version[2])),
        # "[N/A]" of a GPU that shares the machine's memory
        memory_bytes=int(memory) * _MEBIBYTE if memory.isdecimal() else 0,
        driver=driver,
        index=int(index),
        mig_mode=mig == "Enabled",  # "[N/A]" of a GPU that knows no MIG
    )


def _listed_parts(listing: str) -> defaultdict[str, list[re.Match[str]]]:
    parts: defaultdict[str, list[re.Match[str]]] = defaultdict(list)
    parent = ""
    for line in listing.splitlines():
        if whole := _LISTED_GPU.match(line):
            parent = whole["uuid"]
        elif part := _LISTED_MIG.match(line):
            parts[parent].append(part)
    return parts


def _part_of(whole: Gpu, listed: re.Match[str]) -> Gpu:
    memory = _PROFILE_MEMORY.search(listed["profile"])
    return Gpu(
        uuid=listed["uuid"],
        name=f"{whole.name} MIG {listed['profile']}",
        compute_capability=whole.compute_capability,
        memory_bytes=int(memory[1]) * 2**30 if memory else 0,
        driver=whole.driver,
        index=whole.index,
        mig_parent=whole.uuid,
        mig_index=int(listed["index"]),
    )


# -- what the caller lets us use


def visible(
    inventory: Inventory, environ: Mapping[str, str], *, in_container: bool = False
) -> Inventory:
    """Leaves those GPUs that the caller's environment lets a process use.

    ``CUDA_VISIBLE_DEVICES`` acts as in CUDA: an entry that names nothing here hides what comes
    after it, and an empty text hides all. Its numbers count GPUs in the order of the PCI bus, as
    with ``CUDA_DEVICE_ORDER=PCI_BUS_ID``, whatever that variable says: CUDA's own default, the
    fastest first, is not to be had without starting CUDA. ``NVIDIA_VISIBLE_DEVICES`` acts as in
    the container toolkit. A GPU that is cut up stands for all its MIG devices.

    Args:
        inventory: All GPUs.
        environ: The environment variables.
        in_container: Whether this is the inside of a container. The toolkit has heeded
            ``NVIDIA_VISIBLE_DEVICES`` then: what it left is numbered anew, and with CDI the
            variable says ``void`` whatever there is.
    """
    reasons = [inventory.reason] if inventory.reason else []
    kept = inventory.usable
    for variable, chosen in (
        ("NVIDIA_VISIBLE_DEVICES", _by_toolkit),
        ("CUDA_VISIBLE_DEVICES", _by_cuda),
    ):
        text = environ.get(variable)
        if text is None or (in_container and chosen is _by_toolkit):
            continue
        allowed = {gpu.uuid for gpu in chosen(inventory.gpus, text)}
        left = tuple(gpu for gpu in kept if gpu.uuid in allowed)
        if len(left) < len(kept):
            reasons.append(f"{variable}={text} hides {len(kept) - len(left)} of {len(kept)} GPUs")
        kept = left
    return Inventory(kept, inventory.origin, "; ".join(reasons))


def _by_toolkit(gpus: tuple[Gpu, ...], text: str) -> list[Gpu]:
    if text.strip() in {"", "void", "none"}:
        return []
    chosen: list[Gpu] = []
    for entry in text.split(","):
        chosen.extend(gpus if entry.strip() == "all" else _named(gpus, entry.strip()))
    return chosen


def _by_cuda(gpus: tuple[Gpu, ...], text: str) -> list[Gpu]:
    chosen: list[Gpu] = []
    for entry in text.split(","):
        # only the toolkit numbers MIG devices
        named = [] if ":" in entry else _named(gpus, entry.strip())
        if not named:
            break
        chosen.extend(named)
    return chosen


def _named(gpus: tuple[Gpu, ...], entry: str) -> list[Gpu]:
    """The one GPU or MIG device that an entry names; with all its parts where it is cut up."""
    if re.fullmatch(r"[0-9]+", entry):
        found = [gpu for gpu in gpus if gpu.index == int(entry) and gpu.mig_parent is None]
    elif match := re.fullmatch(r"([0-9]+):([0-9]+)", entry):
        place = int(match[1]), int(match[2])
        found = [gpu for gpu in gpus if (gpu.index, gpu.mig_index) == place]
    elif entry.startswith(("GPU-", "MIG-")):
        found = named_by(gpus, entry)
    else:
        found = []
    if len(found) != 1:  # a beginning that several share names none
        return []
    return [gpu for gpu in gpus if found[0].uuid in {gpu.uuid, gpu.mig_parent}]
