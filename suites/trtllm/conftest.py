"""Servers with a TensorRT-LLM model: the user's, for its engine runs on one kind of GPU alone."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

import pytest

from triton_claims.errors import Blocked, BrokenError

#: A model repository where the server sees it, with the model that requests go to and those that it
#: consists of; the name of the model; and what it is asked, as JSON.
REPOSITORY = "TRITON_CLAIMS_TRTLLM_REPOSITORY"
MODEL = "TRITON_CLAIMS_TRTLLM_MODEL"
REQUEST = "TRITON_CLAIMS_TRTLLM_REQUEST"
USUAL_MODEL = "ensemble"
USUAL_REQUEST = '{"text_input": "A", "max_tokens": 8, "bad_words": "", "stop_words": ""}'
#: Seconds for an engine to be loaded.
START = 600.0
ANSWER = 60.0


@dataclass(frozen=True)
class LanguageModel:
    """The user's model.

    Attributes:
        repository: Its repository where the server sees it.
        name: The model that is asked.
        request: What it is asked.
    """

    repository: str
    name: str
    request: bytes

    @property
    def arguments(self):
        """The options of a server that has it."""
        return ["--allow-metrics=true", f"--model-repository={self.repository}"]

    def answer(self, server):
        """What the model says."""
        status, content = server.process.post(
            f"/v2/models/{self.name}/generate", self.request, timeout=ANSWER
        )
        try:
            text = json.loads(content)["text_output"]
        except (ValueError, KeyError, TypeError):
            text = None
        if status != 200 or not text:
            raise BrokenError(f"{self.name} answers {status} {content[:300]!r}, and no text")
        return text


@pytest.fixture
def language_model_of_user():
    """The user's TensorRT-LLM model.

    Raises:
        Blocked: None is given.
    """
    repository = os.environ.get(REPOSITORY)
    if not repository:
        raise Blocked(
            "no TensorRT-LLM model is given, and its engine has to be built for the GPU at hand",
            unblock=f"{REPOSITORY}=DIR, a model repository where the server sees it (for "
            f"containers, with --docker-option volumes=...), {MODEL} and {REQUEST} where they are "
            f"not {USUAL_MODEL} and {USUAL_REQUEST}",
        )
    name = os.environ.get(MODEL, USUAL_MODEL)
    return LanguageModel(repository, name, os.environ.get(REQUEST, USUAL_REQUEST).encode())
