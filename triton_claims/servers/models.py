"""The models a server is started with, rendered from ``model_repository/``."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jinja2

from triton_claims.errors import BrokenError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_TEMPLATE_SUFFIX = ".j2"


@dataclass(frozen=True, slots=True)
class Model:
    """A model of ``model_repository/`` in one of its variants.

    Attributes:
        folder: Its folder in ``model_repository/``.
        variant: What its templates are rendered with, sorted by name.
    """

    folder: str
    variant: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The name the server knows it by: one a variant."""
        return "-".join([self.folder, *(value for _, value in self.variant)])

    def __getitem__(self, parameter: str) -> str:
        """The variant's value of a parameter."""
        return dict(self.variant)[parameter]


def model(folder: str, **variant: str) -> Model:
    """Names a model and its variant: ``model("correlation_id", control="STRING")``."""
    return Model(folder, tuple(sorted(variant.items())))


def assemble(models: Iterable[Model], source: Path, repository: Path) -> None:
    """Lays out a model repository.

    Files that end in ``.j2`` are rendered (Jinja2; ``name``, ``folder`` and the variant's
    parameters are defined, anything else is an error), all others are copied. The folder is that
    of the model in the repository, which a container has at the same place.

    Args:
        models: The models.
        source: ``model_repository/``.
        repository: Where to; made here.

    Raises:
        BrokenError: A model or a parameter is not there.
    """
    repository.mkdir(parents=True)
    for each in models:
        folder = source / each.folder
        if not folder.is_dir():
            raise BrokenError(f"{source} holds no model {each.folder!r}")
        for path in sorted(folder.rglob("*")):
            if path.is_dir() or "__pycache__" in path.parts:
                continue
            destination = repository / each.name / path.relative_to(folder)
            destination.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == _TEMPLATE_SUFFIX:
                known = {"name": each.name, "folder": str(repository / each.name)}
                text = _render(path, {**known, **dict(each.variant)})
                destination.with_suffix("").write_text(text, encoding="utf-8")
            else:
                shutil.copyfile(path, destination)


def _render(path: Path, parameters: Mapping[str, str]) -> str:
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - model configurations, not web pages
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    try:
        return environment.from_string(path.read_text(encoding="utf-8")).render(parameters)
    except jinja2.TemplateError as problem:
        raise BrokenError(f"cannot render {path} with {dict(parameters)}: {problem}") from None
