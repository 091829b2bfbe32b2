"""Where an engine runs, told from real processes and sockets of ours, and from staged NVML."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers import vllm_engine
from triton_claims.servers.vllm_engine import EngineSeen, look_at_engine, sample_sums, socket_paths

MODEL = "tiny-1"
#: Listens on sockets of the names it is given, in its working folder, and tells when it does.
CHILD = """
import socket, sys  # as if by multiprocessing.spawn
sockets = []
for name in sys.argv[1:]:
    sockets.append(socket.socket(socket.AF_UNIX))
    sockets[-1].bind(name)
    sockets[-1].listen()
print("there", flush=True)
sys.stdin.read()
"""
#: Starts that, as a stub does, and ends with it.
STUB = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", *sys.argv[2:]], stdin=subprocess.PIPE)
sys.stdin.read()
child.communicate()
"""
NAMES = ["0c_input_socket", "0c_output_socket", "0c_health_socket"]


class NvmlError(Exception):
    pass


def nvml(memory, *, driver=True):
    """NVML's library, with one GPU and some bytes by process."""

    def init():
        if not driver:
            raise NvmlError

    processes = [SimpleNamespace(pid=pid, usedGpuMemory=size) for pid, size in memory.items()]
    return SimpleNamespace(
        NVMLError=NvmlError,
        nvmlInit=init,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetComputeRunningProcesses=lambda _handle: processes,
    )


@pytest.fixture
def serve(tmp_path):
    """Gives a server's process with a stub below it, and a process below that one with sockets."""
    stub = tmp_path / "triton_python_backend_stub"
    stub.symlink_to(sys.executable)
    started = []

    def serve(*names):
        process = subprocess.Popen(
            [str(stub), "-c", STUB, f"/models/{MODEL}/1/model.py", CHILD, *names],
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONHOME": sys.base_prefix},
        )
        started.append(process)
        assert process.stdout.readline() == b"there\n"
        return SimpleNamespace(pid=os.getpid(), name="a-server")

    yield serve
    for each in started:
        each.communicate(b"")


def test_an_engine_with_its_sockets_is_found_below_the_stub(serve):
    server = serve(*NAMES)
    seen = look_at_engine(server, MODEL, nvml({}, driver=False))
    (child,) = seen.spawned
    assert psutil.Process(child).ppid() == seen.stub
    assert seen.over_zmq == child
    assert set(seen.sockets[child]) == set(NAMES)
    assert (seen.in_stub, seen.on_gpu, seen.gpu_memory) == (False, None, {})
    assert "0c_health_socket" in seen.describe()


def test_a_part_of_the_sockets_is_no_engine(serve):
    seen = look_at_engine(serve(*NAMES[:2]), MODEL, nvml({}))
    assert seen.over_zmq is None
    assert not seen.in_stub


def test_memory_of_others_is_not_told_of(serve):
    server = serve(*NAMES)
    child = look_at_engine(server, MODEL, nvml({})).spawned[0]
    memory = {child: 5 << 30, os.getppid(): 9 << 30}
    seen = look_at_engine(server, MODEL, nvml(memory))
    assert seen.gpu_memory == {child: 5 << 30}
    assert seen.on_gpu == child


def test_where_no_stub_runs_the_model_nothing_is_known(serve):
    server = serve(*NAMES)
    with pytest.raises(BrokenError, match="no process below the server a-server runs"):
        look_at_engine(server, "another", nvml({}))


def test_a_stub_alone_runs_the_engine_itself():
    seen = EngineSeen(7, (), {}, {7: 1})
    assert (seen.in_stub, seen.over_zmq, seen.on_gpu) == (True, None, 7)


def test_sockets_are_named_by_the_inodes_that_a_process_has():
    table = (
        "Num       RefCount Protocol Flags    Type St Inode Path\n"
        "00000000abcdef01: 00000002 00000000 00010000 0001 01 4711 /tmp/a b_input_socket\n"
        "00000000abcdef02: 00000003 00000000 00000000 0001 03 4712 /tmp/another\n"
        "00000000abcdef03: 00000003 00000000 00000000 0001 03 4713\n"
        "broken\n"
    )
    assert socket_paths(table, ["4711", "4713"]) == ("/tmp/a b_input_socket",)  # noqa: S108
    assert socket_paths(table, []) == ()


def test_samples_are_summed_up_by_name():
    page = (
        "# HELP vllm:generation_tokens_total Number of generation tokens processed.\n"
        "# TYPE vllm:generation_tokens_total counter\n"
        'vllm:generation_tokens_total{model="a",version="1"} 16\n'
        'vllm:generation_tokens_total{model="b",version="1"} 2.5\n'
        'vllm:e2e_request_latency_seconds_sum{model="a"} 1e-05\n'
        'nv_inference_count{model="a"} 3\n'
    )
    assert sample_sums(page) == {
        "vllm:generation_tokens_total": 18.5,
        "vllm:e2e_request_latency_seconds_sum": 1e-05,
    }
    assert sample_sums("") == {}


def test_this_process_shares_its_processes_with_a_server_of_ours():
    server = SimpleNamespace(pid=os.getpid(), name="a-server")
    assert not vllm_engine.has_own_processes(server)
    assert vllm_engine.shared_memory_size(server) > 0
