from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest
import requests
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

from staged.staging import Knobs, stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROTOCOLS = ("http", "grpc")
PATIENCE = 30  # seconds; far more than anything here takes
NO_ANSWER = 0.5  # seconds; how long a test waits for an answer that never comes
LETTER = "é"  # two bytes

_CONFIG = """\
backend: "python"
max_batch_size: 0
input [{{ name: "IN" data_type: TYPE_INT32 dims: [1] }}]
output [{{ name: "REPORT" data_type: TYPE_UINT8 dims: [-1] }}]
{batching}
"""
_CORRID = '{{ name: "CORRID" control [{{ kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_{} }}] }}'
_FLAGS = """\
{ name: "START" control { kind: CONTROL_SEQUENCE_START int32_false_true: [0, 1] } },
{ name: "END" control { kind: CONTROL_SEQUENCE_END int32_false_true: [0, 1] } }"""


def _batching(datatype: str, strategy: str = "") -> str:
    return f"sequence_batching {{ {strategy} control_input [{_CORRID.format(datatype)}] }}"


_MODELS = {
    "string": _batching("STRING"),
    "string_oldest": _batching("STRING", "oldest { max_candidate_sequences: 4 }"),
    "uint64": _batching("UINT64"),
    "int32": _batching("INT32"),
    "flags": f"sequence_batching {{ control_input [{_FLAGS}] }}",
    "plain": "",
}
_WITHOUT_CONTROL = ("flags", "plain")


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """The models; a # comment shows that the configurations are really parsed."""
    folder: Path = tmp_path_factory.mktemp("models")
    for name, batching in _MODELS.items():
        (folder / name / "1").mkdir(parents=True)
        config = "# a model\n" + _CONFIG.format(batching=batching)
        (folder / name / "config.pbtxt").write_text(config)
    return folder


@dataclass
class Server:
    """A staged server that was started."""

    process: subprocess.Popen[bytes]
    log: Path
    http_port: int
    grpc_port: int

    def get(self, path: str, asked: str | None = None) -> tuple[int, str]:
        """GET, or POST where there is something to post."""
        answer = requests.request(
            "GET" if asked is None else "POST",
            f"http://127.0.0.1:{self.http_port}{path}",
            data=asked,
            timeout=PATIENCE,
        )
        return answer.status_code, answer.text

    def lives_until(self, done: Callable[[], bool]) -> bool:
        """Polls until ``done``, or until the server has died; says whether it lives."""
        for _ in range(PATIENCE * 100):
            if done():
                return True
            try:
                self.process.wait(0.01)
            except subprocess.TimeoutExpired:
                continue
            return False
        raise TimeoutError(self.log.read_text())

    def is_ready(self) -> bool:
        try:
            return self.get("/v2/health/ready")[0] == 200
        except OSError:
            return False

    def is_listening(self) -> bool:
        return "Started HTTPService" in self.log.read_text()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(PATIENCE)

    @cached_property
    def clients(self) -> dict[str, Any]:
        return {
            "http": tritonclient.http.InferenceServerClient(f"127.0.0.1:{self.http_port}"),
            "grpc": tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{self.grpc_port}"),
        }

    def close(self) -> None:
        if "clients" in self.__dict__:
            for client in self.clients.values():
                client.close()
        self.process.kill()
        self.process.wait(PATIENCE)

    def infer(self, protocol: str, model: str, correlation: str | int, **more: Any) -> Any:
        """The model's report, or the status and the text of the error."""
        module = {"http": tritonclient.http, "grpc": tritonclient.grpc}[protocol]
        flags = {"sequence_start": True, "sequence_end": True, **more}
        try:
            answer = self.clients[protocol].infer(
                model, _inputs(module), sequence_id=correlation, **flags
            )
        except InferenceServerException as error:
            return error.status(), error.message()
        return json.loads(bytes(answer.as_numpy("REPORT")))

    def outcome(self, protocol: str, model: str, correlation: str | int) -> str:
        """One word for what became of a correlation id."""
        answer = self.infer(protocol, model, correlation)
        if isinstance(answer, tuple):
            return f"refused {answer[0].removeprefix('StatusCode.')}"
        if answer["request"]["value"] != correlation:
            return "wrong value"
        if answer["control"] is None:
            return "right" if model in _WITHOUT_CONTROL else "no control"
        if answer["control"]["values"] != [correlation]:
            return "wrong control"
        return "right"


def _inputs(module: Any) -> list[Any]:
    tensor = module.InferInput("IN", [1], "INT32")
    tensor.set_data_from_numpy(np.array([1], dtype=np.int32))
    return [tensor]


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in sockets]


def _start(installation: Path, repository: Path, *arguments: str) -> Server:
    http_port, grpc_port = _free_ports(2)
    log = installation / "log"
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            [
                installation / "bin" / "tritonserver",
                f"--model-repository={repository}",
                f"--backend-directory={installation / 'backends'}",
                "--id=me",
                "--http-address=127.0.0.1",
                f"--http-port={http_port}",
                "--grpc-address=127.0.0.1",
                f"--grpc-port={grpc_port}",
                "--allow-metrics=false",
                "--disable-auto-complete-config",
                "--an-option-of-tomorrow=1",
                *arguments,
            ],
            env={},
            stderr=stderr,
        )
    return Server(process, log, http_port, grpc_port)


@pytest.fixture(scope="module")
def staged(tmp_path_factory, repository) -> Iterator[Callable[..., Server]]:
    """Starts staged servers, one for each set of knobs; for tests that do no harm."""
    servers: dict[Knobs, Server] = {}

    def server(**knobs: Any) -> Server:
        key = Knobs(**knobs)
        if key not in servers:
            servers[key] = _start(stage(tmp_path_factory.mktemp("server"), **knobs), repository)
            assert servers[key].lives_until(servers[key].is_ready)
        return servers[key]

    yield server
    for started in servers.values():
        started.close()


@pytest.fixture
def start(tmp_path, repository) -> Iterator[Callable[..., Server]]:
    """Starts staged servers that belong to one test, and waits for nothing."""
    servers = []

    def server(*arguments: str, **knobs: Any) -> Server:
        folder = tmp_path / str(len(servers))
        servers.append(_start(stage(folder, **knobs), repository, *arguments))
        return servers[-1]

    yield server
    for started in servers:
        started.close()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("text", ["a", "x" * 124, "x" * 127, "x" * 128, LETTER * 64])
@pytest.mark.parametrize("model", ["string", "string_oldest"])
def test_with_the_fix_strings_reach_a_string_control(staged, protocol, text, model):
    report = staged().infer(protocol, model, text)
    assert report == {
        "request": {"type": "str", "value": text},
        "control": {"datatype": "BYTES", "values": [text]},
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_with_the_fix_numbers_reach_an_integer_control(staged, protocol):
    report = staged().infer(protocol, "uint64", 2**40)
    assert report["request"] == {"type": "int", "value": 2**40}
    assert report["control"] == {"datatype": "UINT64", "values": [2**40]}


@pytest.mark.parametrize(
    ("protocol", "status"), [("http", "400"), ("grpc", "StatusCode.INVALID_ARGUMENT")]
)
@pytest.mark.parametrize(
    ("model", "correlation", "datatypes"),
    [("string", 42, ("UINT64", "BYTES")), ("uint64", "a", ("BYTES", "UINT64"))],
)
def test_with_the_fix_mismatches_are_refused(
    *, staged, protocol, status, model, correlation, datatypes
):
    sent, expected = datatypes
    message = (
        f"[request id: <id_unknown>] sequence batching control 'CORRID' data-type is '{sent}', "
        f"but model '{model}' expects '{expected}'"
    )
    assert staged().infer(protocol, model, correlation) == (status, message)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_refusal_names_the_request(staged, protocol):
    _, message = staged().infer(protocol, "string", 42, request_id="r1")
    assert message.startswith("[request id: r1] ")


@pytest.mark.parametrize(
    ("protocol", "status"), [("http", "501"), ("grpc", "StatusCode.UNIMPLEMENTED")]
)
@pytest.mark.parametrize("text", ["x" * 129, LETTER * 65])
def test_more_than_128_bytes_are_refused(staged, protocol, status, text):
    assert staged().infer(protocol, "string", text) == (
        status,
        "string correlation ID cannot be longer than 128 characters",
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("correlation", ["a", 42])
@pytest.mark.parametrize("model", ["plain", "flags"])
def test_without_a_control_every_id_is_taken(staged, protocol, correlation, model):
    report = staged().infer(protocol, model, correlation)
    assert report["request"]["value"] == correlation
    assert report["control"] is None


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_sequences_have_a_start_and_an_end(staged, protocol):
    server, own = staged(), f"sequence-{protocol}"
    first = server.infer(protocol, "flags", own, sequence_end=False)
    second = server.infer(protocol, "flags", own, sequence_start=False)
    assert first == second == {"request": {"type": "str", "value": own}, "control": None}
    _, message = server.infer(protocol, "flags", own, sequence_start=False)
    assert "must specify the START flag" in message
    _, message = server.infer(protocol, "flags", 0)
    assert "must specify a non-zero or non-empty correlation ID" in message


@pytest.mark.parametrize(
    ("protocol", "status"), [("http", "404"), ("grpc", "StatusCode.NOT_FOUND")]
)
def test_unknown_models_are_not_found(staged, protocol, status):
    assert staged().infer(protocol, "nobody", 1)[0] == status


def test_streams_answer_errors_and_go_on(staged):
    client = staged().clients["grpc"]
    answers: queue.Queue[Any] = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for correlation in (42, "a"):
        client.async_stream_infer(
            "string",
            _inputs(tritonclient.grpc),
            sequence_id=correlation,
            sequence_start=True,
            sequence_end=True,
        )
    _, error = answers.get(timeout=PATIENCE)
    result, _ = answers.get(timeout=PATIENCE)
    client.stop_stream()
    assert "expects 'BYTES'" in error.message()
    assert b'"value": "a"' in bytes(result.as_numpy("REPORT"))


def test_tensors_may_travel_as_json(staged):
    asked = {
        "id": "7",
        "inputs": [{"name": "IN", "shape": [1], "datatype": "INT32", "data": [1]}],
        "parameters": {"sequence_id": "a", "sequence_start": True, "sequence_end": True},
    }
    status, text = staged().get("/v2/models/string/infer", json.dumps(asked))
    answer = json.loads(text)
    report = json.loads(bytes(answer["outputs"][0]["data"]))
    assert status == 200
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("7", "string", "1")
    assert report["request"]["value"] == "a"


@pytest.mark.parametrize(
    ("tensor", "status", "message"),
    [
        ({"name": "OTHER"}, 400, "unexpected inference input 'OTHER' for model 'plain'"),
        ({"datatype": "INT64"}, 400, "data-type is 'INT64', but model 'plain' expects 'INT32'"),
        ({"shape": [2]}, 500, "Shape does not match"),
        ({"data": ["a"]}, 500, "failed to parse the request"),
    ],
)
def test_wrong_tensors_are_refused(staged, tensor, status, message):
    given = {"name": "IN", "shape": [1], "datatype": "INT32", "data": [1], **tensor}
    answered = staged().get("/v2/models/plain/infer", json.dumps({"inputs": [given]}))
    assert answered[0] == status
    assert message in json.loads(answered[1])["error"]


def test_it_tells_about_itself_and_its_models(staged):
    server = staged()
    http, grpc = server.clients["http"], server.clients["grpc"]
    assert http.is_server_live()
    assert grpc.is_server_live()
    assert grpc.is_server_ready()
    assert http.get_server_metadata()["name"] == grpc.get_server_metadata().name == "me"
    for client in (http, grpc):
        assert client.is_model_ready("string")
        assert not client.is_model_ready("nobody")
    assert http.get_model_metadata("string")["outputs"] == [
        {"name": "REPORT", "datatype": "UINT8", "shape": [-1]}
    ]
    assert grpc.get_model_metadata("string").outputs[0].datatype == "UINT8"
    assert http.get_model_config("string")["input"][0]["dims"] == [1]
    assert grpc.get_model_config("string").config.backend == "python"
    listed = {model["name"] for model in http.get_model_repository_index()}
    assert listed == set(_MODELS)
    assert server.get("/v2/nowhere")[0] == 404


def test_versions_can_disagree(staged):
    server = staged(http_version="1.0.0", grpc_version="2.0.0", log_version="3.0.0")
    assert server.clients["http"].get_server_metadata()["version"] == "1.0.0"
    assert server.clients["grpc"].get_server_metadata().version == "2.0.0"
    rows = [line.split() for line in server.log.read_text().splitlines()]
    assert ["|", "server_version", "|", "3.0.0", "|"] in rows
    assert ["|", "server_id", "|", "me", "|"] in rows


def test_it_can_be_somebody_else(staged):
    server = staged(server_name="stranger")
    assert server.clients["http"].get_server_metadata()["name"] == "stranger"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_without_the_fix_as_on_2_51(start, protocol):
    server = start(correlation="broken-2.51")
    assert server.lives_until(server.is_ready)
    status, message = server.infer(protocol, "string", "abc-1")
    assert status in ("400", "StatusCode.INVALID_ARGUMENT")
    assert message.startswith("unexpected number of string elements 2")
    assert server.infer(protocol, "string", 42) == (status, message)
    garbage = server.infer(protocol, "uint64", "abc-1")
    assert garbage["request"] == {"type": "str", "value": "abc-1"}
    assert garbage["control"] == {"datatype": "UINT64", "values": [3270565923152461829]}
    assert server.infer(protocol, "int32", "abc-1")["control"]["values"] == [5]
    assert server.outcome(protocol, "string", "x" * 128) == "right"
    for length in (125, 128):  # the first one kills the model, the next one finds it dead
        _, message = server.infer(protocol, "string", "x" * length)
        assert message == "Stub process 'string_0_0' is not healthy."
    assert server.outcome(protocol, "uint64", 42) == "right"


def test_without_the_fix_a_long_string_aborts_the_server(start):
    server = start(correlation="broken-2.51")
    assert server.lives_until(server.is_ready)
    assert server.infer("grpc", "uint64", "x" * 128)[0] == "StatusCode.UNAVAILABLE"
    assert server.process.wait(PATIENCE) == -signal.SIGABRT


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_without_the_fix_as_on_2_44(staged, protocol):
    server = staged(correlation="old-2.44")
    for model in ("string", "uint64"):
        _, message = server.infer(protocol, model, "a")
        assert message == "correlation ID in request is not an unsigned int"
    assert server.infer(protocol, "string", 42)[0] in ("500", "StatusCode.INTERNAL")
    assert server.outcome(protocol, "uint64", 42) == "right"


@pytest.mark.parametrize("correlation", ["a", 1])
def test_it_can_never_answer(staged, correlation):
    server = staged(correlation="hang")
    status, _ = server.infer("grpc", "string", correlation, client_timeout=NO_ANSWER)
    assert status == "StatusCode.DEADLINE_EXCEEDED"
    assert server.outcome("http", "uint64", 42) == "right"
    assert server.outcome("http", "uint64", "a") == "wrong control"


def test_what_is_never_answered_delays_the_stop(start):
    server = start("--exit-timeout-secs=1", correlation="hang")
    assert server.lives_until(server.is_ready)
    server.infer("grpc", "string", "a", client_timeout=NO_ANSWER)
    assert server.stop() == 1
    assert "Exit timeout expired" in server.log.read_text()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("knobs", "model", "correlation", "outcome"),
    [
        ({"wrong_value": "truncated"}, "string", "ab", "wrong value"),
        ({"wrong_value": "changed", "wrong_lengths": (4,)}, "string", "ab" + LETTER, "wrong value"),
        ({"wrong_value": "changed", "wrong_lengths": (4,)}, "string", "ab", "right"),
        ({"wrong_value": "changed", "wrong_lengths": (4,)}, "uint64", 42, "right"),
        ({"wrong_value": "mojibake"}, "string", LETTER, "wrong value"),
        ({"wrong_value": "mojibake"}, "string", "e", "right"),
        ({"wrong_value": "number"}, "string", "ab", "wrong value"),
        ({"wrong_value": "changed", "wrong_at": "middle"}, "string", "ab", "right"),
        ({"wrong_control": "changed"}, "string", "ab", "wrong control"),
        ({"wrong_control": "changed"}, "uint64", 42, "wrong control"),
        ({"wrong_control": "changed", "wrong_lengths": (2,)}, "string", "ab", "wrong control"),
        ({"wrong_control": "changed", "wrong_lengths": (2,)}, "string", "abc", "right"),
        ({"wrong_control": "changed", "wrong_lengths": (2,)}, "uint64", 42, "right"),
        ({"wrong_control": "twice"}, "string", "ab", "wrong control"),
        ({"wrong_control": "missing"}, "string", "ab", "no control"),
        ({"useless_after_refusal": True}, "string", "ab", "right"),
        ({"refuses_lengths": (2,)}, "string", "ab", "refused"),
        ({"refuses_lengths": (2,)}, "string", "abc", "right"),
        ({"refuses_utf8": True}, "string", LETTER, "refused"),
        ({"refuses_utf8": True}, "string", "e", "right"),
        ({"refuses_numbers": True}, "uint64", 42, "refused"),
        ({"refuses_numbers": True}, "string", "a", "right"),
        ({"only_strategy": "oldest"}, "string", "a", "refused"),
        ({"only_strategy": "oldest"}, "string_oldest", "a", "right"),
        ({"accepts_datatypes": ("INT32",)}, "int32", "a", "wrong control"),
        ({"accepts_datatypes": ("INT32",)}, "uint64", "a", "refused"),
        ({"accepts_datatypes": ("BYTES",)}, "string", 42, "wrong control"),
    ],
)
def test_each_fault_is_seen_by_a_client(*, staged, protocol, knobs, model, correlation, outcome):
    assert staged(**knobs).outcome(protocol, model, correlation).startswith(outcome)


def test_the_fix_can_be_there_for_one_protocol_only(staged):
    server = staged(only_protocol="grpc")
    assert server.outcome("grpc", "string", "a") == "right"
    assert server.outcome("http", "string", "a") == "refused 400"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("knob", "missing"),
    [
        ("message_without_model", "'string'"),
        ("message_without_sent_datatype", "'UINT64'"),
        ("message_without_expected_datatype", "'BYTES'"),
    ],
)
def test_the_refusal_can_lack_a_name(staged, protocol, knob, missing):
    _, message = staged(**{knob: True}).infer(protocol, "string", 42)
    assert missing not in message
    assert message.count("'") == 6  # the other two and the control are still named


@pytest.mark.parametrize(("protocol", "status"), [("http", "500"), ("grpc", "INTERNAL")])
def test_the_refusal_can_have_the_wrong_status(staged, protocol, status):
    assert staged(wrong_status=True).outcome(protocol, "string", 42) == f"refused {status}"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_refusal_can_make_it_unready(start, protocol):
    server = start(unhealthy_after_refusal=True)
    assert server.lives_until(server.is_ready)
    server.infer(protocol, "string", 42)
    assert server.get("/v2/health/ready")[0] == 400
    assert server.get("/v2/health/live")[0] == 200
    assert not server.clients["grpc"].is_server_ready()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_refusal_can_be_the_end_of_a_model(start, protocol):
    server = start(useless_after_refusal=True)
    assert server.lives_until(server.is_ready)
    assert server.outcome(protocol, "string", 42) in ("refused 400", "refused INVALID_ARGUMENT")
    assert server.outcome(protocol, "string", "a") in ("refused 500", "refused INTERNAL")
    assert server.outcome(protocol, "string_oldest", "a") == "right"
    assert server.is_ready()


@pytest.mark.parametrize(
    ("place", "flags"),
    [("start", (True, False)), ("middle", (False, False)), ("end", (False, True))],
)
def test_one_request_of_a_sequence_can_go_wrong(staged, place, flags):
    server, own = staged(wrong_value="changed", wrong_at=place), f"sequence-{place}"
    values = {
        flagged: server.infer(
            "grpc", "string", own, sequence_start=flagged[0], sequence_end=flagged[1]
        )["request"]["value"]
        for flagged in ((True, False), (False, False), (False, True))
    }
    assert [flagged for flagged, value in values.items() if value != own] == [flags]


@pytest.mark.parametrize(
    ("knobs", "code"),
    [({"exit_code": 3}, 3), ({"signal": int(signal.SIGSEGV)}, -signal.SIGSEGV)],
)
def test_it_can_die_before_it_listens(start, knobs, code):
    server = start(dies_on="start", **knobs)
    assert not server.lives_until(server.is_ready)
    assert server.process.returncode == code
    assert "failed to load all models" in server.log.read_text()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_can_die_once_it_was_ready(start, protocol):
    server = start(dies_on="after-ready")
    if protocol == "http":
        assert server.lives_until(server.is_ready)
    else:
        assert server.lives_until(server.is_listening)
        assert server.clients["grpc"].is_server_ready()
    assert server.process.wait(PATIENCE) == 1


@pytest.mark.parametrize(
    ("dies_on", "harmless", "deadly"),
    [
        ("string-to-integer", ("uint64", 42), ("uint64", "a")),
        ("integer-to-string", ("string", "a"), ("string", 42)),
        ("string-to-none", ("plain", 42), ("plain", "a")),
    ],
)
def test_an_id_can_be_deadly(start, dies_on, harmless, deadly):
    server = start(dies_on=dies_on, signal=int(signal.SIGKILL))
    assert server.lives_until(server.is_ready)
    assert server.outcome("grpc", *harmless) == "right"
    assert server.outcome("grpc", *deadly) == "refused UNAVAILABLE"
    assert server.process.wait(PATIENCE) == -signal.SIGKILL


def test_every_inference_can_be_deadly(start):
    server = start(dies_on="any-infer", exit_code=7)
    assert server.lives_until(server.is_ready)
    assert server.outcome("grpc", "plain", 1) == "refused UNAVAILABLE"
    assert server.process.wait(PATIENCE) == 7


def test_it_stops_when_told_to(start):
    server = start()
    assert server.lives_until(server.is_ready)
    assert server.stop() == 0


def test_it_can_die_of_being_told_to_stop(start):
    server = start(dies_on="stop", exit_code=9)
    assert server.lives_until(server.is_ready)
    assert server.stop() == 9


def test_it_can_ignore_being_told_to_stop(start):
    server = start(ignores_sigterm=True)
    assert server.lives_until(server.is_ready)
    server.process.terminate()
    assert server.lives_until(lambda: "Signal (15) received." in server.log.read_text())
    assert server.is_ready()


def test_it_can_take_its_time_to_start(start):
    server = start(slow_start=3600)
    assert server.lives_until(lambda: "server_version" in server.log.read_text())
    assert not server.is_ready()
    assert server.stop() == 0
    assert not server.is_listening()


def test_it_can_never_be_ready(start):
    server = start(never_ready=True)
    assert server.lives_until(server.is_listening)
    assert server.get("/v2/health/live")[0] == 200
    assert server.get("/v2/health/ready")[0] == 400
    assert not server.clients["grpc"].is_server_ready()


def test_it_can_take_its_time_to_answer(staged):
    server = staged(slow_answer=3600)
    answer = server.infer("grpc", "plain", 1, client_timeout=NO_ANSWER)
    assert answer[0] == "StatusCode.DEADLINE_EXCEEDED"


def test_it_can_leave_something_behind(start):
    prefix = f"staged_{os.getpid()}_"
    left = Path("/dev/shm") / f"{prefix}stale"  # noqa: S108 - where the Python backend keeps it
    server = start(f"--backend-config=python,shm-region-prefix-name={prefix}", leaves_child=True)
    assert server.lives_until(server.is_ready)
    (child,) = psutil.Process(server.process.pid).children()
    try:
        assert server.stop() == 0
        assert child.is_running()
        assert left.exists()
        log = server.log.read_text()
        assert f"left the process {child.pid}" in log
        assert f"left the file {left}" in log
    finally:
        child.kill()
        left.unlink()


def test_its_port_can_be_in_use_once(start, repository):
    first = start(port_in_use_once=True)
    assert not first.lives_until(first.is_ready)
    assert first.process.returncode == 1
    place = f"127.0.0.1:{first.grpc_port}"
    text = f"failed to start GRPC service: Unavailable - Socket '{place}' already in use "
    assert text in first.log.read_text()
    second = _start(first.log.parent, repository)
    try:
        assert second.lives_until(second.is_ready)
    finally:
        second.close()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_two_servers_never_share_a_port(staged, start, protocol):
    running = staged()
    port = getattr(running, f"{protocol}_port")
    second = start(f"--{protocol}-port={port}")
    assert second.process.wait(PATIENCE) == 1
    assert f"{protocol.upper()} service: Unavailable - Socket" in second.log.read_text()
    assert running.is_ready()


def test_a_bad_configuration_fails_the_start(tmp_path):
    model = tmp_path / "models" / "bad"
    model.mkdir(parents=True)
    (model / "config.pbtxt").write_text("no_such_field: 1")
    server = _start(stage(tmp_path / "server"), model.parent)
    try:
        assert server.process.wait(PATIENCE) == 1
    finally:
        server.close()
    assert "failed to load all models" in server.log.read_text()


def test_models_can_be_chosen(start):
    server = start("--model-control-mode=explicit", "--load-model=plain", "--load-model=string")
    assert server.lives_until(server.is_ready)
    _, index = server.get("/v2/repository/index", "")
    assert {model["name"] for model in json.loads(index)} == {"plain", "string"}


def test_help_lists_the_options(tmp_path):
    program = stage(tmp_path) / "bin" / "tritonserver"
    told = subprocess.run([program, "--help"], env={}, capture_output=True, text=True, check=True)
    assert {"--http-port", "--metrics-port", "--metrics-address"} <= set(told.stdout.split())


def test_knobs_survive_json():
    knobs = Knobs(refuses_lengths=(1, 2), signal=6, only_protocol="http")
    assert Knobs.from_json(knobs.to_json()) == knobs
    assert replace(knobs, signal=None) != knobs


@pytest.mark.parametrize(
    "knobs",
    [
        {"correlation": "fixd"},
        {"dies_on": "string-to-float"},
        {"wrong_value": "other"},
        {"wrong_control": True},
        {"wrong_at": "last"},
    ],
)
def test_knobs_that_mean_nothing_are_refused(tmp_path, knobs):
    with pytest.raises(ValueError, match="expected one of"):
        stage(tmp_path, **knobs)
