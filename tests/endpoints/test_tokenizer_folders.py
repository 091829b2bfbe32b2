"""Tokenizers made by a tool's own Python, where the cache has one; and what goes wrong without."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from triton_claims.endpoints import make_tokenizer as making
from triton_claims.endpoints.tokenizer_folders import count_tokens, make_tokenizer, token_ids
from triton_claims.errors import BrokenError
from triton_claims.servers.cache import cache_root, is_finished

TEXTS = ["Hello world", "", "\u201cI am,\u201d she said,\n and went \u2014 home."]
NO_PACKAGES = Path(sys.executable)


@pytest.fixture(scope="module")
def python():
    """A Python in the cache that has what tokenizers are made with."""
    folders = sorted((cache_root() / "environments").glob("genai-perf-[0-9]*"))
    found = [each / "bin" / "python" for each in folders if is_finished(each)]
    if not found:
        pytest.skip("no tool's environment is in the cache; the checks of GenAI-Perf make them")
    return found[-1]


@pytest.fixture(scope="module", params=["byte-level", "metaspace"])
def tokenizer(request, python, tmp_path_factory):
    return make_tokenizer(python, tmp_path_factory.mktemp("made") / "tokenizer", request.param)


def test_texts_are_cut_the_same_each_time(python, tokenizer):
    ids = token_ids(python, tokenizer, TEXTS)
    assert ids == token_ids(python, tokenizer, TEXTS)
    assert count_tokens(python, tokenizer, TEXTS) == tuple(map(len, ids))
    assert ids[1] == ()
    assert 2 <= len(ids[0]) < len(TEXTS[0])  # words are made of pieces, not of characters
    assert all(0 <= number < 2000 for each in ids for number in each)


def test_no_usual_character_is_unknown(python, tokenizer):
    unknown = 0  # the first of the special tokens
    assert all(unknown not in each for each in token_ids(python, tokenizer, TEXTS))


def test_no_texts_have_no_tokens(python, tokenizer):
    assert token_ids(python, tokenizer, []) == ()


def test_a_folder_without_a_tokenizer_is_our_fault(python, tmp_path):
    with pytest.raises(BrokenError, match=r"count_tokens.py ended with exit code 1"):
        count_tokens(python, tmp_path, ["a"])


def test_a_python_without_the_packages_is_our_fault(tmp_path):
    with pytest.raises(BrokenError, match=r"ended with exit code 1: ModuleNotFoundError: .*token"):
        make_tokenizer(NO_PACKAGES, tmp_path / "made", "byte-level")
    with pytest.raises(BrokenError, match=r"ModuleNotFoundError: .*transformers"):
        count_tokens(NO_PACKAGES, tmp_path, ["a"])


def test_a_python_that_is_not_there_is_our_fault(tmp_path):
    with pytest.raises(BrokenError, match="No such file"):
        make_tokenizer(tmp_path / "python", tmp_path / "made", "byte-level")


def test_one_that_makes_nothing_is_our_fault(tmp_path):
    idle = tmp_path / "idle"
    idle.write_text("#!/bin/sh\n")
    idle.chmod(0o755)
    with pytest.raises(BrokenError, match=r"left no tokenizer.json"):
        make_tokenizer(idle, tmp_path / "made", "byte-level")
    with pytest.raises(BrokenError, match="told no tokens of 1 texts"):
        count_tokens(idle, tmp_path, ["a"])


def test_without_a_corpus_there_is_text_of_our_own(monkeypatch):
    monkeypatch.setattr(making.importlib.util, "find_spec", lambda _name: None)
    assert len(making.corpus()) == 3
