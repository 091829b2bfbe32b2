"""One claim on one target on one GPU over one protocol: the unit of the report."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from triton_claims.verdicts.verdict import Expectation, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping


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
class Cell:
    """A cell with its verdict; the names are those of the ledger.

    Attributes:
        claim: The claim's id.
        target: The target's id.
        server_version: What the server itself reports; None where none answered.
        gpu: ``cpu``, or the GPU's id.
        protocol: ``grpc`` or ``http``; None where the claim is not about one.
        expectation: What the notes imply for that version.
        verdict: The answer.
        accepted: The reason of the acceptance that covers it, if one does.
        reason: The verdict in words.
        evidence: What was seen.
        measurements: What was measured.
        pictures: Pictures of that.
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
        fields["pictures"] = tuple(Picture(**each) for each in fields.get("pictures", ()))
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A claim of the release that has no check yet."""

    claim: str
    kind: str
    statement: str
    needs: tuple[str, ...] = field(default=())
