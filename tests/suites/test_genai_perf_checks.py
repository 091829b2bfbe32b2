"""The checks of GenAI-Perf: on its versions side by side, and where it does not do what they think.

All runs are of the real tools. Where a tool that is wrong is wanted, it is asked for something else
than the check believes.
"""

from __future__ import annotations

import os

import pytest

NEWEST = "genai-perf:0.0.10"
BEFORE = "genai-perf:0.0.9"
OLDEST = "genai-perf:0.0.8"
OLDER_PERF_ANALYZER = f"{NEWEST}+perf-analyzer:2.53.0"
CONFTEST = "suites/genai_perf/conftest.py"

#: All of them together take six minutes.
SLOW = pytest.mark.skipif(
    "TRITON_CLAIMS_SLOW_TESTS" not in os.environ,
    reason="one of many that take long: TRITON_CLAIMS_SLOW_TESTS=1 make test",
)

#: What the three versions make of each claim.
NEW = ("baseline", "baseline", "confirmed")
ONE_BEFORE = ("baseline", "confirmed", "confirmed")
EXPECTED = {
    "genai-perf-analyze-optimum": ("baseline", "baseline", "refuted"),
    "genai-perf-analyze-sweep": NEW,
    "genai-perf-compare-tokenizer": NEW,
    "genai-perf-exact-input-length": ONE_BEFORE,
    "genai-perf-exact-input-length-metaspace": ("baseline", "refuted", "refuted"),
    "genai-perf-frontend-errors": NEW,
    "genai-perf-header": NEW,
    "genai-perf-metric-errors": NEW,
    "genai-perf-prefix-pool": NEW,
    "genai-perf-request-count": ONE_BEFORE,
    "genai-perf-request-count-metric": NEW,
    "genai-perf-system-prompt-options": ("baseline", "baseline", "refuted"),
    "genai-perf-time-to-second-token": NEW,
    "perf-analyzer-output-bytes": NEW,
}
BY_PERF_ANALYZER = ("genai-perf-frontend-errors", "perf-analyzer-output-bytes")


@pytest.fixture(scope="module")
def run(run_altered):
    """All checks, on three versions."""
    return run_altered(*EXPECTED, targets=(OLDEST, BEFORE, NEWEST))


@SLOW
@pytest.mark.xdist_group("suites-genai-perf-versions")
class TestVersions:
    @pytest.mark.parametrize("claim", EXPECTED)
    def test_verdicts_depend_on_the_version(self, run, claim):
        cells = {cell.target: cell for cell in run.ledger.cells if cell.claim == claim}
        verdicts = tuple(cells[name].verdict.value for name in (OLDEST, BEFORE, NEWEST))
        assert verdicts == EXPECTED[claim], [cell.reason for cell in cells.values()]

    def test_what_is_refuted_is_accepted(self, run):
        assert run.exit_code == 0, run.output
        refuted = [cell for cell in run.ledger.cells if cell.verdict.value == "refuted"]
        assert all(cell.accepted for cell in refuted)

    def test_nothing_is_left(self, run):
        assert run.leftovers() == []


@pytest.mark.xdist_group("suites-genai-perf-altered")
class TestAltered:
    def test_perf_analyzers_version_decides_where_the_claim_is_its_own(self, run_altered):
        older = run_altered(*BY_PERF_ANALYZER, targets=(OLDER_PERF_ANALYZER,))
        for claim in BY_PERF_ANALYZER:
            cell = older.cell(claim)
            assert (cell.verdict.value, str(cell.server_version)) == ("baseline", "2.53.0")

    @pytest.mark.parametrize(
        ("claim", "edit", "words"),
        [
            pytest.param(
                "genai-perf-exact-input-length",
                (CONFTEST, 'mean", str(tokens),', 'mean", str(tokens + 1),'),
                "60 of 60 prompts have +1 to +1 tokens",
                marks=SLOW,
            ),
            pytest.param(
                "genai-perf-prefix-pool",
                ("suites/genai_perf/test_prompts.py", 'prompts", f"{prefixes}"', 'prompts", "4"'),
                "4 beginnings, 3 were asked for",
                marks=SLOW,
            ),
            pytest.param(
                "genai-perf-prefix-pool",
                ("suites/genai_perf/test_prompts.py", 'length", f"{length}"', 'length", "43"'),
                "43",
                marks=SLOW,
            ),
            (
                "genai-perf-time-to-second-token",
                (
                    "suites/genai_perf/test_metrics.py",
                    'metrics["time_to_second_token"].average',
                    'metrics["inter_token_latency"].average',
                ),
                "it was 1",
            ),
            (
                "genai-perf-request-count-metric",
                (
                    "suites/genai_perf/test_metrics.py",
                    'metrics["request_count"].average',
                    'metrics["request_count"].average + 1',
                ),
                "14.0 reported, 13 received",
            ),
            pytest.param(
                "genai-perf-request-count",
                ("suites/genai_perf/test_requests.py", 'count", f"{count}"', 'count", "9"'),
                "9 requests of 7 were received",
                marks=SLOW,
            ),
            (
                "genai-perf-header",
                (
                    "suites/genai_perf/test_requests.py",
                    "profile(*options,",
                    "profile(*options[:2],",
                ),
                "x-claim-two came with 0 of 10 requests",
            ),
            pytest.param(
                "genai-perf-compare-tokenizer",
                (
                    "suites/genai_perf/test_compare.py",
                    "str(tokenizer(COMPARED_WITH))",
                    "str(tokenizer(PROFILED_WITH))",
                ),
                "were not counted with that tokenizer",
                marks=SLOW,
            ),
            pytest.param(
                "genai-perf-analyze-sweep",
                ("suites/genai_perf/test_analyze.py", ':{LOADS[-1]}")', ':2")'),
                "it reports the loads [1, 2]",
                marks=SLOW,
            ),
            pytest.param(
                "genai-perf-analyze-optimum",
                ("suites/genai_perf/test_analyze.py", "loads_of(server) - by_us", "by_us"),
                "no configuration is called the best",
                marks=SLOW,
            ),
            (
                "genai-perf-metric-errors",
                (
                    "suites/genai_perf/test_errors.py",
                    'if "[ERROR]" in line',
                    'if "[FATAL]" in line',
                ),
                "no error names",
            ),
            (
                "perf-analyzer-output-bytes",
                (
                    "suites/genai_perf/test_output_tokens.py",
                    'TEXT.replace(" ", "_")',
                    '"Six_words_came_out_of_this"',
                ),
                "was recorded, the model said",
            ),
        ],
    )
    def test_a_tool_that_does_something_else_is_refuted(self, run_altered, claim, edit, words):
        cell = run_altered(claim, edits=[edit], targets=(NEWEST,)).cell(claim)
        assert cell.verdict.value == "refuted", cell.reason
        assert words in cell.reason

    @pytest.mark.parametrize(
        ("claim", "edit"),
        [
            (
                "genai-perf-time-to-second-token",
                ("suites/genai_perf/test_metrics.py", "(0.05, 0.12, 0.01", "(0.05, 0.02, 0.01"),
            ),
            (
                "genai-perf-metric-errors",
                (
                    "suites/genai_perf/test_errors.py",
                    'texts=("One",), delays=(0.0,)',
                    'texts=("One", " two", " three"), delays=(0.0, 0.0, 0.0)',
                ),
            ),
            (
                "genai-perf-analyze-optimum",
                (
                    "suites/genai_perf/test_analyze.py",
                    "load(client, SERVED.name)",
                    'load(client, "-")',
                ),
            ),
            (
                "genai-perf-frontend-errors",
                ("suites/genai_perf/test_errors.py", "answer=refusal", ""),
            ),
        ],
    )
    def test_a_control_that_fails_breaks_the_check(self, run_altered, claim, edit):
        cell = run_altered(claim, edits=[edit], targets=(NEWEST,)).cell(claim)
        assert cell.verdict.value == "error", cell.reason
        assert "the check's control failed" in cell.reason
