"""Profiles that GenAI-Perf compares."""

from __future__ import annotations

import json

import pytest

from triton_claims.endpoints.genai_perf_exports import REQUESTS, find_one
from triton_claims.endpoints.tokenizer_folders import count_tokens
from triton_claims.errors import BrokenError

PROFILED_WITH, COMPARED_WITH = "byte-level", "metaspace"
LENGTHS = (20, 40)
#: The data below the plot that shows how long the prompts are, one profile a row.
DATA = "distribution_of_input_sequence_lengths_to_output_sequence_lengths.gzip"
READ = """
import json, sys
import pandas
data = pandas.read_parquet(sys.argv[1])
print(json.dumps([[int(length) for length in row] for row in data["Input Sequence Length"]]))
"""


@pytest.mark.claim("genai-perf-compare-tokenizer")
@pytest.mark.tool("genai-perf")
def test_compare_counts_with_the_given_tokenizer(tool, tokenizer, profile, refusal_of, evidence):
    """The compare subcommand of GenAI-Perf takes a tokenizer of the user's and compares two
    profiles with it.
    """
    with evidence.step("ask for a tokenizer: the files are not looked at before the options are"):
        asked = tool.genai_perf("compare", "--files", "none", "--tokenizer", "none")
    refusal = refusal_of(asked)
    assert not refusal, refusal
    with evidence.step("make two profiles"):
        runs = [profile(kind=PROFILED_WITH, tokens=tokens) for tokens in LENGTHS]
    files = [str(find_one(run.folder, REQUESTS)) for run in runs]
    # The default tokenizer is in the hub, which is not asked: it would be an error to use it.
    expected = {
        kind: [sorted(count_tokens(tool.python_path, tokenizer(kind), run.prompts)) for run in runs]
        for kind in (PROFILED_WITH, COMPARED_WITH)
    }
    with evidence.step("control: the two tokenizers count differently"):
        if expected[PROFILED_WITH] == expected[COMPARED_WITH]:
            raise BrokenError(f"the check's control failed: both count {expected[PROFILED_WITH]}")
    with evidence.step("compare them with another tokenizer"):
        compared = tool.genai_perf(
            "compare", "--files", *files, "--tokenizer", str(tokenizer(COMPARED_WITH))
        )

    compared.must_have_succeeded()
    found = [sorted(lengths) for lengths in lengths_below(tool, find_one(tool.folder, DATA))]
    evidence.show(
        "lengths of the prompts, in tokens",
        "\n".join(f"{how}: {lengths}" for how, lengths in [("compared", found), *expected.items()]),
    )
    assert found == expected[COMPARED_WITH], "the tokens were not counted with that tokenizer"


def lengths_below(tool, path):
    """The lengths of the prompts that a plot shows, profile by profile."""
    read = tool.python("-c", READ, str(path))
    read.must_have_succeeded()
    return json.loads(read.stdout)
