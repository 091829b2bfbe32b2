"""An inventory of GPUs out of a file: for tests of what is done with GPUs, where there are none.

Nothing that is decided with it speaks of real GPUs, which is why the inventory's origin says so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from triton_claims.errors import InputError
from triton_claims.notes.tomlfile import Document, shown
from triton_claims.servers.gpus import ARCHITECTURES, Gpu, Inventory, usual_capability

if TYPE_CHECKING:
    from pathlib import Path

STAGED_VARIABLE = "TRITON_CLAIMS_GPU_INVENTORY"
STAGED = "staged"

_UUID = re.compile(r"(?:GPU|MIG)-[A-Za-z0-9/-]+")
_CAPABILITY = re.compile(r"([0-9]{1,2})\.([0-9])")
_KINDS = {
    "uuid": (str, "a text"),
    "name": (str, "a text"),
    "compute_capability": (str, "a text"),
    "driver": (str, "a text"),
    "memory_mib": (int, "an integer"),
    "mig_mode": (bool, "true or false"),
    "mig_parent": (str, "a text"),
}


def read_staged(path: Path) -> Inventory:
    """Reads a staged inventory: TOML with one ``[[gpu]]`` for each, in PCI order.

    ``uuid`` and ``compute_capability`` (``"9.0"``) are needed; ``name``, ``driver``,
    ``memory_mib``, ``mig_mode`` and ``mig_parent`` may be left out. MIG devices follow their GPU.

    Raises:
        InputError: The file is not as it should be, with the place.
    """
    document = Document(path)
    entries = document.data.get("gpu", [])
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise document.error("expected tables [[gpu]], one for each GPU", "gpu")
    for key in document.data:
        if key != "gpu":
            raise document.error("found a key that is not known, expected [[gpu]]", key)
    gpus: list[Gpu] = []
    for place, entry in enumerate(entries):
        gpus.append(_read(document, place, entry, gpus))
    return Inventory(tuple(gpus), STAGED, "" if gpus else f"{path} holds no GPU")


def imagined(text: str, *, where: str) -> Inventory:
    """An inventory of so many GPUs of each architecture, such as ``blackwell:2,hopper:1``.

    Each has its architecture's first compute capability.

    Args:
        text: Architectures with numbers of GPUs.
        where: The option that says so, for the error.

    Raises:
        InputError: It is nothing of that kind.
    """
    gpus: list[Gpu] = []
    for part in text.split(","):
        architecture, _, number = part.partition(":")
        if architecture not in ARCHITECTURES or not re.fullmatch("[1-9][0-9]?", number):
            raise InputError(
                f"found {part!r}, expected ARCHITECTURE:NUMBER such as blackwell:2, with one of "
                + ", ".join(ARCHITECTURES),
                where=where,
            )
        for _ in range(int(number)):
            index = len(gpus)
            capability = usual_capability(architecture)
            gpus.append(Gpu(f"GPU-{index}", f"any {architecture}", capability, 0, "", index))
    return Inventory(tuple(gpus), STAGED)


def _read(document: Document, place: int, entry: dict[str, Any], before: list[Gpu]) -> Gpu:
    _check_kinds(document, place, entry)
    uuid, capability = entry["uuid"], _CAPABILITY.fullmatch(entry["compute_capability"])
    parents = {gpu.uuid: gpu for gpu in before if gpu.mig_mode}
    parent = entry.get("mig_parent")
    if not _UUID.fullmatch(uuid) or any(gpu.uuid == uuid for gpu in before):
        raise document.error(
            f"found {shown(uuid)}, expected GPU-... or MIG-..., each once", "gpu", place, "uuid"
        )
    if capability is None:
        raise document.error(
            f"found {shown(entry['compute_capability'])}, expected such as '9.0'",
            *("gpu", place, "compute_capability"),
        )
    if uuid.startswith("MIG-") != (parent is not None) or (parent and parent not in parents):
        raise document.error(
            "expected of MIG-... alone, and there the UUID of a GPU before it with mig_mode = true",
            *("gpu", place, "mig_parent"),
        )
    return Gpu(
        uuid=uuid,
        name=entry.get("name", "staged GPU"),
        compute_capability=(int(capability[1]), int(capability[2])),
        memory_bytes=entry.get("memory_mib", 0) * 2**20,
        driver=entry.get("driver", ""),
        index=(
            parents[parent].index if parent else sum(1 for gpu in before if gpu.mig_parent is None)
        ),
        mig_mode=entry.get("mig_mode", False),
        mig_parent=parent,
        mig_index=sum(1 for gpu in before if gpu.mig_parent == parent) if parent else None,
    )


def _check_kinds(document: Document, place: int, entry: dict[str, Any]) -> None:
    for key in ("uuid", "compute_capability"):
        if key not in entry:
            raise document.error(f"expected a key {key}", "gpu", place)
    for key, value in entry.items():
        if key not in _KINDS:
            raise document.error(
                "found a key that is not known, expected some of " + ", ".join(_KINDS),
                *("gpu", place, key),
            )
        kind, words = _KINDS[key]
        if type(value) is not kind:
            raise document.error(f"found {shown(value)}, expected {words}", "gpu", place, key)
