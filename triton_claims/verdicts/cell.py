"""One claim on one target on one GPU over one protocol: the unit of the report."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from triton_claims.verdicts.verdict import Expectation, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of evidence: a title and a text a reviewer can act on."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured figure.

    Raises:
        ValueError: It is no finite number: what was measured is no figure.
    """

    name: str
    value: float
    unit: str

    def __post_init__(self) -> None:
        """Refuses what neither a reader nor JSON can do anything with."""
        if not math.isfinite(self.value):
            raise ValueError(f"{self.name}: found {self.value}, expected a finite number")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of what was measured.

    Attributes:
        title: What it shows.
        file: Its path from the folder of the ledger.
    """

    title: str
    file: str


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """How a server answered under one load.

    Attributes:
        load: The load's name.
        protocol: ``grpc`` or ``http``.
        model: The name of the model that answered.
        engine: What put the load on it, with its version.
        requests: How many were measured.
        starts: Over how many starts of the server.
        p50, p90, p99: Seconds that so many per cent of them kept to.
        throughput: Answers a second.
        p50_high, p90_high, p99_high: Upper confidence bounds of those of all requests; None where
            too few were measured.
        throughput_low: The lower one of the throughput.

    Raises:
        ValueError: One of the figures is none.
    """

    load: str
    protocol: str
    model: str
    engine: str
    requests: int
    starts: int
    p50: float
    p90: float
    p99: float
    throughput: float
    p50_high: float | None = None
    p90_high: float | None = None
    p99_high: float | None = None
    throughput_low: float | None = None

    def __post_init__(self) -> None:
        """Refuses what neither a reader nor JSON can do anything with."""
        measured = (self.p50, self.p90, self.p99, self.throughput, *self.bounds.values())
        _refuse_no_figures(f"{self.load}, {self.protocol}", measured)

    @property
    def bounds(self) -> dict[str, float]:
        """The confidence bounds that are known, by ``p50``, ``p90``, ``p99``, ``throughput``."""
        bounds = {
            "p50": self.p50_high,
            "p90": self.p90_high,
            "p99": self.p99_high,
            "throughput": self.throughput_low,
        }
        return {name: bound for name, bound in bounds.items() if bound is not None}


@dataclass(frozen=True, slots=True)
class StartFigures:
    """How long a server took to get ready.

    Attributes:
        model: The name of the model it had.
        starts: How many starts were measured.
        median: Seconds, the median of them.
        high: Seconds, the slowest of them.

    Raises:
        ValueError: One of the figures is none.
    """

    model: str
    starts: int
    median: float
    high: float

    def __post_init__(self) -> None:
        """Refuses what neither a reader nor JSON can do anything with."""
        _refuse_no_figures(f"start with {self.model}", (self.median, self.high))


def _refuse_no_figures(name: str, figures: Iterable[float]) -> None:
    for figure in figures:
        if not 0 < figure < math.inf:
            raise ValueError(f"{name}: found {figure}, expected a finite number above zero")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell with its verdict; the names are those of the ledger.

    Attributes:
        claim: The claim's id.
        target: The target's id.
        server_version: What the server itself reports; None where none answered. Of tools, the
            version of the release that brought the one that decides.
        gpu: ``cpu``, or the GPU's id.
        protocol: ``grpc`` or ``http``; None where the claim is not about one.
        expectation: What the notes imply for that version.
        verdict: The answer.
        accepted: The reason of the acceptance that covers it, if one does.
        reason: The verdict in words.
        evidence: What was seen.
        measurements: What was measured.
        pictures: Pictures of that.
        loads: How the server answered under loads.
        starts: How long it took to get ready.
        seconds: How long the check took, its share of starting servers included.
        reproduce: The command that decides this cell again.
        docker_host: The Docker host its servers ran on, by name; None without containers.
        baseline_version: What the server reports that it was compared with, where it was.
        shard: The run that decided it, where the ledger was merged from several; None elsewhere.
    """

    claim: str
    target: str
    gpu: str
    protocol: str | None
    verdict: Verdict
    expectation: Expectation | None = None
    server_version: str | None = None
    accepted: str | None = None
    reason: str = ""
    evidence: tuple[Piece, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    pictures: tuple[Picture, ...] = ()
    loads: tuple[LoadFigures, ...] = ()
    starts: tuple[StartFigures, ...] = ()
    seconds: float = 0.0
    reproduce: str = ""
    docker_host: str | None = None
    baseline_version: str | None = None
    shard: str | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What identifies the cell in a run; sorts."""
        return self.claim, self.target, self.gpu, self.protocol or ""

    @property
    def fails(self) -> bool:
        """Whether it makes the run fail."""
        return self.verdict.fails and self.accepted is None

    def to_record(self) -> dict[str, Any]:
        """As a JSON object, without its ``type``."""
        record = asdict(self)
        record["verdict"] = self.verdict.value
        record["expectation"] = self.expectation.value if self.expectation else None
        record["evidence"] = [asdict(piece) for piece in self.evidence]
        record["measurements"] = [asdict(figure) for figure in self.measurements]
        record["pictures"] = [asdict(picture) for picture in self.pictures]
        record["loads"] = [asdict(load) for load in self.loads]
        record["starts"] = [asdict(start) for start in self.starts]
        record["seconds"] = round(self.seconds, 3)
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Cell:
        """Back from :meth:`to_record`.

        Raises:
            ValueError, TypeError, KeyError: It is no such record.
        """
        fields = {name: value for name, value in record.items() if name != "type"}
        fields["verdict"] = Verdict(fields["verdict"])
        if fields.get("expectation") is not None:
            fields["expectation"] = Expectation(fields["expectation"])
        fields["evidence"] = tuple(Piece(**piece) for piece in fields.get("evidence", ()))
        fields["measurements"] = tuple(
            Measurement(**figure) for figure in fields.get("measurements", ())
        )
        fields["loads"] = tuple(LoadFigures(**each) for each in fields.get("loads", ()))
        fields["starts"] = tuple(StartFigures(**each) for each in fields.get("starts", ()))
        fields["pictures"] = tuple(Picture(**each) for each in fields.get("pictures", ()))
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A claim of the release that has no check yet."""

    claim: str
    kind: str
    statement: str
    needs: tuple[str, ...] = field(default=())
