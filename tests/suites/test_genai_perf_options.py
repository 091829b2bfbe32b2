"""The checks of GenAI-Perf, with the real one and with stand-ins for it."""

from __future__ import annotations

import pytest

from staged.tool_wheels import stage_tools

pytestmark = pytest.mark.xdist_group("suites-genai-perf")

OPTIONS = "genai-perf-system-prompt-options"
NAMES = ("--num-system-prompts", "--system-prompt-length")
#: Takes the options that KNOWN names beside those that the check always gives.
PARSER = """\
import sys

KNOWN = ["-m", "--service-kind", "--endpoint-type", "--tokenizer", *{known!r}]


def main():
    unknown = [each for each in sys.argv[1:] if each.startswith("-") and each not in KNOWN]
    if unknown and {refuses}:
        print("genai-perf: error: unrecognized arguments: " + " 3 ".join(unknown), file=sys.stderr)
        return 2
    print("no tokenizer in ./nowhere" if {says} else "hello", file=sys.stderr)
    return 1
"""


@pytest.fixture(scope="module")
def run(run_altered, tmp_path_factory):
    """Runs the check of the options with a GenAI-Perf whose parser is given."""

    def run(target="genai-perf:0.0.10", *, known=(), refuses=True, says=True):
        cache = tmp_path_factory.mktemp("cache")
        parser = PARSER.format(known=list(known), refuses=refuses, says=says)

        def stage(root):
            stage_tools(root / "releases", cache / "downloads", parser)

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PIP_NO_INDEX", "1")
            patch.setenv("TRITON_CLAIMS_CACHE", str(cache))
            return run_altered(OPTIONS, prepare=stage, targets=[target]).cell(OPTIONS)

    return run


def test_the_real_one_refuses_the_options_that_the_notes_name(run_altered):
    target = "genai-perf:0.0.10"
    cell = run_altered(OPTIONS, targets=[target]).cell(OPTIONS)
    assert cell.verdict.value == "refuted"
    assert cell.reason == "it refuses --num-system-prompts and --system-prompt-length"
    assert "--num-prefix-prompts" in cell.accepted


@pytest.mark.parametrize(
    ("different", "verdict", "words"),
    [
        ({"known": NAMES}, "confirmed", "holds on genai-perf 0.0.10"),
        ({"known": NAMES, "target": "genai-perf:0.0.9"}, "premature", "no teeth"),
        ({"known": NAMES[:1]}, "refuted", "it refuses --system-prompt-length"),
        ({"known": NAMES[1:]}, "refuted", "it refuses --num-system-prompts"),
        ({"target": "genai-perf:0.0.9"}, "baseline", "it refuses --num-system-prompts and"),
        # one that takes whatever it is given shows nothing
        ({"refuses": False}, "error", "it does not refuse --no-version-has-this"),
        ({"says": False}, "error", "neither took nor refused its command line"),
    ],
)
def test_which_options_it_takes_decides(run, different, verdict, words):
    cell = run(**different)
    assert cell.verdict.value == verdict, cell.reason
    assert words in cell.reason
