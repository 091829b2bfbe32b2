"""Runs GenAI-Perf against endpoints that note what reaches them and what they answered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from triton_claims.endpoints.genai_perf_exports import METRICS_JSON, find_one, read_metrics
from triton_claims.endpoints.openai_answers import Relay
from triton_claims.endpoints.openai_endpoint import serve
from triton_claims.endpoints.tokenizer_folders import make_tokenizer
from triton_claims.errors import BrokenError

if TYPE_CHECKING:
    from pathlib import Path

    from triton_claims.endpoints.genai_perf_exports import Metrics
    from triton_claims.endpoints.openai_endpoint import ReceivedRequest
    from triton_claims.tools.running import Finished

#: What every version takes, for chat completions that are streamed.
TO_OPENAI = ("--service-kind", "openai", "--endpoint-type", "chat", "--streaming")
#: What the parser says of an option or a subcommand that it does not know.
UNKNOWN = ("unrecognized arguments", "invalid choice")
#: How Python's parser ends a program whose arguments are wrong.
WRONG_ARGUMENTS = 2


@dataclass(frozen=True)
class EndpointRun:
    """A run of GenAI-Perf on an endpoint.

    Attributes:
        finished: The run.
        requests: What reached the endpoint, and what it answered.
        folder: Where GenAI-Perf wrote.
    """

    finished: Finished
    requests: tuple[ReceivedRequest, ...]
    folder: Path

    @property
    def refusal(self) -> str | None:
        """Why the parser refused the arguments, in its words; None where it took them."""
        return _refusal(self.finished)

    @property
    def prompts(self) -> tuple[str, ...]:
        """The prompts that reached the endpoint."""
        return tuple(request.prompt for request in self.requests)

    @property
    def metrics(self) -> Metrics:
        """What GenAI-Perf reports."""
        return read_metrics(find_one(self.folder, METRICS_JSON))

    def must_have_answered(self, requests: int) -> None:
        """Sees to it that the endpoint answered as many requests as it should have.

        Raises:
            BrokenError: It did not.
        """
        answered = sum(request.complete for request in self.requests)
        if not answered == len(self.requests) == requests:
            raise BrokenError(
                f"of {requests} requests {len(self.requests)} reached the endpoint, and {answered} "
                f"were answered to the end: {self.finished.output[-600:]}"
            )


def _refusal(finished):
    """Why the parser refused the arguments, in its words; None where it took them."""
    if finished.returncode != WRONG_ARGUMENTS:
        return None
    lines = [line for line in finished.output.splitlines() if any(sign in line for sign in UNKNOWN)]
    return lines[-1].strip() if lines else None


@pytest.fixture
def refusal_of():
    """Why the parser refused a run's arguments: ``refusal_of(finished) -> str | None``."""
    return _refusal


@pytest.fixture
def tokenizer(tool):
    """Makes a tokenizer with the tool's own libraries: ``tokenizer("byte-level") -> Path``."""
    made = {}

    def make(kind):
        if kind not in made:
            folder = tool.folder / f"{kind}-tokenizer"
            made[kind] = make_tokenizer(tool.python_path, folder, kind)
        return made[kind]

    return make


@pytest.fixture
def run_genai_perf(tool, tokenizer, language_model):
    """Runs a subcommand on a language model, and keeps what reached it and what it answered."""

    def run(
        subcommand, *options, answer=None, kind="byte-level", tokens=20, prompts=10
    ) -> EndpointRun:
        """One run.

        Args:
            subcommand: ``profile`` or ``analyze``.
            options: Further options.
            answer: What is answered in the model's place.
            kind: Of tokenizer.
            tokens: The length of a prompt that is asked for.
            prompts: How many different prompts.
        """
        with serve(answer or Relay(language_model.url)) as endpoint:
            finished = tool.genai_perf(
                subcommand,
                *("-m", language_model.model, *TO_OPENAI),
                *("-u", endpoint.address, "--tokenizer", str(tokenizer(kind))),
                *("--synthetic-input-tokens-mean", str(tokens), "--num-prompts", str(prompts)),
                *options,
            )
            return EndpointRun(finished, endpoint.requests, tool.folder)

    return run


@pytest.fixture
def profile(run_genai_perf, tool):
    """Profiles the model: ``profile("--header", "a:b", requests=20) -> EndpointRun``.

    It sends as many requests as it is told in a way that all versions know: they hand on to Perf
    Analyzer what stands behind ``--``. Each has a folder of its own for what GenAI-Perf writes.
    """
    runs = 0

    def run(*options, requests=10, may_fail=False, **how) -> EndpointRun:
        nonlocal runs
        runs += 1
        folder = tool.folder / f"profile-{runs}"
        into = ("--artifact-dir", str(folder))
        behind = ("--", "--request-count", str(requests))
        found = run_genai_perf("profile", *into, *options, *behind, **how)
        found = replace(found, folder=folder)
        if found.refusal is None and not may_fail:
            found.finished.must_have_succeeded()
        if found.refusal is None:
            found.must_have_answered(requests)
        return found

    return run
