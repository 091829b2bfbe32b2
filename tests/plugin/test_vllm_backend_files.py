"""What is taken of a vLLM backend's files out of an image, and how the record is understood."""

from __future__ import annotations

import json

import pytest

from fixtures.vllm_backend import Outcome, copy_backend, read_record, told_of_the_files
from staged.vllm_backends import write_vllm_backend
from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers.client import OK, Answer
from triton_claims.servers.image_contents import InstalledContents
from triton_claims.servers.targets import Target


@pytest.fixture
def image(tmp_path):
    """An image with such a backend, and its folder."""
    folder = tmp_path / "root/opt/tritonserver/backends/vllm"
    write_vllm_backend(folder, of_its_own=True)
    (folder / "utils" / "__pycache__").mkdir()
    (folder / "utils" / "notes.txt").touch()
    return InstalledContents(tmp_path / "root", {}), folder


def test_its_modules_come_out_of_the_image_as_they_are(image, tmp_path):
    contents, folder = image
    copy_backend(contents, tmp_path / "files")
    found = {
        path.relative_to(tmp_path / "files").as_posix(): path.read_bytes()
        for path in (tmp_path / "files").rglob("*")
        if path.is_file()
    }
    assert found == {
        "model.py": (folder / "model.py").read_bytes(),
        "utils/metrics.py": (folder / "utils" / "metrics.py").read_bytes(),
    }


def test_an_image_without_the_backend_blocks(image, tmp_path):
    contents, folder = image
    (folder / "model.py").unlink()
    with pytest.raises(Blocked, match=r"has no /opt/tritonserver/backends/vllm/model\.py"):
        copy_backend(contents, tmp_path / "files")


def test_what_hinders_a_look_at_the_image_names_the_way_without_one():
    hindered = Blocked("no engine answers", unblock="start one")
    with (
        pytest.raises(Blocked, match="no engine answers") as told,
        told_of_the_files(Target("ngc", "25.01")),
    ):
        raise hindered
    assert "--target vllm-backend:DIR@YY.MM" in told.value.unblock


def test_a_record_that_is_no_record_is_broken(tmp_path):
    record = tmp_path / "asked.jsonl"
    record.write_text('{"asked": "x"}\n')
    assert read_record(record) == ({"asked": "x"},)
    for content in ("{", "nothing", json.dumps({"asked": "x"}) + "\n{"):
        record.write_text(content)
        with pytest.raises(BrokenError, match="cannot be read"):
            read_record(record)
    record.unlink()
    with pytest.raises(BrokenError, match="cannot be read"):
        read_record(record)


def test_no_engine_of_a_model_that_is_not_loaded():
    outcome = Outcome(Answer("load", "INTERNAL", "it broke"), (), {}, frozenset())
    with pytest.raises(BrokenError, match=r"the model is not loaded: INTERNAL 'it broke'"):
        _ = outcome.engine
    with pytest.raises(BrokenError, match="asked for 0 engines"):
        _ = Outcome(Answer("load", OK), (), {}, frozenset()).engine
