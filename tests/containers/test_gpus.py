"""GPUs given to containers: by real engines with a stand-in for NVIDIA's hook, on staged machines.

What a container was given stands in the environment of its first process. The image's nvidia-smi is
a stand-in that reads it there, so that what is really looked at is the way from lease to container.
"""

from __future__ import annotations

import io
import tarfile

import pytest

from containers.test_two_hosts import Run
from triton_claims.servers.container_image import ensure_image
from triton_claims.servers.docker_host import docker_host
from triton_claims.servers.fleet_gpus import inventory_inside

NVIDIA_SMI = """#!/bin/sh
case "$1" in
--query-gpu=index*) echo '0, GPU-aaaaaaaa-0000, 9.0, 81559, 570.86.10, [N/A], NVIDIA H100' ;;
*) tr '\\0' '\\n' </proc/1/environ | sed -n 's/^NVIDIA_VISIBLE_DEVICES=//p' | tr , '\\n' ;;
esac
"""
LYING = "#!/bin/sh\necho GPU-ffffffff-0000\n"


def machine(*capabilities):
    """The inventory of a machine with GPUs of such compute capabilities."""
    return "".join(
        f'[[gpu]]\nuuid = "GPU-{number:08}-0000"\ncompute_capability = "{capability}"\n'
        for number, capability in enumerate(capabilities)
    )


EIGHT_GPUS = machine("10.0", "10.0", "10.0", "12.0", "9.0", "9.0", "8.0", "8.0")

CHECKS = """
    import os
    import time
    from pathlib import Path

    import pytest


    def look(server, evidence):
        code, environment = server.process.run_inside(["cat", "/proc/1/environ"])
        assert code == 0
        given = [each for each in environment.split("\\0") if "VISIBLE_DEVICES" in each]
        evidence.show("given", " ".join(sorted(given)))
        for uuid in server.specification.gpus:
            marker = Path(os.environ["MARKERS"], uuid)
            marker.touch(exist_ok=False)  # somebody else has it
            time.sleep(0.1)
            marker.unlink()
"""
CHECK = """

    @pytest.mark.claim("{claim}")
    @pytest.mark.server(environment={{"NUMBER": "{number}"}})
    @pytest.mark.needs({needs})
    def test_{number}(server, evidence):
        look(server, evidence)
"""
CLAIMS = (
    *("server-version", "python-no-restart", "malloc-retention", "cpu-only"),
    *("cloud-repository-copies", "cloud-repository-copies-removed", "http-grpc-agree"),
    "decoupled-unload-clean",
)


@pytest.fixture(scope="module")
def image_with(docker_engine, server_image):
    """The server image with a program as its nvidia-smi; removed at the end."""
    import docker  # noqa: PLC0415

    client = docker.DockerClient(docker_engine)
    made = []

    def image_with(program):
        reference = f"with-smi-{abs(hash(program))}-{id(made)}:py3"
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tarfile.TarInfo("usr/bin/nvidia-smi")
            entry.size, entry.mode = len(program), 0o755
            tar.addfile(entry, io.BytesIO(program.encode()))
        container = client.containers.create(server_image, "true")
        container.put_archive("/", archive.getvalue())
        container.commit(*reference.split(":"))
        container.remove()
        made.append(reference)
        return reference

    yield image_with
    for reference in made:
        client.images.remove(reference)
    client.close()


@pytest.fixture(scope="module")
def gpu_image(image_with):
    """The server image with an nvidia-smi that tells what the container was given."""
    return image_with(NVIDIA_SMI)


@pytest.fixture
def stage(project, monkeypatch):
    """Stages a machine with GPUs, and checks of some claims that need them."""
    (project.path / "markers").mkdir()
    monkeypatch.setenv("MARKERS", str(project.path / "markers"))

    def stage(inventory, needs, claims):
        (project.path / "gpus.toml").write_text(inventory, encoding="utf-8")
        checks = (CHECK.format(claim=c, number=n, needs=needs) for n, c in enumerate(claims))
        project.check(CHECKS + "".join(checks))

    return stage


@pytest.fixture
def run(project, stage, gpu_image, docker_engine):
    """Runs one check on staged GPUs in containers; gives the cells by GPU."""

    def run(inventory, needs, *options, image=gpu_image):
        stage(inventory, needs, CLAIMS[:1])
        project.run(
            *("suites", "--target", f"image:{image}", "--docker-host", docker_engine, *options)
        )
        return {cell.gpu: cell for cell in project.ledger().cells}

    return run


def given(cell):
    assert cell.verdict.value == "confirmed", cell.reason
    (piece,) = cell.evidence
    return piece.text


def only(*uuids):
    return f"NVIDIA_VISIBLE_DEVICES={','.join(uuids)}"


def test_each_gpu_s_container_is_given_that_one_alone(run, project):
    cells = run(EIGHT_GPUS, "'gpu'", "--gpu=all")
    assert len(cells) == 8
    for uuid, cell in cells.items():
        assert given(cell) == only(uuid)
    devices = project.ledger().header["gpus"]
    assert devices["origin"] == "staged"
    assert [each["uuid"] for each in devices["devices"]] == list(cells)


def test_one_cell_for_each_architecture_is_given_one_of_its_gpus(run):
    cells = run(EIGHT_GPUS, "'gpu'")
    assert set(cells) == {"blackwell", "hopper", "ampere"}
    assert given(cells["hopper"]) == only("GPU-00000004-0000")


def test_two_gpus_are_given_together(run):
    cells = run(EIGHT_GPUS, "gpus=2, architecture='ampere'")
    assert given(cells["ampere"]) == only("GPU-00000006-0000", "GPU-00000007-0000")


def test_a_part_of_a_gpu_is_given_by_its_own_name(run):
    parts = ("MIG-00000000-0001", "MIG-00000000-0002")
    inventory = '[[gpu]]\nuuid = "GPU-00000000-0000"\ncompute_capability = "9.0"\nmig_mode = true\n'
    for part in parts:
        inventory += (
            f'[[gpu]]\nuuid = "{part}"\ncompute_capability = "9.0"\n'
            'mig_parent = "GPU-00000000-0000"\n'
        )
    cells = run(inventory, "'gpu'", "--gpu=all")
    assert {uuid: given(cell) for uuid, cell in cells.items()} == {p: only(p) for p in parts}


def test_what_the_caller_may_not_see_is_given_to_no_container(run, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-00000005,3")
    cells = run(EIGHT_GPUS, "'gpu'", "--gpu=all")
    assert set(cells) == {"GPU-00000005-0000", "GPU-00000003-0000"}
    for uuid, cell in cells.items():
        assert given(cell) == only(uuid)


def test_without_a_gpu_nothing_is_started(run, project):
    cells = run("", "'gpu'")
    assert {gpu: cell.verdict.value for gpu, cell in cells.items()} == {"cpu": "blocked"}
    assert project.ledger().footer["server_starts"] == 0


def test_a_container_on_the_cpu_is_given_none(run):
    cells = run(EIGHT_GPUS, "os='linux'")
    assert given(cells["cpu"]) == "CUDA_VISIBLE_DEVICES=-1 NVIDIA_VISIBLE_DEVICES=void"


def test_an_engine_that_gives_no_gpu_is_an_error_and_not_a_pass(run, server_image):
    # Such as an engine that passes over the request without a word: nvidia-smi comes with the GPU.
    cell = run(EIGHT_GPUS, "'gpu'", "--gpu=hopper", image=server_image)["hopper"]
    assert cell.verdict.value == "error"
    assert "was to see GPU-00000004-0000 and sees no GPU" in cell.reason


def test_an_engine_that_gives_another_gpu_is_an_error(run, image_with):
    cell = run(EIGHT_GPUS, "'gpu'", "--gpu=hopper", image=image_with(LYING))["hopper"]
    assert cell.verdict.value == "error"
    assert "was to see GPU-00000004-0000 and sees GPU-ffffffff-0000" in cell.reason


def test_an_engine_without_a_runtime_for_gpus_blocks_and_says_what_to_install(run):
    cell = run(EIGHT_GPUS, "'gpu'", "--gpu=hopper", "--docker-option=runtime=nvidia")["hopper"]
    assert cell.verdict.value == "blocked"
    assert "has no runtime for GPUs" in cell.reason
    assert "install the NVIDIA Container Toolkit" in cell.reason


@pytest.mark.xdist_group("containers-elsewhere")  # not beside tests of slow ways
def test_sixteen_workers_of_two_runs_share_two_gpus_and_none_at_the_same_time(
    stage, project, gpu_image, docker_engine
):
    stage(machine("9.0", "9.0"), "'gpu'", CLAIMS)
    options = ("-n", "8", "--target", f"image:{gpu_image}", "--docker-host", docker_engine)
    runs = [Run(project, "suites", *options, "--reports", f"reports-{n}") for n in range(2)]
    assert [each.end() for each in runs] == [0, 0], "\n".join(each.output for each in runs)


def test_gpus_elsewhere_are_told_by_a_container(docker_engine, gpu_image, server_image):
    host = docker_host(docker_engine)
    (gpu,) = inventory_inside(ensure_image(host, gpu_image, print)).gpus
    assert (gpu.uuid, gpu.architecture, gpu.driver) == ("GPU-aaaaaaaa-0000", "hopper", "570.86.10")
    none = inventory_inside(ensure_image(host, server_image, print))
    assert none.gpus == ()
    assert "nvidia-smi" in none.reason
