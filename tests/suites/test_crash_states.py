"""How the checks of shutdowns, GPU metrics, TensorRT-LLM and Java decide, on staged servers."""

from __future__ import annotations

import json
from contextlib import contextmanager, nullcontext
from itertools import chain, repeat
from types import SimpleNamespace

import pytest

from fixtures.evidence import Evidence
from staged.five_states import STATES, check_of, conftest_of, staged, verdict_of
from staged.image import StagedImage
from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers.client import OK, Answer
from triton_claims.servers.running import ServerDiedError
from triton_claims.verdicts.verdict import Verdict

CONFTEST = conftest_of("trtllm")

#: As a server of 2.54.0 prints them; src/metrics.cc of core names them.
LABELS = '{gpu_uuid="GPU-00000000-0000-0000-0000-000000000001"}'
GPU_METRICS = "".join(
    f"# TYPE {name} gauge\n{name}{LABELS} {value}\n"
    for name, value in (
        ("nv_gpu_utilization", "0.000000"),
        ("nv_gpu_memory_total_bytes", "85899345920.000000"),
        ("nv_gpu_memory_used_bytes", "512753664.000000"),
    )
)
OTHERS = 'nv_inference_request_success{model="echo",version="1"} 0\n'
COLLECTING = "I0101 metrics.cc:890] Collecting metrics for GPU 0: NVIDIA H100 80GB HBM3"
DIED = ServerDiedError("staged", "was killed by SIGSEGV (exit status -11)", "the log")
SLOW = BrokenError("the server did not get ready within 60 s")


class Server:
    """A server that is started and stopped, again and again.

    Args:
        ends: The exit statuses of its shutdowns, in order; the last one for ever.
        metrics: What it tells of itself, as it is and in those that are fresh.
        log: What it logs.
        switches: What the driver shows of NVSwitch.
        answers: What its language model says, in order.
        problem: Raised by each fresh one.
        commands: What a command comes to.
    """

    def __init__(
        self,
        ends=(0,),
        metrics=OTHERS + GPU_METRICS,
        log=COLLECTING,
        switches="0000:05:00.0",
        answers=("said",),
        problem=None,
        commands=None,
        fresh_metrics=None,
    ):
        self._ends = chain(ends, repeat(ends[-1]))
        self._answers = chain(answers, repeat(answers[-1]))
        self._problem = problem
        self._commands = commands or (lambda _command: (0, switches))
        self._fresh_metrics = fresh_metrics
        self._log = log
        self.process = self._process(metrics, log)

    def _process(self, metrics, log):
        return SimpleNamespace(
            metrics="127.0.0.1:8002",
            get=lambda _path, of: self._told(metrics),  # noqa: ARG005 - as it is asked
            post=lambda _path, _body, timeout: (200, self._said()),  # noqa: ARG005 - as above
            log_tail=lambda _lines: log,
            run_inside=lambda command: self._commands(command[-1]),
        )

    def _told(self, metrics):
        if isinstance(metrics, Exception):
            raise metrics
        return 200, metrics.encode()

    def _said(self):
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return json.dumps({"text_output": answer} if answer else {"error": "no"}).encode()

    @contextmanager
    def fresh(self, arguments=None, **_):
        if self._problem is not None:
            raise self._problem
        silent = "--allow-gpu-metrics=false" in (arguments or ())
        metrics = OTHERS if silent else self._fresh_metrics or OTHERS + GPU_METRICS
        process = self._process(metrics, "" if silent else self._log)
        yield SimpleNamespace(
            process=process, stop=lambda: (next(self._ends), ""), client=lambda *_, **__: None
        )


MODEL = CONFTEST.LanguageModel("/models", "ensemble", b"{}")


def shown(**servers):
    return {
        state.replace("_", "-"): {"server": server, "evidence": Evidence()}
        for state, server in servers.items()
    }


def with_model(cases):
    return {state: {**case, "language_model_of_user": MODEL} for state, case in cases.items()}


NO_METRICS = Server(log="", metrics=OTHERS)
CASES = {
    "dcgm-shutdown-crash": shown(
        holds=Server(ends=(0, 0, -11)),
        does_not_hold=Server(),
        no_data=Server(log="DCGM unable to start"),
        dies=Server(problem=DIED),
        timeout=Server(problem=SLOW),
    ),
    "dcgm-shutdown-clean-without-gpu-metrics": shown(
        holds=Server(),
        does_not_hold=Server(ends=(0, -11)),
        no_data=NO_METRICS,
        dies=Server(problem=DIED),
        timeout=Server(problem=SLOW),
    ),
    "mig-gpu-metrics": shown(
        holds=Server(metrics=OTHERS),
        does_not_hold=Server(),
        no_data=Server(metrics=""),
        dies=Server(metrics=DIED),
        timeout=Server(metrics=TimeoutError("no answer within 5 s")),
    ),
    "dcgm-agent-metrics": shown(
        holds=Server(fresh_metrics=OTHERS),
        does_not_hold=Server(),
        no_data=Server(fresh_metrics="nothing"),
        dies=Server(problem=DIED),
        timeout=Server(problem=SLOW),
    ),
    "trtllm-shutdown-crash": with_model(
        shown(
            holds=Server(ends=(0, -6)),
            does_not_hold=Server(),
            no_data=Server(answers=("",)),
            dies=Server(problem=DIED),
            timeout=Server(problem=SLOW),
        )
    ),
    "trtllm-inference-unharmed": with_model(
        shown(
            holds=Server(ends=(-6,)),
            does_not_hold=Server(answers=("said", "said", "otherwise")),
            no_data=Server(answers=("",)),
            dies=Server(problem=DIED),
            timeout=Server(answers=(TimeoutError("no answer"),)),
        )
    ),
    "java-api-crash": shown(
        holds=Server(commands=lambda c: (0, "java") if "-v" in c else (139, "")),
        does_not_hold=Server(),
        no_data=Server(commands=lambda c: (0, "java") if "-v" in c else (1, "no such class")),
        dies=Server(commands=lambda c: (0, "java") if "-v" in c else (2, "cannot connect")),
        timeout=Server(commands=lambda c: (0, "java") if "-v" in c else _slow()),
    ),
}


def _slow():
    raise BrokenError("the command did not end within 600 s")


@pytest.fixture(autouse=True)
def _around(monkeypatch):
    """An agent that runs, a program that is given; metrics that are at once what they will be."""
    names = check_of("dcgm-agent-metrics").__globals__
    agent = SimpleNamespace(info={"name": "nv-hostengine"})
    monkeypatch.setattr(names["psutil"], "process_iter", lambda _names: [agent])
    for claim in ("dcgm-agent-metrics", "mig-gpu-metrics"):
        monkeypatch.setitem(check_of(claim).__globals__, "SETTLED_WITHIN", 0.0)
    monkeypatch.setenv("TRITON_CLAIMS_JAVA_PROGRAM", "java Program")


@staged(CASES)
def test_the_five_states(claim, state, case):
    verdict, words = verdict_of(claim, **case)
    assert verdict is STATES[state], words


class _Loads:
    """A client of a server with a TensorRT-LLM model that takes some features and not others.

    As a real server, it refuses two schedulers at once, caches for decoupled models, and an engine
    for which there is no memory while it is there.
    """

    def __init__(self, refused=(), backend="tensorrtllm", problem=None, settings=None):
        self.protocol = "http"
        self.clock = SimpleNamespace(running=nullcontext)
        self._refused, self._backend, self._problem = refused, backend, problem
        self._settings = settings or {"dynamic_batching": {}}
        self._loaded = set()

    def ask(self, words, send, **_):
        if self._problem is not None:
            raise self._problem
        name = words.split()[-1]
        if words.startswith("configuration"):
            of_python = {"name": name, "backend": "python"}
            of_engine = {"name": name, "backend": self._backend, **self._settings}
            outputs = of_python if name.startswith("echo") else of_engine
            return Answer(words, OK, outputs=outputs)
        connection = _Connection(self._loaded)
        told = send(connection, None, {})
        if connection.asked is None:
            return Answer(words, OK, outputs=told or {})
        why = self._why_not(connection)
        if why is None:
            self._loaded.add(connection.asked[0])
        return Answer(words, OK) if why is None else Answer(words, "400", why)

    def _why_not(self, connection):
        name, asked = connection.asked
        if len({"dynamic_batching", "sequence_batching"} & set(asked)) > 1:
            return "multiple scheduling_choice oneof fields"
        decoupled = asked.get("model_transaction_policy", {}).get("decoupled")
        if decoupled and "response_cache" in asked:
            return "a decoupled model has no response cache"
        if name.startswith("echo"):
            return None
        if asked and name in self._loaded:
            return "CUDA out of memory"
        return "it is not supported" if set(asked) & set(self._refused) else None


class _Connection:
    """What a client library's client would do."""

    def __init__(self, loaded):
        self.loaded, self.asked = loaded, None

    def load_model(self, model, config=None, **_):
        self.asked = (model, json.loads(config or "{}"))

    def unload_model(self, model, **_):
        self.loaded.discard(model)

    def get_model_repository_index(self, **_):
        return [
            {"name": name, "state": "READY" if name in self.loaded else "UNAVAILABLE"}
            for name in ("echo", "ensemble", "tensorrt_llm")
        ]


DECOUPLED = {"dynamic_batching": {}, "model_transaction_policy": {"decoupled": True}}


@pytest.mark.parametrize(
    ("client", "verdict"),
    [
        (_Loads(refused=("response_cache",)), Verdict.CONFIRMED),
        (_Loads(refused=("sequence_batching",), settings=DECOUPLED), Verdict.CONFIRMED),
        (_Loads(refused=("response_cache",), settings=DECOUPLED), Verdict.REFUTED),
        (_Loads(), Verdict.REFUTED),
        (_Loads(settings=DECOUPLED), Verdict.REFUTED),
        (_Loads(backend="python"), Verdict.ERROR),
        (_Loads(problem=DIED), Verdict.ERROR),
        (_Loads(problem=SLOW), Verdict.ERROR),
    ],
)
def test_features(client, verdict):
    server = Server()

    @contextmanager
    def fresh(**_):
        yield SimpleNamespace(client=lambda *_, **__: client)

    server.fresh = fresh
    found, words = verdict_of(
        "trtllm-limited", server=server, language_model_of_user=MODEL, evidence=Evidence()
    )
    assert found is verdict, words


class _Transformers(StagedImage):
    """An image whose library reads the configuration of Llama 3, and of 3.1 or not."""

    def run(self, command):
        self._look()
        return (0, "transformers 4\nwas read") if command[-1] == "3.0" else self.printed


READS, REFUSES = (0, "was read"), (1, "ValueError: `rope_scaling` must be a dictionary")


@pytest.mark.parametrize(
    ("image", "verdicts"),
    [
        (_Transformers(printed=READS), (Verdict.CONFIRMED, Verdict.REFUTED)),
        (_Transformers(printed=REFUSES), (Verdict.REFUTED, Verdict.CONFIRMED)),
        (_Transformers(printed=(1, "no space left")), (Verdict.ERROR, Verdict.ERROR)),
        (StagedImage(printed=(127, "no python3")), (Verdict.ERROR, Verdict.ERROR)),
        (_Transformers(problem=SLOW), (Verdict.ERROR, Verdict.ERROR)),
    ],
)
def test_transformers(image, verdicts):
    claims = ("trtllm-llama31-transformers", "trtllm-llama31-transformers-too-old")
    for claim, verdict in zip(claims, verdicts, strict=True):
        assert verdict_of(claim, image=image, evidence=Evidence())[0] is verdict


#: Those that tests of their own show the states of.
ALSO = {"trtllm-limited", "trtllm-llama31-transformers", "trtllm-llama31-transformers-too-old"}


def test_without_switches_agents_programs_and_models_nothing_is_known(monkeypatch):
    case = {"server": Server(switches=""), "evidence": Evidence()}
    assert verdict_of("dcgm-shutdown-crash", **case)[0] is Verdict.BLOCKED
    names = check_of("dcgm-agent-metrics").__globals__
    monkeypatch.setattr(names["psutil"], "process_iter", lambda _names: [])
    assert verdict_of("dcgm-agent-metrics", **case)[0] is Verdict.BLOCKED
    monkeypatch.delenv("TRITON_CLAIMS_JAVA_PROGRAM")
    assert verdict_of("java-api-crash", **case)[0] is Verdict.BLOCKED


def test_metrics_are_not_missing_before_they_were_asked_for_once(monkeypatch):
    check = check_of("mig-gpu-metrics")
    monkeypatch.setitem(check.__globals__, "SETTLED_WITHIN", 60.0)
    told = chain([OTHERS, OTHERS + GPU_METRICS.replace("85899345920", "0")], repeat(None))
    server = Server()
    server.process.get = lambda _path, of: (  # noqa: ARG005 - as it is asked
        200,
        (next(told) or OTHERS + GPU_METRICS).encode(),
    )
    verdict, words = verdict_of("mig-gpu-metrics", server=server, evidence=Evidence())
    assert verdict is Verdict.REFUTED, words


@pytest.mark.parametrize(
    ("listed", "there"),
    [("0000:05:00.0\n", True), ("/dev/nvidia-nvswitch0\n", True), ("\n", False)],
)
def test_switches_are_those_that_the_driver_lists(listed, there):
    names = check_of("dcgm-shutdown-crash").__globals__
    if there:
        names["must_have_switches"](Server(switches=listed))
    else:
        with pytest.raises(Blocked):
            names["must_have_switches"](Server(switches=listed))


def test_metrics_of_which_some_are_missing_are_not_usable():
    names = check_of("mig-gpu-metrics").__globals__
    assert names["are_usable"](GPU_METRICS)
    assert not names["are_usable"](GPU_METRICS.replace("512753664.000000", "0"))
    assert not names["are_usable"](GPU_METRICS.replace("nv_gpu_utilization{", "other{"))
