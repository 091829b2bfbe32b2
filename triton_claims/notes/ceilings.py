"""Ceilings: the limits that somebody sets for latency, throughput and start-up time, as a file.

A limit is worth something on the machine it was found on: a file that was recorded carries its
host, and :meth:`Host.differences` tells what another one has otherwise. A file without a host is
meant for any machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from triton_claims.errors import InputError
from triton_claims.notes.structure import check_structure
from triton_claims.notes.tomlfile import Document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_MILLI = 1e-3
#: The share by which a machine's memory differs from boot to boot, and more.
_MEMORY_VARIES = 0.02
#: What makes two machines different. The kernel is kept as well, but it changes with every update.
_TELLING = {
    "processor": "processor",
    "cores": "cores",
    "usable_cores": "usable cores",
    "memory_gib": "GiB of memory",
    "machine": "machine id",
}


@dataclass(frozen=True, slots=True)
class Host:
    """The machine that limits were recorded on; None where a fact is not known.

    Args:
        processor: The processor's model.
        cores: How many processors the system counts.
        usable_cores: How many of them could be used.
        memory_gib: Memory in GiB.
        kernel: The kernel's release.
        machine: A digest of the machine's id.
    """

    processor: str | None = None
    cores: int | None = None
    usable_cores: int | None = None
    memory_gib: float | None = None
    kernel: str | None = None
    machine: str | None = None

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Host:
        """Out of what a ledger's header tells of its host."""
        return cls(
            processor=facts.get("processor"),
            cores=facts.get("cores"),
            usable_cores=facts.get("usable_cores"),
            memory_gib=facts.get("memory_gib"),
            kernel=facts.get("kernel"),
            machine=facts.get("machine_id"),
        )

    def differences(self, here: Host) -> tuple[str, ...]:
        """What another machine has otherwise, in words; what one of them does not know is none."""
        return tuple(self._differing(here))

    def _differing(self, here: Host) -> Iterator[str]:
        for name, words in _TELLING.items():
            recorded, found = getattr(self, name), getattr(here, name)
            if recorded is None or found is None or recorded == found:
                continue
            if name == "memory_gib" and math.isclose(recorded, found, rel_tol=_MEMORY_VARIES):
                continue
            yield f"{words} {recorded}, here {found}"


@dataclass(frozen=True, slots=True)
class Place:
    """Which servers a limit is for.

    Args:
        target: The kind of target, or ``*``.
        release: A glob of container versions.
        gpu: The GPU's architecture, ``cpu``, or ``*``.
        model: The name of the model.
    """

    target: str
    release: str
    gpu: str
    model: str

    def fits(self, *, target: str, release: str | None, gpu: str, model: str) -> bool:
        """Whether a server is one of them.

        Args:
            target: Its kind of target.
            release: Its container version; None where no release is known to have its server
                version, and then it is of no release but ``*``.
            gpu: The architecture of its GPU, or ``cpu``.
            model: The name of the model.
        """
        return (
            self.target in {target, "*"}
            and self.gpu in {gpu, "*"}
            and self.model == model
            and fnmatchcase(release or "", self.release)
        )


@dataclass(frozen=True, slots=True)
class LoadCeiling:
    """What one load must keep to; None where nothing is asked.

    Args:
        place: Which servers it is for.
        load: The load's name.
        protocol: ``grpc`` or ``http``.
        source: Where the limits come from.
        p50, p90, p99: Seconds that so many per cent of the requests must keep to.
        throughput: Answers a second that there must be at least.
    """

    place: Place
    load: str
    protocol: str
    source: str
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    throughput: float | None = None


@dataclass(frozen=True, slots=True)
class StartCeiling:
    """How long a server may take to get ready.

    Args:
        place: Which servers it is for; its model is the one they have.
        seconds: From the start of its process to its being ready.
        source: Where the limit comes from.
    """

    place: Place
    seconds: float
    source: str


@dataclass(frozen=True, slots=True)
class Ceilings:
    """A file of limits.

    Args:
        path: The file.
        host: The machine they are for; None where they are for any.
        host_where: ``FILE:LINE`` of that.
        loads: The limits of loads, in the file's order.
        starts: The limits of start-up time, in the file's order.
    """

    path: Path
    host: Host | None
    host_where: str
    loads: tuple[LoadCeiling, ...] = field(default=())
    starts: tuple[StartCeiling, ...] = field(default=())

    def of_load(
        self,
        *,
        target: str,
        release: str | None,
        gpu: str,
        model: str,
        load: str,
        protocol: str,
    ) -> LoadCeiling | None:
        """The limits of a load on a server: the first in the file that are for it, if any are."""
        return next(
            (
                each
                for each in self.loads
                if (each.load, each.protocol) == (load, protocol)
                and each.place.fits(target=target, release=release, gpu=gpu, model=model)
            ),
            None,
        )

    def of_start(
        self, *, target: str, release: str | None, gpu: str, model: str
    ) -> StartCeiling | None:
        """The limit of a server's start: the first in the file that is for it, if any is."""
        return next(
            (
                each
                for each in self.starts
                if each.place.fits(target=target, release=release, gpu=gpu, model=model)
            ),
            None,
        )

    def refuse_elsewhere(self, here: Host) -> None:
        """Refuses limits that are for another machine.

        Raises:
            InputError: With what is different, and what to do.
        """
        differences = self.host.differences(here) if self.host else ()
        if differences:
            raise InputError(
                f"recorded on another machine: {'; '.join(differences)}; record anew here, or say "
                "that they hold here, too, by --ceilings-from-elsewhere",
                where=self.host_where,
            )


def load_ceilings(path: Path) -> Ceilings:
    """Reads a file of limits.

    Raises:
        InputError: It is not as it should be, limits nothing, or limits one thing twice.
    """
    document = Document(path)
    check_structure(document, "ceilings")
    _refuse_no_numbers(document, document.data, ())
    loads = tuple(_read_loads(document))
    starts = tuple(_read_starts(document))
    if not loads and not starts:
        raise document.error("found no limit, expected [[ceiling]] or [[start]]")
    host = document.data.get("host")
    return Ceilings(
        path,
        None if host is None else Host(**host),
        document.where("host"),
        loads,
        starts,
    )


def _read_loads(document: Document) -> Iterator[LoadCeiling]:
    seen: dict[tuple[Place, str, str], int] = {}
    for index, entry in enumerate(document.data.get("ceiling", ())):
        place = _place(entry)
        percentiles = [entry.get(name) for name in ("p50_ms", "p90_ms", "p99_ms")]
        set_ones = [limit for limit in percentiles if limit is not None]
        if not set_ones and "throughput" not in entry:
            raise document.error(
                "found no limit, expected p50_ms, p90_ms, p99_ms or throughput", "ceiling", index
            )
        if set_ones != sorted(set_ones):
            raise document.error(
                "found a limit below that of a smaller share of the requests, expected p50_ms to "
                "be the lowest and p99_ms the highest",
                "ceiling",
                index,
            )
        key = (place, entry["load"], entry["protocol"])
        _refuse_twin(document, seen.setdefault(key, index), "ceiling", index)
        p50, p90, p99 = (None if limit is None else limit * _MILLI for limit in percentiles)
        yield LoadCeiling(
            place=place,
            load=entry["load"],
            protocol=entry["protocol"],
            source=entry["source"],
            p50=p50,
            p90=p90,
            p99=p99,
            throughput=entry.get("throughput"),
        )


def _read_starts(document: Document) -> Iterator[StartCeiling]:
    seen: dict[Place, int] = {}
    for index, entry in enumerate(document.data.get("start", ())):
        place = _place(entry)
        _refuse_twin(document, seen.setdefault(place, index), "start", index)
        yield StartCeiling(place, float(entry["seconds"]), entry["source"])


def _place(entry: Mapping[str, Any]) -> Place:
    return Place(entry["target"], entry["release"], entry["gpu"], entry["model"])


def _refuse_twin(document: Document, first: int, table: str, index: int) -> None:
    if first != index:
        raise document.error(
            f"found what the table in line {document.line_of(table, first)} limits already",
            table,
            index,
        )


def _refuse_no_numbers(document: Document, value: object, place: tuple[str | int, ...]) -> None:
    """TOML has infinity and what is no number at all; neither limits anything."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_no_numbers(document, inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_no_numbers(document, inner, (*place, index))
    elif isinstance(value, float) and not math.isfinite(value):
        raise document.error(f"found {value}, expected a finite number", *place)
