"""The models that a staged server finds in its repositories."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staged.correlation import Sequences
from staged.protocol import json_format, model_config, text_format

BYTES = "BYTES"  # what requests call the datatype that configurations call TYPE_STRING


def _datatype(number: int) -> str:
    name = str(model_config.DataType.Name(number)).removeprefix("TYPE_")
    return BYTES if name == "STRING" else name


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of a model."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A model, as far as its config.pbtxt tells."""

    name: str
    versions: tuple[str, ...]
    config: Any

    @property
    def inputs(self) -> list[Tensor]:
        """The inputs, in the configuration's order."""
        return [Tensor(t.name, _datatype(t.data_type), tuple(t.dims)) for t in self.config.input]

    @property
    def outputs(self) -> list[Tensor]:
        """The outputs, in the configuration's order."""
        return [Tensor(t.name, _datatype(t.data_type), tuple(t.dims)) for t in self.config.output]

    @property
    def sequences(self) -> Sequences | None:
        """What the model's sequence batching wants, or None without any."""
        if not self.config.HasField("sequence_batching"):
            return None
        batching = self.config.sequence_batching
        kinds = model_config.ModelSequenceBatching.Control
        control: tuple[str, str] | None = None
        for tensor in batching.control_input:
            for wanted in tensor.control:
                if wanted.kind == kinds.CONTROL_SEQUENCE_CORRID:
                    control = (tensor.name, _datatype(wanted.data_type))
        return Sequences(
            strategy=batching.WhichOneof("strategy_choice") or "direct",
            control=control,
        )

    def config_json(self) -> dict[str, Any]:
        """The configuration as GET /v2/models/MODEL/config answers it."""
        answer: dict[str, Any] = json_format.MessageToDict(
            self.config, preserving_proto_field_name=True
        )
        for tensor in answer.get("input", []) + answer.get("output", []):
            # Protobuf writes 64-bit numbers as texts, Triton does not.
            tensor["dims"] = [int(size) for size in tensor.get("dims", [])]
        return answer


class BadConfigError(Exception):
    """A config.pbtxt that Triton would not load."""


def load_models(repositories: list[str], chosen: list[str] | None) -> dict[str, Model]:
    """Reads every model of the repositories.

    Args:
        repositories: Folders with one folder a model.
        chosen: The names to load ("*" is all of them), or None for all.

    Returns:
        The models by name.

    Raises:
        BadConfigError: If a configuration cannot be read.
    """
    models: dict[str, Model] = {}
    for file in sorted(f for r in repositories for f in Path(r).glob("*/config.pbtxt")):
        folder = file.parent
        if chosen is not None and "*" not in chosen and folder.name not in chosen:
            continue
        config = model_config.ModelConfig()
        try:
            text_format.Parse(file.read_text(encoding="utf-8"), config)
        except text_format.ParseError as error:
            raise BadConfigError(f"failed to read text proto from {file}: {error}") from error
        config.name = config.name or folder.name
        versions = sorted((p.name for p in folder.iterdir() if p.name.isdigit()), key=int)
        models[config.name] = Model(config.name, tuple(versions) or ("1",), config)
    return models
