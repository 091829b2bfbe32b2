from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

import pytest
from docker.types import DeviceRequest

from containers.engines import Engine, ask, log_of, obstacle

UUIDS = ["GPU-11111111-0000-0000-0000-000000000000", "GPU-22222222-0000-0000-0000-000000000000"]
SPEAK = """
import socket
server = socket.create_server(("", 80))
print("listens", flush=True)
server.accept()[0].sendall(b"here")
"""


def is_reached(engine):
    return ask(engine.url, "/_ping", timeout=0.5) is not None


def becomes_reached(engine):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if is_reached(engine):
            return True
    return False


def asleep(client, image, **options):
    # as the first process of a container, it would not end by SIGTERM
    options["stop_signal"] = "SIGKILL"
    return client.containers.run(image, ["sleep", "3600"], detach=True, **options)


def test_it_is_another_engine_with_the_same_image(
    second_engine, second_client, docker_client, server_image
):
    assert second_client.info()["Labels"] == [second_engine.label]
    assert docker_client.info()["Labels"] != [second_engine.label]
    there, here = (each.images.get(server_image).id for each in (second_client, docker_client))
    assert there == here


def test_ports_that_it_publishes_are_reached_at_its_address(
    second_engine, second_client, server_image
):
    container = second_client.containers.run(
        server_image, ["python3", "-c", SPEAK], ports={"80/tcp": None}, detach=True
    )
    with log_of(container) as lines:
        assert next(lines) == b"listens\n"
    container.reload()
    (published,) = container.ports["80/tcp"]
    assert published["HostIp"] == second_engine.machine.address
    address = published["HostIp"], int(published["HostPort"])
    with socket.create_connection(address, timeout=10) as connection:
        assert connection.recv(10) == b"here"


def test_its_cable_can_be_pulled_and_plugged_in_again(second_engine, second_client, server_image):
    container = asleep(second_client, server_image)
    second_engine.link_down()
    assert not is_reached(second_engine)
    assert ask(second_engine.socket, "/_ping")  # nothing but the cable is wrong
    second_engine.link_up()
    assert becomes_reached(second_engine)
    container.reload()
    assert container.status == "running"


def test_it_can_be_killed_and_started_again(second_engine, second_client, server_image):
    container = asleep(second_client, server_image)
    second_engine.kill()
    assert not second_engine.runs
    assert not is_reached(second_engine)
    second_engine.start()
    assert is_reached(second_engine)
    container.reload()
    assert container.status == "exited"


def test_gpus_that_are_asked_for_are_those_that_the_stand_in_for_the_hook_hands_on(
    second_client, server_image
):
    request = DeviceRequest(device_ids=UUIDS, capabilities=[["gpu"]])
    container = asleep(second_client, server_image, device_requests=[request])
    environment = container.exec_run("cat /proc/1/environ").output.decode().split("\0")
    assert f"NVIDIA_VISIBLE_DEVICES={','.join(UUIDS)}" in environment

    none = asleep(second_client, server_image)
    assert b"NVIDIA_VISIBLE_DEVICES" not in none.exec_run("cat /proc/1/environ").output


@pytest.mark.skipif(bool(obstacle()), reason=str(obstacle()))
def test_a_second_machine_leaves_nothing_behind():
    engine = Engine(machine=True)
    cable = Path("/sys/class/net") / engine.machine.cable
    namespace = Path("/run/netns") / engine.name
    try:
        engine.start()
        assert cable.exists()
        assert namespace.exists()
        engine.kill()  # so that the guard has to look for what is left
    finally:
        engine.remove()
    assert not cable.exists()
    assert not namespace.exists()
    assert not engine.folder.exists()
    mounts = subprocess.run(["findmnt", "--list"], capture_output=True, text=True, check=True)  # noqa: S607
    assert engine.name not in mounts.stdout
    assert str(engine.folder) not in mounts.stdout
