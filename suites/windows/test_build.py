"""What a Windows build was built with and without, told by the texts in its files."""

from __future__ import annotations

import pytest

from triton_claims.errors import Blocked, BrokenError

#: Texts that every build of the server library has, and every one of the TensorRT backend.
SERVER_TEXT, TENSORRT_TEXT = (
    b"failed to poll from model repository",
    b"TRITONBACKEND_ModelInstanceExecute",
)
#: What the server says where it was built without a kind of repository.
NO_REPOSITORIES = [
    scheme + b":// file-system not supported. To enable, build with"
    for scheme in (b"gs", b"s3", b"as")
]
#: The name of a GPU's metric, and a text of the library that sends traces to OpenTelemetry.
GPU_METRIC, TRACES = b"nv_gpu_utilization", b"OTEL_EXPORTER_OTLP"
#: The parameter that hands over a context, and the driver's calls that enter and leave it.
SHARING = (b"CUDA_CONTEXT_PTR", b"cuCtxPushCurrent", b"cuCtxPopCurrent")


@pytest.mark.claim("windows-partial")
@pytest.mark.needs(os="windows")
def test_the_build_lacks_what_linux_has(server, windows_build, evidence):
    """The Windows build is a beta: it lacks cloud repositories, GPU metrics and OpenTelemetry
    traces, which the Linux build has.
    """
    with evidence.step(f"look into the build of server {server.version}"):
        library = windows_build.must_have("tritonserver.dll")
        program = windows_build.must_have("tritonserver.exe")
    if SERVER_TEXT not in library:
        raise BrokenError("the check's control failed: tritonserver.dll holds no text of a server")
    has = {
        "cloud repositories": not all(text in library for text in NO_REPOSITORIES),
        "GPU metrics": GPU_METRIC in library,
        "OpenTelemetry traces": TRACES in library + program,
    }
    evidence.show("what it was built with", "\n".join(f"{k}: {v}" for k, v in has.items()))

    there = [name for name, is_there in has.items() if is_there]
    assert not there, f"the build has {', '.join(there)}"


@pytest.mark.claim("windows-cuda-context-sharing")
@pytest.mark.needs(os="windows")
def test_the_tensorrt_backend_takes_a_context(server, windows_build, evidence):
    """On Windows the TensorRT backend can run its models in a CUDA context that the embedding
    program hands over.
    """
    missing = missing_for_sharing(server, windows_build, evidence)
    assert not missing, f"triton_tensorrt.dll knows of no {', '.join(missing)}"
    raise Blocked(
        "the backend has what it takes to share a context, and whether its models run in it "
        "takes a program that embeds the server and hands one over",
        unblock="such a program, on Windows with a GPU: nothing of it is known here",
    )


@pytest.mark.claim("windows-cuda-context-throughput")
@pytest.mark.needs(os="windows")
def test_shared_contexts_serve_more(server, windows_build, evidence):
    """On Windows TensorRT models that share a CUDA context serve more requests a second side by
    side than with contexts of their own.
    """
    missing = missing_for_sharing(server, windows_build, evidence)
    assert not missing, f"none can be shared: triton_tensorrt.dll knows of no {', '.join(missing)}"
    raise Blocked(
        "contexts are handed over by a program that embeds the server, and there is none here to "
        "be measured",
        unblock="such a program, on Windows with a GPU",
    )


def missing_for_sharing(server, windows_build, evidence):
    """What the TensorRT backend lacks for sharing a context."""
    with evidence.step(f"look into the TensorRT backend of server {server.version}"):
        backend = windows_build.must_have("triton_tensorrt.dll")
    if TENSORRT_TEXT not in backend:
        raise BrokenError(
            "the check's control failed: triton_tensorrt.dll has no text of a backend"
        )
    missing = [text.decode() for text in SHARING if text not in backend]
    evidence.show("what it lacks for sharing a context", ", ".join(missing) or "nothing")
    return missing
