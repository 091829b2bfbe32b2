from __future__ import annotations

from pathlib import Path

import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers.models import Model, assemble, model

SHIPPED = Path(__file__).resolve().parents[2] / "model_repository"


@pytest.fixture
def source(tmp_path):
    """A repository of one model with a template and a plain file."""
    folder = tmp_path / "source" / "cat"
    (folder / "1" / "__pycache__").mkdir(parents=True)
    (folder / "1" / "__pycache__" / "model.pyc").touch()
    (folder / "1" / "model.py").write_text("# {{ not a template }}\n")
    (folder / "config.pbtxt.j2").write_text(
        'name: "{{ name }}"\n{% if colour == "red" %}\nred: true\n{% endif %}\nend: "<&>"\n'
    )
    return folder.parent


def files(folder):
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def test_a_model_has_a_name_for_each_variant():
    assert model("cat").name == "cat"
    assert model("cat", size="big", colour="red").name == "cat-red-big"
    assert model("cat", size="big", colour="red") == model("cat", colour="red", size="big")
    assert model("cat", colour="red")["colour"] == "red"
    with pytest.raises(KeyError):
        model("cat")["colour"]


def test_templates_are_rendered_and_everything_else_is_copied(source, tmp_path):
    repository = tmp_path / "a" / "repository"
    assemble([model("cat", colour="red"), model("cat", colour="blue")], source, repository)
    assert files(repository) == [
        "cat-blue/1/model.py",
        "cat-blue/config.pbtxt",
        "cat-red/1/model.py",
        "cat-red/config.pbtxt",
    ]
    red, blue = (repository / f"cat-{each}" / "config.pbtxt" for each in ("red", "blue"))
    assert red.read_text() == 'name: "cat-red"\nred: true\nend: "<&>"\n'
    assert blue.read_text() == 'name: "cat-blue"\nend: "<&>"\n'
    assert (repository / "cat-red/1/model.py").read_text() == "# {{ not a template }}\n"


def test_no_models_make_an_empty_repository(source, tmp_path):
    assemble([], source, tmp_path / "repository")
    assert files(tmp_path / "repository") == []


def test_a_model_that_is_not_there_is_our_fault(source, tmp_path):
    with pytest.raises(BrokenError, match="holds no model 'dog'"):
        assemble([Model("dog")], source, tmp_path / "repository")


def test_a_parameter_that_is_not_there_is_our_fault(source, tmp_path):
    with pytest.raises(BrokenError, match=r"cannot render .*config\.pbtxt\.j2 .*'colour'"):
        assemble([model("cat")], source, tmp_path / "repository")


def test_a_template_that_is_none_is_our_fault(source, tmp_path):
    (source / "cat" / "config.pbtxt.j2").write_text("{% if %}")
    with pytest.raises(BrokenError, match=r"cannot render .*config\.pbtxt\.j2"):
        assemble([model("cat", colour="red")], source, tmp_path / "repository")


def test_a_repository_is_not_laid_over_another(source, tmp_path):
    assemble([], source, tmp_path / "repository")
    with pytest.raises(FileExistsError):
        assemble([], source, tmp_path / "repository")


def test_every_shipped_model_has_a_configuration_and_a_version():
    shipped = [folder for folder in SHIPPED.iterdir() if folder.is_dir()]
    assert shipped
    for folder in shipped:
        # one is about having none
        configured = bool(list(folder.glob("config.pbtxt*")))
        assert configured != (folder.name == "unconfigured"), folder
        assert list(folder.glob("[0-9]*/*")), folder
