"""The images of releases, and what the user names instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from triton_claims.errors import InputError
from triton_claims.notes.images import Images, load_images, with_users_images

SHIPPED = Path(__file__).resolve().parents[2] / "releases" / "images.toml"
IMAGES = Images(
    "registry.example",
    "vendor/server",
    (("py3", "{container}-py3"), ("vllm-python-py3", "{container}-vllm-python-py3")),
)


def test_the_shipped_flavours_are_those_of_the_notes():
    images = load_images(SHIPPED)
    assert set(images.flavours) == {
        *("py3", "py3-min", "py3-sdk", "py3-igpu", "vllm-python-py3", "trtllm-python-py3")
    }
    for flavour in images.flavours:
        reference = images.reference("99.01", flavour)
        assert reference.endswith(f":99.01-{flavour}")
        assert images.flavour_of(reference) == flavour


@pytest.mark.parametrize("reference", ["a", "a:latest", "host:5000/a", "a:xpy3"])
def test_a_tag_may_tell_of_no_flavour(reference):
    assert IMAGES.flavour_of(reference) is None


def test_a_mirror_is_named_by_the_environment():
    images = with_users_images(IMAGES, [], {"TRITON_CLAIMS_REGISTRY": "mirror.example:5000/ngc/"})
    assert images.reference("99.01") == "mirror.example:5000/ngc/vendor/server:99.01-py3"


def test_an_image_is_named_by_flavour_and_the_option_goes_before_the_environment():
    environment = {
        "TRITON_CLAIMS_IMAGE_PY3": "mirror/a@sha256:1",
        "TRITON_CLAIMS_IMAGE_VLLM_PYTHON_PY3": "mirror/v:{container}",
    }
    images = with_users_images(IMAGES, ["py3=other/b"], environment)
    assert images.reference("99.01") == "other/b"
    assert images.reference("99.01", "vllm-python-py3") == "mirror/v:99.01"


@pytest.mark.parametrize("given", ["py3", "py4=a", "=a", "py3=", "py3=a b", "py3=a\n"])
def test_what_names_no_image_is_refused(given):
    with pytest.raises(InputError, match=r"^--image: "):
        with_users_images(IMAGES, [given], {})


def test_a_variable_that_names_no_flavour_is_refused():
    with pytest.raises(InputError, match=r"^TRITON_CLAIMS_IMAGE_PY4: names no flavour"):
        with_users_images(IMAGES, [], {"TRITON_CLAIMS_IMAGE_PY4": "a"})


def test_a_fault_in_the_file_is_told_with_its_line(tmp_path):
    path = tmp_path / "images.toml"
    path.write_text(SHIPPED.read_text().replace('"{container}-py3-min"', '"py3-min"'))
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if '"py3-min"' in text)
    with pytest.raises(InputError, match=rf"images\.toml:{line}: .*py3-min"):
        load_images(path)


def test_a_key_that_is_none_is_told_with_its_line(tmp_path):
    path = tmp_path / "images.toml"
    path.write_text(SHIPPED.read_text().replace("[tags]\n", '[tags]\n"Py3_X" = "{container}-x"\n'))
    with pytest.raises(InputError, match=r"images\.toml:\d+: .*Py3_X"):
        load_images(path)


def test_the_size_of_an_image_is_told_or_unknown():
    images = load_images(SHIPPED)
    assert images.gigabytes("25.01", "vllm-python-py3") == 23
    assert images.gigabytes("25.01", "py3") is None
    assert images.gigabytes("99.01", "vllm-python-py3") is None
    others = with_users_images(images, ["vllm-python-py3=mirror.example/small"], {})
    assert others.gigabytes("25.01", "vllm-python-py3") is None
    assert others.gigabytes("25.01", "trtllm-python-py3") == 30


def test_a_size_is_one_of_a_flavour(tmp_path):
    path = tmp_path / "images.toml"
    text = SHIPPED.read_text(encoding="utf-8")
    path.write_text(text.replace('"vllm-python-py3" = 23', '"vlm" = 23'), encoding="utf-8")
    with pytest.raises(InputError, match="found 'vlm', expected a flavour of"):
        load_images(path)
