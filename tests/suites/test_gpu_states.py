"""How the checks that need a GPU and a backend decide, on servers that never were."""

from __future__ import annotations

import json
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from fixtures.evidence import Evidence
from fixtures.model_loading import BroughtModel, ModelLoader
from fixtures.servers import ServerUnderTest
from staged.five_states import ROOT, STATES, check_of, conftest_of, staged, verdict_of
from staged.loading import StagedLoading, died, refused, silent
from triton_claims.notes.knowledge import load_knowledge
from triton_claims.servers.pool import ServerSpecification
from triton_claims.servers.tensorrt_plan import FOLDER_VARIABLE
from triton_claims.verdicts.verdict import Verdict

CONFTEST = conftest_of("gpu")

NO_KERNEL = refused("no kernel image is available for execution on the device")
UNDECLARED = refused(
    "uses a non-linear IO format, but 'is_non_linear_format_io' is incorrectly set"
)


def wrong(left, right):
    return left + right, left - right + 1


def draws_of(loader):
    def count(model, datatype=np.float32):
        return CONFTEST.count_wrong_draws(loader, model, datatype)

    return count


def on_gpu(loading, driver=None):
    """What the checks that ask whether a model runs on the GPU are given."""
    loader = loading.loader()
    runs = partial(CONFTEST.try_on_gpu, loader, draws_of(loader))
    if driver is None:
        return {"on_gpu": runs}
    return {"on_gpu": runs, "gpus": (SimpleNamespace(driver=driver, name="NVIDIA H100 PCIe"),)}


def runs_or_not(driver=None, *, must_run=True):
    """The states of a check that asks whether a model runs on the GPU, or that none does."""
    runs = StagedLoading()
    fails = StagedLoading(loads={"on_gpu": refused("CUDA driver version is insufficient")})
    return {
        "holds": on_gpu(runs if must_run else fails, driver),
        "does-not-hold": on_gpu(fails if must_run else runs, driver),
        "no-data": on_gpu(StagedLoading(log=""), driver)
        if must_run
        else on_gpu(StagedLoading(loads={"on_cpu": refused("no such file")}), driver),
        "dies": on_gpu(StagedLoading(loads={"on_gpu": died}), driver),
        "timeout": on_gpu(StagedLoading(infers={"on_gpu": silent}), driver),
    }


def loader_alone(**loadings):
    return {state: {"loader": loading.loader()} for state, loading in named(loadings)}


def with_draws(**loadings):
    made = {state: loading.loader() for state, loading in named(loadings)}
    return {
        state: {"loader": loader, "wrong_draws": draws_of(loader)} for state, loader in made.items()
    }


def named(loadings):
    return [(state.replace("_", "-"), loading) for state, loading in loadings.items()]


def with_evidence(cases):
    return {state: {**case, "evidence": Evidence()} for state, case in cases.items()}


def overflowing(left, right):
    return ((left + right).astype(np.int32),)


def widened(left, right):
    return (left.astype(np.int32) + right.astype(np.int32),)


CASES = {
    "driver-560": runs_or_not("570.86.10"),
    "driver-data-center": runs_or_not("535.104"),
    "driver-not-forward-compatible": with_evidence(runs_or_not("545.23", must_run=False)),
    "compute-capability-floor": with_evidence(runs_or_not(must_run=False)),
    "compute-capability-floor-6-0": runs_or_not(),
    "blackwell-inference": with_draws(
        holds=StagedLoading(),
        does_not_hold=StagedLoading(loads={"of_tensorrt": NO_KERNEL}),
        no_data=StagedLoading(log="nothing of any GPU"),
        dies=StagedLoading(infers={"of_onnx": died}),
        timeout=StagedLoading(infers={"of_onnx": silent}),
    ),
    "tensorrt-int8-blackwell": with_draws(
        holds=StagedLoading(infers={"add_sub_int8": wrong}),
        does_not_hold=StagedLoading(),
        no_data=StagedLoading(infers={"add_sub_fp32": wrong}),
        dies=StagedLoading(infers={"add_sub_int8": died}),
        timeout=StagedLoading(infers={"add_sub_int8": silent}),
    ),
    "tensorrt-nonlinear-io-refused": loader_alone(
        holds=StagedLoading(loads={"undeclared": UNDECLARED}),
        does_not_hold=StagedLoading(),
        no_data=StagedLoading(loads={"linear": refused("cannot deserialize")}),
        dies=StagedLoading(loads={"undeclared": died}),
        timeout=StagedLoading(loads={"undeclared": silent}),
    ),
    "tensorrt-nonlinear-io-declared": loader_alone(
        holds=StagedLoading(),
        does_not_hold=StagedLoading(loads={"declared": UNDECLARED}),
        no_data=StagedLoading(loads={"linear": refused("cannot deserialize")}),
        dies=StagedLoading(loads={"declared": died}),
        timeout=StagedLoading(loads={"linear": silent}),
    ),
    "autocomplete-pytorch-missing": loader_alone(
        holds=StagedLoading(loads={"bare": refused("must specify inputs")}),
        does_not_hold=StagedLoading(),
        no_data=StagedLoading(loads={"right": refused("no such file")}),
        dies=StagedLoading(loads={"bare": died}),
        timeout=StagedLoading(infers={"right": silent}),
    ),
    "autocomplete-pytorch-verifies-inputs": loader_alone(
        holds=StagedLoading(loads={"few_inputs": refused("expected 2 inputs")}),
        does_not_hold=StagedLoading(
            loads={"few_inputs": refused("expected 2"), "wrong_outputs": refused("datatype")}
        ),
        no_data=StagedLoading(infers={"right": wrong}),
        dies=StagedLoading(
            loads={"few_inputs": refused("expected 2 inputs"), "wrong_outputs": died}
        ),
        timeout=StagedLoading(infers={"right": silent}),
    ),
    "torch-int8-overflow": with_evidence(
        loader_alone(
            holds=StagedLoading(infers={"on_cpu": widened, "on_gpu": overflowing}),
            does_not_hold=StagedLoading(infers={"on_cpu": widened, "on_gpu": widened}),
            no_data=StagedLoading(infers={"on_cpu": widened}, log=""),
            dies=StagedLoading(infers={"on_cpu": widened, "on_gpu": died}),
            timeout=StagedLoading(infers={"on_cpu": widened, "on_gpu": silent}),
        )
    ),
}
#: Those that tests of their own show the states of.
ALSO = {"torch-tensorrt-drift"}


NO_CODE = StagedLoading(infers={"on_gpu": NO_KERNEL})
WRONG = StagedLoading(infers={"on_gpu": wrong})


@pytest.mark.parametrize(
    ("claim", "loading", "verdict"),
    [
        ("compute-capability-floor", NO_CODE, Verdict.CONFIRMED),
        ("compute-capability-floor-6-0", NO_CODE, Verdict.REFUTED),
        ("compute-capability-floor", WRONG, Verdict.REFUTED),
        ("compute-capability-floor-6-0", WRONG, Verdict.REFUTED),
        *(
            (claim, StagedLoading(loads={"on_gpu": how}), Verdict.ERROR)
            for claim in ("compute-capability-floor", "compute-capability-floor-6-0")
            for how in (
                silent,
                refused("CUDA failure 2: out of memory"),
                refused("no such backend"),
            )
        ),
    ],
)
def test_what_a_refusal_says_of_a_gpu(claim, loading, verdict):
    shown = {"evidence": Evidence()} if claim == "compute-capability-floor" else {}
    found, words = verdict_of(claim, **on_gpu(loading), **shown)
    assert found is verdict, words


@staged(CASES)
def test_the_five_states(claim, state, case):
    verdict, words = verdict_of(claim, **case)
    assert verdict is STATES[state], words


@pytest.mark.parametrize(
    ("claim", "driver"),
    [
        ("driver-560", "550.54"),
        ("driver-560", ""),
        ("driver-data-center", "550.54"),
        ("driver-data-center", "535.54"),
        ("driver-not-forward-compatible", "570.86"),
    ],
)
def test_a_driver_that_a_claim_says_nothing_of(claim, driver):
    case = on_gpu(StagedLoading(), driver or "unknown")
    if claim == "driver-not-forward-compatible":
        case["evidence"] = Evidence()
    assert verdict_of(claim, **case)[0] is Verdict.BLOCKED


def test_a_gpu_that_is_for_no_data_center():
    case = on_gpu(StagedLoading(), "535.104")
    case["gpus"][0].name = "NVIDIA GeForce RTX 4090"
    assert verdict_of("driver-data-center", **case)[0] is Verdict.BLOCKED


@pytest.mark.parametrize("claim", sorted(set(CASES) - {"driver-not-forward-compatible"}))
def test_a_server_without_the_backend_is_blocked(claim):
    bare = StagedLoading(backends=("identity",))
    case = dict(CASES[claim]["holds"])
    if "loader" in case:
        case["loader"] = bare.loader()
    if "wrong_draws" in case:
        case["wrong_draws"] = draws_of(case["loader"])
    if "on_gpu" in case:
        case["on_gpu"] = on_gpu(bare)["on_gpu"]
    verdict, words = verdict_of(claim, **case)
    assert verdict is Verdict.BLOCKED
    assert "has no backend" in words


@pytest.mark.parametrize(
    ("claim", "builder", "verdict"),
    [
        ("blackwell-inference", (1, "Unsupported SM: 0xa00"), Verdict.REFUTED),
        ("blackwell-inference", None, Verdict.BLOCKED),
        ("tensorrt-int8-blackwell", (1, "no"), Verdict.ERROR),
        ("tensorrt-nonlinear-io-refused", (1, "no"), Verdict.ERROR),
        ("tensorrt-nonlinear-io-declared", None, Verdict.BLOCKED),
    ],
)
def test_an_engine_that_is_not_built(claim, builder, verdict):
    loader = StagedLoading(builder=builder).loader()
    case = {"loader": loader}
    if "wrong_draws" in CASES[claim]["holds"]:
        case["wrong_draws"] = draws_of(loader)
    assert verdict_of(claim, **case)[0] is verdict


def test_a_user_s_own_engines(monkeypatch, tmp_path):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    loader = StagedLoading(builder=None, loads={"undeclared": UNDECLARED}).loader()
    verdict, words = verdict_of("tensorrt-nonlinear-io-refused", loader=loader)
    assert verdict is Verdict.BLOCKED
    assert "add_sub_fp32.plan" in words
    for name in ("add_sub_fp32", "add_sub_chw32"):
        (tmp_path / f"{name}.plan").write_bytes(b"an engine")
    assert verdict_of("tensorrt-nonlinear-io-refused", loader=loader)[0] is Verdict.CONFIRMED


class _Drift:
    """Two servers with a model each, which differ by so much."""

    def __init__(self, folder, monkeypatch):
        monkeypatch.setenv("TRITON_CLAIMS_TORCH_TENSORRT_MODELS", str(folder))
        tensors = [{"name": f"INPUT__{i}", "data_type": "TYPE_FP32", "dims": [4]} for i in (0, 1)]
        for container in ("24.10", "25.01"):
            (folder / container).mkdir(parents=True)
            (folder / container / "model.pt").write_bytes(b"a model")
            outputs = [{"name": "OUTPUT__0", "data_type": "TYPE_FP32", "dims": [4]}]
            config = {"name": "drift", "input": tensors, "output": outputs}
            (folder / container / "config.json").write_text(json.dumps(config))

    def verdict(self, now, before=None, evidence=None):
        usual = {"drift": lambda a, b: (a + b,)}
        return verdict_of(
            "torch-tensorrt-drift",
            server=StagedLoading(infers={"drift": now} if now else usual).server(),
            baseline=StagedLoading(
                infers={"drift": before} if before else usual, version="2.51.0"
            ).server(),
            releases=load_knowledge(ROOT).releases,
            evidence=evidence or Evidence(),
        )


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (lambda a, b: (a + b + 1e-6,), Verdict.CONFIRMED),
        (None, Verdict.REFUTED),
        (lambda _a, _b: (), Verdict.ERROR),
        (died, Verdict.ERROR),
        (silent, Verdict.ERROR),
        (lambda a, b: ((a + b)[:2],), Verdict.ERROR),
    ],
)
def test_drift(now, verdict, tmp_path, monkeypatch):
    found, words = _Drift(tmp_path, monkeypatch).verdict(now)
    assert found is verdict, words


def test_drift_of_a_model_that_differs_from_itself(tmp_path, monkeypatch):
    numbers = iter(range(10))
    found, words = _Drift(tmp_path, monkeypatch).verdict(lambda a, b: (a + b + next(numbers),))
    assert found is Verdict.ERROR
    assert "differs from itself" in words


def test_drift_without_models(tmp_path, monkeypatch):
    drift = _Drift(tmp_path, monkeypatch)
    (tmp_path / "25.01" / "model.pt").unlink()
    assert drift.verdict(None)[0] is Verdict.BLOCKED
    monkeypatch.delenv("TRITON_CLAIMS_TORCH_TENSORRT_MODELS")
    assert drift.verdict(None)[0] is Verdict.BLOCKED


def test_a_real_server_takes_models_that_are_brought_along(embedded_pool):
    """The way that all of these models take, on a real server: files and all, by its own API."""
    specification = ServerSpecification("staged", arguments=("--model-control-mode=explicit",))
    cell = SimpleNamespace(
        evidence=Evidence(),
        exchanges=[],
        meet=lambda *_: None,
        part_from=lambda *_: None,
    )
    server = ServerUnderTest(embedded_pool, specification, cell, own=True)
    try:
        loader = ModelLoader(server, Evidence())
        content = check_of("blackwell-inference").__globals__["PYTHON"]
        model = BroughtModel("of_python", "python", "model.py", content, kind="KIND_CPU")
        loader.must_have("python")
        loader.must_load(model)
        assert CONFTEST.count_wrong_draws(loader, model, np.float32) == (0, "")
        assert server.process.run_inside(["sh", "-c", "echo here; exit 3"]) == (3, "here\n")
        assert server.process.run_inside(["no-such-program"])[0] == 127
    finally:
        server.renew()
