"""How the checks of Windows servers decide, on servers that are staged.

The refusals are those of the sources: src/shared_memory_manager.cc of the server, and
src/pb_tensor.cc and src/stub_launcher.cc of the Python backend, all of r25.01.
"""

from __future__ import annotations

import importlib.util
from types import SimpleNamespace
from zipfile import ZipFile

import pytest

from fixtures.evidence import Evidence
from staged.five_states import ROOT, STATES, staged, verdict_of
from staged.remote import DIED, RefusalError, SilenceError, StagedRemote, report
from triton_claims.errors import BrokenError
from triton_claims.servers.perf_analyzer_program import PROGRAM
from triton_claims.verdicts.verdict import Verdict


def suite():
    """The suite's conftest, as a module."""
    path = ROOT / "suites" / "windows" / "conftest.py"
    specification = importlib.util.spec_from_file_location("staged_windows_conftest", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


SUITE = suite()
NO_MEMORY = "Shared memory feature is currently not supported on Windows"
NO_ENVIRONMENT = (
    "load failed for model 'triton_claims_probe': version 1 is at UNAVAILABLE state: Unsupported: "
    "Custom execution environments are not currently supported on Windows.;"
)
NO_GPU = (
    "DLPack capsule passed pointer to memory allocated on GPU device, when GPU is not available"
)
NO_BACKEND = "unable to find backend library for backend 'python', try specifying runtime"
COUNTED = 'nv_inference_request_success{model="triton_claims_probe",version="1"} 1\n'


def memory(problem_of):
    return {"server": StagedRemote(register=problem_of), "evidence": Evidence()}


def unsupported(protocol):
    return RefusalError("UNIMPLEMENTED" if protocol == "grpc" else "501", NO_MEMORY)


def unregistered(protocol):
    words = "Unable to open shared memory region: '/triton_claims_region'"
    return RefusalError("INTERNAL" if protocol == "grpc" else "500", words)


def probed(**behaviour):
    return {"prober": SUITE.Prober(StagedRemote(**behaviour)), "evidence": Evidence()}


def told(**words):
    return {"infer": report(**words)}


def metrics(**behaviour):
    server = StagedRemote(**{"infer": {}, **behaviour})
    return {"server": server, "prober": SUITE.Prober(server), "evidence": Evidence()}


def control(**behaviour):
    server = StagedRemote(**behaviour)
    return {
        "server": server,
        "prober": SUITE.Prober(server),
        "other_model": lambda name: (SUITE.configuration(name), SUITE.files(SUITE.PLAIN)),
        "evidence": Evidence(),
    }


def with_environment(problem):
    def load(config):
        return problem if "EXECUTION_ENV_PATH" in config["parameters"] else None

    return probed(load=load, infer=report())


class StagedBuild:
    """The files of a build; None stands for one that cannot be read."""

    def __init__(self, **files):
        self._files = files

    def must_have(self, name):
        found = self._files.get(name.replace(".", "_"))
        if found is None:
            raise BrokenError(f"the check's control failed: the build holds no {name}")
        if isinstance(found, Exception):
            raise found
        return found


def build(**files):
    return {
        "server": StagedRemote(),
        "windows_build": StagedBuild(**files),
        "evidence": Evidence(),
    }


SERVER = b"failed to poll from model repository"
WITHOUT = b"".join(
    s + b":// file-system not supported. To enable, build with" for s in (b"gs", b"s3", b"as")
)
TENSORRT = b"TRITONBACKEND_ModelInstanceExecute"
SHARING = b"CUDA_CONTEXT_PTR cuCtxPushCurrent_v2 cuCtxPopCurrent_v2"
SLOW, GONE = BrokenError("not read within 60 s"), BrokenError("the disk is gone")


class StagedEngine:
    """Puts no load on anything: a median by protocol, or an exception; somewhat unsteady."""

    def __init__(self, http, grpc):
        self._seconds = {"http": http, "grpc": grpc}
        self._runs = 0

    def name_for(self, _load):
        return f"{PROGRAM} 2.54.0"

    def run(self, _server, protocol, _load):
        seconds = self._seconds[protocol]
        if isinstance(seconds, Exception):
            raise seconds
        self._runs += 1
        return SimpleNamespace(percentile=lambda _share: seconds * (1 + self._runs % 5 / 100))


def latency(http, grpc):
    return {
        "server": StagedRemote(),
        "load_engine": StagedEngine(http, grpc),
        "evidence": Evidence(),
    }


CASES = {
    "windows-no-system-shared-memory": {
        "holds": memory(unsupported),
        "does-not-hold": memory(unregistered),
        "no-data": memory(lambda _protocol: BrokenError("no connection, and the server runs")),
        "dies": memory(lambda _protocol: DIED),
        "timeout": memory(lambda _protocol: SilenceError()),
    },
    "windows-python-no-gpu-tensors": {
        "holds": probed(**told(words=NO_GPU)),
        "does-not-hold": probed(**told(words="Failed to get current CUDA device id.")),
        "no-data": probed(**told(words="something else")),
        "dies": probed(infer=DIED),
        "timeout": probed(infer=SilenceError()),
    },
    "windows-python-no-metrics": {
        "holds": metrics(metrics=COUNTED),
        "does-not-hold": metrics(metrics=COUNTED + "nv_cpu_utilization 0.5\n"),
        "no-data": metrics(metrics=""),
        "dies": metrics(infer=DIED),
        "timeout": metrics(metrics=TimeoutError("timed out")),
    },
    "windows-python-no-environments": {
        "holds": with_environment(RefusalError("400", NO_ENVIRONMENT)),
        "does-not-hold": with_environment(None),
        "no-data": probed(load=lambda _config: RefusalError("400", "no such thing")),
        "dies": with_environment(DIED),
        "timeout": with_environment(SilenceError()),
    },
    "windows-python-no-model-control": {
        "holds": control(**told(load="not supported", unload="not supported")),
        "does-not-hold": control(**told(load="done", unload="done")),
        "no-data": control(**told()),
        "dies": control(infer=DIED),
        "timeout": control(infer=SilenceError()),
    },
    "windows-grpc-latency": {
        "holds": latency(0.002, 0.001),
        "does-not-hold": latency(0.001, 0.002),
        "no-data": latency(BrokenError("a request was refused"), 0.001),
        "dies": latency(0.001, DIED),
        "timeout": latency(BrokenError("not answered in time"), 0.001),
    },
    "windows-partial": {
        "holds": build(tritonserver_dll=SERVER + WITHOUT, tritonserver_exe=b"MZ"),
        "does-not-hold": build(tritonserver_dll=SERVER, tritonserver_exe=b"OTEL_EXPORTER_OTLP"),
        "no-data": build(tritonserver_dll=b"MZ", tritonserver_exe=b"MZ"),
        "dies": build(tritonserver_dll=GONE),
        "timeout": build(tritonserver_dll=SLOW),
    },
    **{
        # What is in the files can refute these, and not confirm them: "holds" is blocked.
        claim: {
            "holds": build(triton_tensorrt_dll=TENSORRT + SHARING),
            "does-not-hold": build(triton_tensorrt_dll=TENSORRT),
            "no-data": build(triton_tensorrt_dll=b"MZ"),
            "dies": build(triton_tensorrt_dll=GONE),
            "timeout": build(triton_tensorrt_dll=SLOW),
        }
        for claim in ("windows-cuda-context-sharing", "windows-cuda-context-throughput")
    },
}
NEVER_CONFIRMED = {"windows-cuda-context-sharing", "windows-cuda-context-throughput"}


@staged(CASES)
def test_each_state_comes_to_its_verdict(claim, state, case):
    verdict, words = verdict_of(claim, **case)
    if state == "holds" and claim in NEVER_CONFIRMED:
        assert verdict is Verdict.BLOCKED, words
        assert "program that embeds the server" in words
    else:
        assert verdict is STATES[state], words
    servers = [case["server"]] if "server" in case else [case["prober"]._server]
    if state in {"holds", "does-not-hold"}:
        assert servers[0].loaded == [], "what was loaded is unloaded"


@pytest.mark.parametrize("claim", ["windows-python-no-gpu-tensors"])
def test_without_a_python_backend_it_is_blocked(claim):
    case = probed(load=lambda _config: RefusalError("400", NO_BACKEND))
    verdict, words = verdict_of(claim, **case)
    assert verdict is Verdict.BLOCKED
    assert "has no Python backend" in words


def test_a_call_that_is_not_made_rightly_is_no_refusal():
    case = control(**told(load="load_model(): incompatible function arguments", unload="no"))
    assert verdict_of("windows-python-no-model-control", **case)[0] is Verdict.ERROR


def test_one_of_both_protocols_refuses_for_another_reason():
    def register(protocol):
        return unsupported(protocol) if protocol == "grpc" else unregistered(protocol)

    assert verdict_of("windows-no-system-shared-memory", **memory(register))[0] is Verdict.REFUTED


@pytest.mark.parametrize("packed", [True, False])
def test_a_build_is_a_folder_or_an_archive(tmp_path, packed):
    if packed:
        path = tmp_path / "windows.zip"
        with ZipFile(path, "w") as archive:
            archive.writestr("tritonserver/bin/tritonserver.dll", b"text")
    else:
        path = tmp_path
        (path / "bin").mkdir()
        (path / "bin" / "tritonserver.dll").write_bytes(b"text")
    assert SUITE.Build(path).must_have("tritonserver.dll") == b"text"
    with pytest.raises(BrokenError, match=r"holds no triton_tensorrt\.dll"):
        SUITE.Build(path).must_have("triton_tensorrt.dll")


def test_what_is_no_archive_is_an_error(tmp_path):
    path = tmp_path / "windows.zip"
    path.write_bytes(b"no archive")
    with pytest.raises(BrokenError, match="cannot be read"):
        SUITE.Build(path).read("tritonserver.dll")


def test_of_a_server_that_cannot_be_started_anew_blocks_are_compared():
    case = latency(0.002, 0.001)
    assert verdict_of("windows-grpc-latency", **case)[0] is Verdict.CONFIRMED
    assert "pairs of blocks of requests to one server" in case["evidence"].pieces[0].text
