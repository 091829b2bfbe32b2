"""How the checks of an image's contents decide, on images that never were."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from types import SimpleNamespace

import pytest
from servers.test_gpu_code import entry, fat_binary, library

from fixtures.evidence import Evidence
from staged.five_states import ROOT, STATES, check_of, conftest_of, staged, verdict_of
from staged.image import StagedImage, dpkg_status
from triton_claims.errors import BrokenError
from triton_claims.notes.knowledge import load_knowledge
from triton_claims.servers.pip_command import PipFailure
from triton_claims.servers.running import ServerFailedToStartError
from triton_claims.verdicts.verdict import Verdict

CATALOGUE = load_knowledge(ROOT).catalogue
image_carries = conftest_of("packaging").image_carries

#: What the engine says when it is gone, and when it is slow.
GONE = BrokenError("the Docker engine is gone")
SLOW = BrokenError("sh in the image did not end within 120 s")

BACKENDS = "/opt/tritonserver/backends"
DALI = f"{BACKENDS}/dali/wheel/dali"
ORT = f"{BACKENDS}/onnxruntime"
UCX = "/usr/local/ucx/lib/pkgconfig/ucx.pc"
PIP = "/usr/local/lib/python3.12/dist-packages"


def environment(name):
    return lambda version: StagedImage(environment={name: version})


def file(path, content="{}"):
    return lambda version: StagedImage({path.format(version): content.format(version).encode()})


def distribution(name, folder=PIP):
    path = f"{folder}/{name}-{{}}.dist-info/METADATA"
    return lambda version: StagedImage({path.format(version): f"Version: {version}\n".encode()})


def package(name):
    return lambda version: StagedImage({"/var/lib/dpkg/status": dpkg_status(**{name: version})})


#: By claim: what makes an image of a version, the right version and another one.
VERSIONS = {
    "ubuntu-version": (file("/etc/os-release", 'VERSION_ID="{}"\n'), "24.04", "22.04"),
    "python-version": (package("python3"), "3.12.3-0ubuntu2", "3.10.6-1"),
    "cuda-version": (environment("CUDA_VERSION"), "12.8.0.038", "12.6.3.004"),
    "cublas-version": (package("libcublas_12_8"), "12.8.3.14-1", "12.6.4.1-1"),
    "cudnn-version": (package("libcudnn9_cuda_12"), "9.7.0.66-1", "9.6.0.74-1"),
    "nccl-version": (environment("NCCL_VERSION"), "2.25.1", "2.23.4"),
    "tensorrt-version": (environment("TRT_VERSION"), "10.8.0.43", "10.7.0.23"),
    "openucx-version": (
        file("/usr/local/ucx/lib/pkgconfig/ucx.pc", "Version: {}\n"),
        "1.15.0",
        "1.17.0",
    ),
    "gdrcopy-version": (environment("GDRCOPY_VERSION"), "2.4.1-1", "2.3.1-1"),
    "hpcx-version": (environment("HPCX_VERSION"), "2.21", "2.20"),
    "openmpi-version": (environment("OPENMPI_VERSION"), "4.1.7", "4.1.5"),
    "dcgm-version": (package("datacenter_gpu_manager"), "1:3.3.6", "1:3.2.6"),
    "dali-version": (distribution("nvidia_dali_cuda120", DALI), "1.45.0", "1.44.0"),
    "nvimagecodec-version": (distribution("nvidia_nvimgcodec_cu12", DALI), "0.2.0.7", "0.3.0.5"),
    "onnxruntime-version": (
        file(f"{BACKENDS}/onnxruntime/libonnxruntime.so.{{}}"),
        "1.20.1",
        "1.19.2",
    ),
    "openvino-version": (file(f"{BACKENDS}/openvino/libopenvino.so.{{}}"), "2024.5.0", "2024.4.0"),
    "trtllm-version": (distribution("tensorrt_llm"), "0.17.0", "0.16.0"),
    "vllm-contents-version": (distribution("vllm"), "0.6.3.1", "0.6.3.post1"),
    "vllm-distribution-version": (distribution("vllm"), "0.6.3.post1", "0.5.5"),
    "sdk-genai-perf-version": (distribution("genai_perf"), "0.0.10", "0.0.9"),
}


def of_component(claim):
    make, right, wrong = VERSIONS[claim]
    images = {
        "holds": make(right),
        "does-not-hold": make(wrong),
        "no-data": StagedImage(),
        "dies": StagedImage(problem=GONE),
        "timeout": StagedImage(problem=SLOW),
    }
    return {
        state: {
            "carries": partial(image_carries, image, Evidence(), version=CATALOGUE[claim].value)
        }
        for state, image in images.items()
    }


def of_image(*images):
    """The five states of a check that looks at an image and nothing else."""
    made = (*images, StagedImage(problem=GONE), StagedImage(problem=SLOW))
    return {
        state: {"image": image, "evidence": Evidence()}
        for state, image in zip(STATES, made, strict=True)
    }


OS_RELEASE = {"/etc/os-release": b'VERSION_ID="24.04"\n'}
SERVER = {
    "/opt/tritonserver/bin/tritonserver": b"",
    "/opt/tritonserver/lib/libtritonserver.so": b"",
}
FIL = {f"{BACKENDS}/fil/libtriton_fil.so": b""}
PYTHON_BACKEND = {f"{BACKENDS}/python/libtriton_python.so": b""}


def vllm(distribution_version, attribute):
    return StagedImage(
        {
            f"{PIP}/vllm-0.dist-info/METADATA": f"Version: {distribution_version}\n".encode(),
            f"{PIP}/vllm/_version.py": f"__version__ = version = '{attribute}'\n".encode(),
        }
    )


class _Starts:
    """A server that can be started with a library preloaded, or cannot."""

    def __init__(self, files, problem=None):
        self._files, self._problem = files, problem

    def fresh(self, environment):
        if self._problem is not None:
            raise self._problem
        loaded = [environment["LD_PRELOAD"], *self._files]
        return nullcontext(SimpleNamespace(process=SimpleNamespace(pid=loaded)))


ALLOCATORS = StagedImage(
    {f"/usr/lib/x86_64-linux-gnu/{name}": b"" for name in ("libtcmalloc.so.4", "libjemalloc.so.2")}
)


def allocators(image, server=None):
    return {"image": image, "server": server or _Starts([]), "evidence": Evidence()}


def machine_code(tmp_path, architectures):
    path = library(tmp_path / "built.so", fat_binary(*(entry(2, each) for each in architectures)))
    return path.read_bytes()


def looked_at(files=None, problem=None):
    image = StagedImage(files or {}, problem=problem)
    startable = SimpleNamespace(backend_folder=BACKENDS, contents=lambda: nullcontext(image))
    return SimpleNamespace(startable=startable)


CASES = {claim: of_component(claim) for claim in VERSIONS}
CASES |= {
    "install-layout": of_image(
        StagedImage({**OS_RELEASE, **SERVER}), StagedImage(OS_RELEASE), StagedImage()
    ),
    "fil-backend": of_image(
        StagedImage({**FIL, **PYTHON_BACKEND}), StagedImage(PYTHON_BACKEND), StagedImage()
    ),
    "vllm-version-attribute": {
        state: {**case, "claim": CATALOGUE["vllm-version-attribute"]}
        for state, case in of_image(
            vllm("0.6.3.post1", "0.6.3"), vllm("0.6.3.post1", "0.6.3.post1"), StagedImage()
        ).items()
    },
    "vllm-advisory-w2r7": of_image(
        vllm("0.6.3.post1", "0.6.3"), vllm("0.5.3.post1", "0.5.3"), StagedImage()
    ),
    "allocators-installed": {
        "holds": allocators(ALLOCATORS),
        "does-not-hold": allocators(StagedImage(OS_RELEASE)),
        "no-data": allocators(StagedImage(problem=GONE)),
        "dies": allocators(ALLOCATORS, _Starts([], BrokenError("the Docker engine is gone"))),
        "timeout": allocators(ALLOCATORS, _Starts([], BrokenError("no answer within 10 s"))),
    },
}
#: Those that tests of their own show the states of.
ALSO = {"blackwell-machine-code", "release-published", "sbsa-client-wheel-in-image"}


@staged(CASES)
def test_the_five_states(claim, state, case, monkeypatch):
    if claim == "allocators-installed":
        monkeypatch.setitem(check_of(claim).__globals__, "mapped_files", lambda files: files)
    verdict, words = verdict_of(claim, **case)
    assert verdict is STATES[state], words


@pytest.mark.parametrize(
    ("architectures", "verdict"),
    [
        ((90, 100, 101, 120), Verdict.CONFIRMED),
        ((90, 100, 120), Verdict.REFUTED),
        ((60, 90), Verdict.REFUTED),
        ((), Verdict.BLOCKED),
    ],
)
def test_machine_code(architectures, verdict, tmp_path):
    content = machine_code(tmp_path, architectures)
    server = looked_at({f"{BACKENDS}/python/libtriton_python.so": content})
    found, words = verdict_of(
        "blackwell-machine-code", server=server, evidence=Evidence(), tmp_path=tmp_path
    )
    assert found is verdict, words


@pytest.mark.parametrize("problem", [GONE, SLOW])
def test_machine_code_that_cannot_be_read(problem, tmp_path):
    found, _ = verdict_of(
        "blackwell-machine-code",
        server=looked_at(problem=problem),
        evidence=Evidence(),
        tmp_path=tmp_path,
    )
    assert found is Verdict.ERROR


def test_a_library_that_the_loader_passes_over_is_not_run_with(monkeypatch):
    check = check_of("allocators-installed")
    monkeypatch.setitem(check.__globals__, "mapped_files", lambda _pid: ["/usr/lib/libc.so.6"])
    verdict, words = verdict_of("allocators-installed", **allocators(ALLOCATORS))
    assert verdict is Verdict.REFUTED
    assert "has not mapped it" in words


def test_a_server_that_does_not_start_with_a_library(monkeypatch):
    check = check_of("allocators-installed")
    monkeypatch.setitem(check.__globals__, "mapped_files", lambda files: files)
    for failure, expected in (
        (ServerFailedToStartError("ended by SIGSEGV", ended=True), Verdict.REFUTED),
        (ServerFailedToStartError("was not ready in time"), Verdict.ERROR),
    ):
        server = _Starts([], failure)
        verdict, _ = verdict_of("allocators-installed", **allocators(ALLOCATORS, server))
        assert verdict is expected


PUBLISHED = {"digest": "sha256:" + "1" * 64, "revision": "2" * 40}


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        (PUBLISHED, Verdict.CONFIRMED),
        ({**PUBLISHED, "digest": None}, Verdict.REFUTED),
        ({**PUBLISHED, "revision": None}, Verdict.REFUTED),
    ],
)
def test_what_is_published(answers, verdict, monkeypatch):
    names = check_of("release-published").__globals__
    monkeypatch.setitem(names, "published_digest", lambda _reference: answers["digest"])
    monkeypatch.setitem(names, "published_tag", lambda _repository, _tag: answers["revision"])
    found, words = verdict_of(
        "release-published",
        server=SimpleNamespace(version="2.54.0"),
        knowledge=load_knowledge(ROOT),
        evidence=Evidence(),
    )
    assert found is verdict, words


ARM_PROGRAM = {"/bin/sh": b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + b"\x03\0\xb7\0" + bytes(60)}
ARM_WHEEL = "/workspace/install/python/tritonclient-2.54.0-py3-none-manylinux2014_aarch64.whl"


def _arm_image(**different):
    return StagedImage({**ARM_PROGRAM, ARM_WHEEL: b""}, **different)


@pytest.mark.parametrize(
    ("image", "machine", "verdict"),
    [
        (_arm_image(), "aarch64", Verdict.CONFIRMED),
        (_arm_image(printed=(1, "no such module")), "aarch64", Verdict.REFUTED),
        (StagedImage(ARM_PROGRAM), "aarch64", Verdict.REFUTED),
        (_arm_image(), "x86_64", Verdict.BLOCKED),
        (StagedImage(), "aarch64", Verdict.ERROR),
        (StagedImage(problem=SLOW), "aarch64", Verdict.ERROR),
    ],
)
def test_the_client_for_arm(image, machine, verdict, monkeypatch):
    names = check_of("sbsa-client-wheel-in-image").__globals__
    monkeypatch.setattr(names["platform"], "machine", lambda: machine)
    found, words = verdict_of("sbsa-client-wheel-in-image", image=image, evidence=Evidence())
    assert found is verdict, words


def test_an_image_that_contradicts_itself_is_looked_into_by_people():
    image = StagedImage(
        {"/var/lib/dpkg/status": dpkg_status(libnccl2="2.23.4-1")}, {"NCCL_VERSION": "2.25.1"}
    )
    carry = partial(image_carries, image, Evidence(), version="2.25.1")
    verdict, words = verdict_of("nccl-version", carries=carry)
    assert verdict is Verdict.ERROR
    assert "contradicts itself" in words


def test_the_day_of_a_build_is_no_part_of_a_version():
    told = b'{"cuda" : {"name" : "CUDA SDK", "version" : "12.8.20250117"}, "x": {"version": "1"}}'
    image = StagedImage(
        {"/usr/local/cuda/version.json": told}, environment={"CUDA_VERSION": "12.8.0.038"}
    )
    carry = partial(image_carries, image, Evidence(), version="12.8.0.038")
    assert verdict_of("cuda-version", carries=carry)[0] is Verdict.CONFIRMED


def test_a_version_that_is_told_vaguely_decides_nothing():
    image = StagedImage({"/usr/local/cuda/version.json": b'{"cuda": {"version": "12.8.0"}}'})
    carry = partial(image_carries, image, Evidence(), version="12.8.0.038")
    assert verdict_of("cuda-version", carries=carry)[0] is Verdict.UNDECIDED


@pytest.mark.parametrize(("absent", "verdict"), [(True, Verdict.REFUTED), (False, Verdict.ERROR)])
def test_a_network_that_fails_says_nothing_of_a_wheel(monkeypatch, tmp_path, absent, verdict):
    names = check_of("sbsa-client-wheel-wrong").__globals__
    usual = SimpleNamespace(platform="manylinux1_x86_64", describe=lambda: "a wheel")
    monkeypatch.setitem(
        names,
        "fetch_client",
        lambda _version, machine, _folder: (
            usual if machine == "x86_64" else PipFailure("timed out", absent=absent)
        ),
    )
    server = SimpleNamespace(version="2.54.0", process=SimpleNamespace(folder=tmp_path))
    found, words = verdict_of("sbsa-client-wheel-wrong", server=server, evidence=Evidence())
    assert found is verdict, words
