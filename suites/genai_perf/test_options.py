"""The options that GenAI-Perf takes."""

from __future__ import annotations

import re

import pytest

from triton_claims.errors import BrokenError

NAMED = ("--num-system-prompts", "--system-prompt-length")
UNKNOWN = "--no-version-has-this"
#: A run that ends after the command line was taken, before anything is sent: no tokenizer is there.
PROFILE = ("profile", "-m", "model", "--service-kind", "openai", "--endpoint-type", "chat")
PROFILE += ("--tokenizer", "./nowhere")
TAKEN, REFUSED = 1, 2  # exit codes


@pytest.mark.claim("genai-perf-system-prompt-options")
@pytest.mark.tool("genai-perf")
def test_genai_perf_takes_the_options_for_system_prompts(tool, evidence):
    """GenAI-Perf accepts the options --num-system-prompts and --system-prompt-length."""
    with evidence.step("control: without them the command line is taken"):
        if refused := options_refused(tool.genai_perf(*PROFILE)):
            raise BrokenError(f"the check's control failed: it refuses {' '.join(refused)}")
    with evidence.step("control: an option that it does not have is refused"):
        if options_refused(tool.genai_perf(*PROFILE, UNKNOWN, "3")) != [UNKNOWN]:
            raise BrokenError(f"the check's control failed: it does not refuse {UNKNOWN}")
    with evidence.step("with them"):
        refused = options_refused(tool.genai_perf(*PROFILE, NAMED[0], "3", NAMED[1], "20"))

    assert not refused, f"it refuses {' and '.join(refused)}"


def options_refused(run):
    """The options that it refused to take, in the order of its command line."""
    told = re.search(r"error: unrecognized arguments: (.*)", run.stderr)
    if run.returncode == REFUSED and told:
        return re.findall(r"--[\w-]+", told[1])
    if run.returncode == TAKEN and "./nowhere" in run.output:
        return []
    raise BrokenError(f"it neither took nor refused its command line:\n{run.describe()}")
