"""Models of the suite for servers that somebody else runs: written out, and known again there."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from google.protobuf import json_format, text_format  # type: ignore[import-untyped]
from tritonclient.grpc.model_config_pb2 import ModelConfig

from triton_claims.errors import BrokenError, InputError
from triton_claims.servers.models import assemble

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from triton_claims.servers.models import Model

#: The parameter of a model's configuration that tells the digest over its files.
DIGEST = "triton_claims_digest"
_CONFIG = "config.pbtxt"


def stamp(folder: Path) -> str | None:
    """Adds the digest over a model's files to its configuration, by which it is known again.

    Args:
        folder: The model's folder.

    Returns:
        The digest; None where the model has no configuration.
    """
    config = folder / _CONFIG
    if not config.is_file():
        return None
    digest = sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    value = digest.hexdigest()
    with config.open("a", encoding="utf-8") as file:
        file.write(f'\nparameters {{ key: "{DIGEST}" value {{ string_value: "{value}" }} }}\n')
    return value


def config_as_json(folder: Path) -> str:
    """A model's configuration as JSON, as servers take it with a request to load.

    Raises:
        BrokenError: It cannot be read.
    """
    text = (folder / _CONFIG).read_text(encoding="utf-8")
    try:
        message = text_format.Parse(text, ModelConfig())
    except text_format.ParseError as problem:
        raise BrokenError(f"{folder / _CONFIG} is no configuration: {problem}") from None
    return str(json_format.MessageToJson(message, preserving_proto_field_name=True))


def export(models: Iterable[Model], source: Path, folder: Path) -> list[str]:
    """Writes models out as a model repository.

    Args:
        models: The models.
        source: ``model_repository/``.
        folder: Where to; it must be new or empty.

    Returns:
        Their names.

    Raises:
        InputError: The folder cannot be written, or is not empty.
    """
    wanted = {each.name: each for each in models}
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{str(folder)!r} is no empty folder", where="--export-models")
        if folder.exists():
            folder.rmdir()  # it is made with the models
        assemble([wanted[name] for name in sorted(wanted)], source, folder)
        for name in wanted:
            stamp(folder / name)
    except OSError as problem:
        raise InputError(
            f"cannot write to {str(folder)!r}: {problem}", where="--export-models"
        ) from None
    return sorted(wanted)
