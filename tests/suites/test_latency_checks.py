"""The checks of latency, start and memory, on real servers of which one is worse on purpose.

What makes a server worse comes by its environment, so that the baseline has the same models.
"""

from __future__ import annotations

import pytest

WHEEL = "wheel:24.10"
CONFTEST = "suites/latency/conftest.py"
CHECKS = "suites/latency/test_regressions.py"
CEILINGS = "suites/latency/test_ceilings.py"
#: Fewer starts and requests, and less sure: what is shown here is not to be missed.
QUICK = [
    (
        CONFTEST,
        'LATENCY_DESIGN = RegressionDesign(tolerated={"p50": 0.05, "p99": 0.25})',
        'LATENCY_DESIGN = RegressionDesign({"p50": 1.0, "p99": 50.0}, 0.3, (5,), 1.0)',
    ),
    (
        CONFTEST,
        'CONCURRENT_DESIGN = RegressionDesign(tolerated={"p50": 0.1, "p99": 0.25})',
        'CONCURRENT_DESIGN = RegressionDesign({"p50": 1.0, "p99": 50.0}, 0.3, (5,), 1.0)',
    ),
    (
        CHECKS,
        'START_DESIGN = RegressionDesign(tolerated={"seconds": 0.1})',
        'START_DESIGN = RegressionDesign({"seconds": 3.0}, 0.3, (5,), 1.0)',
    ),
    (
        CHECKS,
        'MEMORY_DESIGN = RegressionDesign(tolerated={"MiB": 0.05})',
        'MEMORY_DESIGN = RegressionDesign({"MiB": 0.3}, 0.3, (5,))',
    ),
]
#: As many requests as tell ten times as long from as long.
FEW = [
    (CONFTEST, "        load = LOADS[name]\n", "        load = few(LOADS[name])\n"),
    (
        CONFTEST,
        "def starts_of(side):\n",
        "def few(load):\n"
        "    from dataclasses import replace\n\n"
        "    return replace(load, load=replace(load.load, requests=100))\n\n\n"
        "def starts_of(side):\n",
    ),
]
#: By the environment, for each request or answer, and once for each process of a model.
SLOWED = [
    (
        "model_repository/echo/1/model.py",
        "    def execute(self, requests):\n",
        "    def initialize(self, args):\n"
        "        import os\n\n"
        '        self.more = float(os.environ.get("MORE", "0"))\n'
        '        self.held = bytes([1]) * int(os.environ.get("HELD", "0"))\n\n'
        "    def execute(self, requests):\n"
        "        import time\n\n"
        "        time.sleep(self.more * len(requests))\n",
    ),
    (
        "model_repository/several_answers/1/model.py",
        "    def execute(self, requests):\n",
        "    def execute(self, requests):\n"
        "        import os, time\n\n"
        '        time.sleep(float(os.environ.get("MORE", "0")))\n',
    ),
]
#: One for each way of comparing; the other loads are compared as these are.
EVERY = ("no-slower-single", "no-slower-streaming", "no-slower-start", "no-more-memory")
AGAINST = (f"--baseline={WHEEL}", "--load-engine=client", "-k", "not http")


def verdicts(run):
    return {cell.claim: cell.verdict.value for cell in run.ledger.cells}


@pytest.fixture(scope="module")
def worse(run_altered, wrap_server):
    """All comparisons, with a server that is slower in everything and holds more."""
    server = wrap_server("sleep 0.8; export MORE=0.002 HELD=100000000")
    return run_altered(*EVERY, edits=[*QUICK, *FEW, *SLOWED], targets=[server], options=AGAINST)


@pytest.mark.xdist_group("suites-latency-worse")
class TestWorse:
    def test_what_is_worse_than_the_baseline_is_refuted(self, worse):
        assert verdicts(worse) == dict.fromkeys(EVERY, "refuted"), worse.output

    def test_every_cell_has_a_picture_and_says_what_was_compared_with(self, worse):
        for cell in worse.ledger.cells:
            assert cell.pictures
            assert cell.baseline_version == "2.51.0"
            assert f"--baseline={WHEEL}" in cell.reproduce

    def test_nothing_is_left(self, worse):
        assert worse.leftovers() == []


@pytest.mark.xdist_group("suites-latency-alike")
class TestAlike:
    def test_a_server_is_no_worse_than_itself(self, run_altered):
        run = run_altered(*EVERY, edits=[*QUICK, *FEW, *SLOWED], targets=[WHEEL], options=AGAINST)
        # At so few starts a figure may be undecided on a busy machine.
        found = list(verdicts(run).values())
        assert "refuted" not in found, run.output
        assert found.count("confirmed") >= len(EVERY) - 1, run.output

    def test_a_machine_that_is_too_noisy_is_said_to_be_so(self, run_altered):
        unsteady = (
            *SLOWED[0][:2],
            SLOWED[0][2].replace(
                'float(os.environ.get("MORE", "0"))', '__import__("random").random() / 200'
            ),
        )
        design = (*QUICK[0][:2], "LATENCY_DESIGN = RegressionDesign(false_alarm=0.3, looks=(5,))")
        run = run_altered(
            EVERY[0], edits=[design, *FEW, unsteady], targets=[WHEEL], options=AGAINST
        )
        cell = run.cell(EVERY[0])
        assert cell.verdict.value == "undecided", cell.reason
        assert "the machine is too noisy: starts of the same server differ by" in cell.reason

    def test_a_server_that_dies_under_the_load_is_an_error(self, run_altered, wrap_server):
        deadly = (
            "model_repository/echo/1/model.py",
            "    def execute(self, requests):\n",
            "    def execute(self, requests):\n"
            "        import os\n\n"
            '        os.environ.get("DEADLY") and os._exit(1)\n',
        )
        server = wrap_server("export DEADLY=1")
        run = run_altered(EVERY[0], edits=[*QUICK, *FEW, deadly], targets=[server], options=AGAINST)
        assert run.cell(EVERY[0]).verdict.value == "error"

    def test_answers_that_are_wrong_are_no_measurement(self, run_altered):
        wrong = ("model_repository/echo/1/model.py", ".as_numpy().copy()", ".as_numpy() + 1")
        run = run_altered(EVERY[0], edits=[*QUICK, *FEW, wrong], targets=[WHEEL], options=AGAINST)
        assert run.cell(EVERY[0]).verdict.value == "error"


LIMITS = """
[[ceiling]]
target = "*"
release = "*"
gpu = "*"
model = "echo"
load = "single"
protocol = "grpc"
p50_ms = {p50_ms}
source = "made for a test"

[[start]]
target = "*"
release = "*"
gpu = "*"
model = "{start_model}"
seconds = {seconds}
source = "made for a test"
"""
KEPT = ("latency-ceilings", "start-ceiling")


@pytest.mark.xdist_group("suites-latency-ceilings")
class TestCeilings:
    @pytest.fixture
    def judged(self, run_altered, tmp_path):
        """Judges a server by a limit of the load ``single`` and one of the start."""

        def judged(*, p50_ms=1000.0, seconds=100.0, start_model="echo", **how):
            path = tmp_path / "ceilings.toml"
            limits = LIMITS.format(p50_ms=p50_ms, seconds=seconds, start_model=start_model)
            path.write_text(limits, encoding="utf-8")
            options = (f"--ceilings={path}", "--load-engine=client", "-k", "not http")
            return run_altered(*KEPT, options=options, **how)

        return judged

    def test_what_keeps_to_its_limits_is_confirmed(self, judged):
        run = judged()
        assert verdicts(run) == dict.fromkeys(KEPT, "confirmed"), run.output

    def test_what_does_not_is_refuted(self, judged):
        run = judged(p50_ms=0.001, seconds=0.001)
        assert verdicts(run) == dict.fromkeys(KEPT, "refuted"), run.output
        for cell in run.ledger.cells:
            assert "does not keep to its limits" in cell.reason

    def test_at_the_limit_it_is_undecided_and_says_how_much_more_is_needed(self, judged):
        every_other_slow = (
            "model_repository/echo/1/model.py",
            "    def execute(self, requests):\n",
            "    def execute(self, requests):\n"
            "        import time\n\n"
            '        self.slow = not getattr(self, "slow", False)\n'
            "        time.sleep(0.02 * self.slow)\n",
        )
        few = (
            CEILINGS,
            'evidence.step(f"put the load {load} on the server"), server.working():\n'
            "            found[name] = judge_until_decided(",
            'evidence.step(f"put the load {load} on the server"), server.working():\n'
            "            found[name] = few_looks(",
        )
        defined = (
            CEILINGS,
            "def putter(",
            "def few_looks(measure, limits):\n"
            "    from triton_claims.measure.ceiling import CeilingDesign\n\n"
            "    return judge_until_decided(measure, limits, CeilingDesign(looks=(64, 120)))\n\n\n"
            "def putter(",
        )
        run = judged(p50_ms=10.0, edits=[every_other_slow, few, defined])
        cell = run.cell("latency-ceilings")
        assert cell.verdict.value == "undecided", cell.reason
        assert "too close to 50%" in cell.reason or "more requests would decide" in cell.reason

    def test_a_start_without_a_limit_is_blocked(self, judged):
        cell = judged(start_model="another").cell("start-ceiling")
        assert cell.verdict.value == "blocked"
        assert "no limit is set" in cell.reason
