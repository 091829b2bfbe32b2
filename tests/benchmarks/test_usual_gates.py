"""The gates beside ours: each does what it is known for, and what it is known for getting wrong."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from triton_claims.measure.load import Latencies

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def gates():
    path = ROOT / "benchmarks" / "usual_gates.py"
    specification = importlib.util.spec_from_file_location("usual_gates", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def run(seconds):
    took = (np.asarray(seconds) * 1e9).astype(np.int64)
    ended = np.cumsum(took)
    return Latencies(ended - took, ended - took, ended)


def start(seed, times=1.0, between=0.0, requests=500):
    """One start of a server: its requests share its luck."""
    random = np.random.default_rng(seed)
    luck = np.exp(between * random.normal())
    return run(0.01 * times * luck * random.lognormal(0, 0.1, requests))


@pytest.mark.parametrize(("times", "slower"), [(1.04, False), (1.06, True), (0.5, False)])
def test_the_mean_is_compared_with_a_twentieth(gates, times, slower):
    assert gates.mean_more(run([0.01] * 100), run([0.01 * times] * 100)) is slower


def test_students_t_looks_for_more_and_not_for_less(gates):
    assert gates.students_t(start(1), start(2, 1.1)) is True
    assert gates.students_t(start(1), start(2, 0.9)) is False


def test_students_t_keeps_its_rate_where_requests_are_independent(gates):
    alarms = [gates.students_t(start(2 * seed), start(2 * seed + 1)) for seed in range(400)]
    assert sum(alarms) <= 32  # 5 % of 400, and chance


@pytest.mark.parametrize("gate", ["mean_more", "students_t", "when_stable"])
def test_none_of_them_knows_how_starts_differ(gates, gate):
    alarms = [
        getattr(gates, gate)(start(2 * seed, between=0.05), start(2 * seed + 1, between=0.05))
        for seed in range(200)
    ]
    assert sum(alarm is True for alarm in alarms) > 30


def test_runs_are_compared_once_they_are_stable(gates):
    warming_up = run(np.concatenate([np.full(300, 0.05), np.full(300, 0.010)]))
    usual, slower = run(np.full(600, 0.010)), run(np.full(600, 0.0106))
    assert gates.when_stable(usual, slower) is True
    assert gates.when_stable(usual, usual) is False
    # the first three windows that are alike are the ones that are taken
    assert gates.when_stable(usual, warming_up) is True


def test_a_run_that_never_gets_stable_is_no_result(gates):
    restless = run(np.tile(np.concatenate([np.full(50, 0.010), np.full(50, 0.012)]), 6))
    usual = run(np.full(600, 0.010))
    assert gates.when_stable(usual, restless) is None
    assert gates.when_stable(restless, usual) is None
    assert gates.when_stable(run(np.full(149, 0.010)), usual) is None


def test_a_throughput_that_varies_is_not_stable_either(gates):
    took = np.full(600, 10_000_000, dtype=np.int64)
    ended = np.cumsum(took)
    ended += np.where(np.arange(600) >= 100, 500_000_000, 0)
    paused = np.zeros(600, dtype=np.int64)
    for window in range(12):
        paused[50 * window :] += 200_000_000 * (window % 2)
    ended += paused
    usual = run(np.full(600, 0.010))
    assert gates.when_stable(usual, Latencies(ended - took, ended - took, ended)) is None


def test_all_gates_have_a_name(gates):
    assert [gate(start(1), start(1)) for gate in gates.GATES.values()] == [False] * 3
