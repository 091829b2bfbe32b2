"""On which GPUs a run decides its cells: what ``--gpu`` means on a machine."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from triton_claims.errors import InputError
from triton_claims.servers.gpus import named_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from triton_claims.servers.gpus import Gpu, Inventory
    from triton_claims.servers.needs import Needs

#: The id of the cells that are on no GPU.
CPU = "cpu"
#: What ``--gpu`` calls the choice of no GPU.
NONE = "none"
_ALL, _EACH_ARCHITECTURE = "all", "arch"


@dataclass(frozen=True, slots=True)
class GpuCell:
    """One value of the parameter ``gpu``.

    Attributes:
        id: The architecture's name where any GPU of it will do, else a GPU's UUID.
        gpus: Those that may be leased for it.
    """

    id: str
    gpus: tuple[Gpu, ...]


@dataclass(frozen=True, slots=True)
class GpuChoice:
    """The GPUs that a run may use, and how its cells are spread over them.

    Attributes:
        cells: The cells of a check that needs one GPU of any kind.
        no_gpu: Why there are no more; for a check that finds none that it can use.
    """

    cells: tuple[GpuCell, ...] = ()
    no_gpu: str = "no GPU was looked for"

    @property
    def gpus(self) -> tuple[Gpu, ...]:
        """Every GPU chosen, once."""
        return tuple(dict.fromkeys(gpu for cell in self.cells for gpu in cell.gpus))

    def cells_for(self, needs: Needs) -> tuple[GpuCell, ...]:
        """The GPU cells of a check, each with those GPUs alone that the check can use.

        Several GPUs are always of one architecture, and never MIG devices, of which a process can
        use but one. So there is one cell an architecture, however the others are spread.

        Returns:
            None where the check needs no GPU, or where no cell has what it needs.
        """
        if needs.gpus == 0:
            return ()
        cells: Iterable[GpuCell] = self.cells
        if needs.gpus > 1:
            cells = _by_architecture(gpu for gpu in self.gpus if gpu.mig_parent is None)
        fitting = (
            GpuCell(cell.id, tuple(gpu for gpu in cell.gpus if needs.fits(gpu))) for cell in cells
        )
        return tuple(cell for cell in fitting if len(cell.gpus) >= needs.gpus)

    def candidates(self, cell: str, needs: Needs) -> tuple[str, ...]:
        """The UUIDs that a check's cell may lease from; none at ``cpu``."""
        return next(
            (
                tuple(gpu.uuid for gpu in each.gpus)
                for each in self.cells_for(needs)
                if each.id == cell
            ),
            (),
        )


def choose_gpus(
    inventory: Inventory, wanted: Sequence[str] = (), *, where: str = "--gpu"
) -> GpuChoice:
    """Reads what the user wants.

    Args:
        inventory: The GPUs there are.
        wanted: Each ``arch`` (one cell for each architecture there is; the default), ``all`` (one
            for each GPU), an architecture's name, a UUID or its beginning, or ``none``.
        where: Named in the error.

    Raises:
        InputError: One of them names nothing that is here, or several GPUs.
    """
    usable = inventory.usable
    if NONE in wanted:
        if set(wanted) != {NONE}:
            raise InputError(f"{NONE!r} leaves no room for others", where=where)
        return GpuChoice((), f"{where} {NONE} was asked for")
    cells: dict[str, GpuCell] = {}
    for text in wanted or (_EACH_ARCHITECTURE,):
        for cell in _cells_of(text, usable, inventory, where):
            cells.setdefault(cell.id, cell)
    return GpuChoice(tuple(cells.values()), inventory.reason)


def _cells_of(
    text: str, usable: tuple[Gpu, ...], inventory: Inventory, where: str
) -> list[GpuCell]:
    if text == _ALL:
        return [GpuCell(gpu.uuid, (gpu,)) for gpu in usable]
    architectures = _by_architecture(usable)
    if text == _EACH_ARCHITECTURE:
        return architectures
    named = [cell for cell in architectures if cell.id == text]
    if not named and text.startswith(("GPU-", "MIG-")):
        named = [GpuCell(gpu.uuid, (gpu,)) for gpu in named_by(usable, text)]
    if len(named) == 1:
        return named
    what = f"{text!r} is the beginning of several" if named else f"{text!r} is not here"
    there = ", ".join(map(str, usable)) or f"no GPU ({inventory.reason})"
    raise InputError(
        f"{what}: expected {_EACH_ARCHITECTURE}, {_ALL}, {NONE}, an architecture or a UUID; "
        f"there is {there}",
        where=where,
    )


def _by_architecture(gpus: Iterable[Gpu]) -> list[GpuCell]:
    found: defaultdict[str, list[Gpu]] = defaultdict(list)
    for gpu in gpus:
        found[gpu.architecture].append(gpu)
    return [GpuCell(name, tuple(members)) for name, members in found.items()]
