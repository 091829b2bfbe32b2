"""A file of Docker hosts, and the choice among them."""

from __future__ import annotations

import pytest

from triton_claims.errors import InputError
from triton_claims.servers.docker_hosts_file import load_docker_hosts, with_labels

FILE = """
[[host]]
name = "near"
url = "unix:///run/docker.sock"
labels = { rack = "7" }

[[host]]
name = "far"
url = "tcp://10.0.0.5:2375"
address = "gpu-5.example"
labels = { rack = "7", gpu = "b200" }

[[host]]
name = "farther"
url = "ssh://ci@10.0.0.6"
"""


@pytest.fixture
def load(tmp_path):
    def load(text=FILE):
        path = tmp_path / "hosts.toml"
        path.write_text(text, encoding="utf-8")
        return load_docker_hosts(path)

    return load


def test_hosts_and_where_their_ports_are_reached(load):
    near, far, farther = load()
    assert (near.name, near.is_local, near.address) == ("near", True, "127.0.0.1")
    assert (far.name, far.is_local, far.address) == ("far", False, "gpu-5.example")
    # A tunnel leads to the loopback of what is behind ssh.
    assert (farther.url, farther.address) == ("ssh://ci@10.0.0.6", "127.0.0.1")
    assert str(far) == "far (tcp://10.0.0.5:2375)"


def test_hosts_are_chosen_by_all_the_labels_wanted(load):
    hosts = load()
    assert [each.name for each in with_labels(hosts, ["rack=7"])] == ["near", "far"]
    assert [each.name for each in with_labels(hosts, ["rack=7", "gpu=b200"])] == ["far"]
    assert with_labels(hosts, []) == hosts


@pytest.mark.parametrize(
    ("label", "words"),
    [("rack", "is no label: expected NAME=VALUE"), ("rack=8", "expected some of gpu=b200, rack=7")],
)
def test_a_label_that_no_host_has_is_refused(label, words, load):
    with pytest.raises(InputError, match=f"--docker-label: .*{words}"):
        with_labels(load(), [label])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("ssh://ci@10.0.0.6", "http://x", r":15: 'http://x' is no Docker host"),
        ('"farther"', '"far"', r":14: .*found name of far \(.*\) again"),
        ("ssh://ci@10.0.0.6", "tcp://10.0.0.5:2375", r":15: .*found url of far \(.*\) again"),
        ("labels", "label", r":5: .*label"),
        ('"near"', '"near by"', r":3: .*near by"),
        (FILE, "host = []\n", r":1: "),
        ("[[host]]", "[[host", r":2: "),
    ],
)
def test_a_fault_is_told_with_file_and_line(old, new, words, load):
    with pytest.raises(InputError, match=rf"hosts\.toml{words}") as caught:
        load(FILE.replace(old, new))
    assert len(str(caught.value).splitlines()) == 1


def test_a_secret_in_a_url_is_not_told(load):
    with pytest.raises(InputError) as caught:
        load(FILE.replace("ssh://ci@10.0.0.6", "https://ci:opensesame@x"))
    assert "opensesame" not in str(caught.value)
