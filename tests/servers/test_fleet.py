"""Servers are placed on Docker hosts, and stay where they are while these answer."""

from __future__ import annotations

import threading

import pytest

from triton_claims.servers import fleet as fleets
from triton_claims.servers.docker_host import HostLostError, answers, docker_host
from triton_claims.servers.fleet import Fleet, HostWatch
from triton_claims.servers.pool import ServerSpecification

HOSTS = tuple(docker_host(f"tcp://{name}:2375", name=name) for name in ("one", "two", "three"))
PATIENCE = 30.0


def servers(number):
    return ServerSpecification("image:any", environment=(("NUMBER", str(number)),))


class Looks:
    """Looks at hosts that answer or do not, as it is told; counts them."""

    def __init__(self):
        self.down = set()
        self.looked = threading.Semaphore(0)
        self.at = []

    def __call__(self, host, _timeout):
        self.at.append(host.name)
        self.looked.release()
        return host.name not in self.down


@pytest.fixture
def looks():
    return Looks()


@pytest.fixture
def make_fleet(looks, monkeypatch):
    """Makes a fleet that looks so."""
    made = []
    watch = HostWatch
    monkeypatch.setattr(fleets, "HostWatch", lambda host: watch(host, looks))

    def make(hosts=HOSTS, number=0):
        made.append(Fleet(hosts, number))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_servers_spread_over_all_hosts(make_fleet):
    fleet = make_fleet()
    placed = [fleet.place(servers(number)).docker_host for number in range(6)]
    assert placed == ["one", "two", "three"] * 2


def test_each_process_begins_with_another_host(make_fleet):
    placed = [make_fleet(number=number).place(servers(0)).docker_host for number in range(4)]
    assert placed == ["one", "two", "three", "one"]


def test_equal_servers_are_always_in_one_place(make_fleet):
    fleet = make_fleet()
    first = fleet.place(servers(0))
    fleet.place(servers(1))
    assert fleet.place(servers(0)) == first
    assert fleet.place(first) == first
    assert first.unplaced == servers(0)


def test_what_was_on_a_lost_host_goes_to_another_and_the_host_stays_lost(make_fleet, looks):
    fleet = make_fleet()
    lost = fleet.place(servers(0))
    assert (lost.docker_host, fleet.lost) == ("one", ())
    looks.down.add("one")
    moved = fleet.place(servers(0))
    assert moved.docker_host != "one"
    assert fleet.lost == ("the Docker host one (tcp://one:2375) does not answer any more",)
    looks.down.clear()  # it is back, and nobody trusts it any more
    assert fleet.place(servers(0)) == moved
    assert fleet.place(lost).docker_host != "one"
    assert [fleet.place(servers(number)).docker_host for number in range(1, 5)].count("one") == 0


def test_with_no_host_left_it_says_which_are_lost(make_fleet, looks):
    fleet = make_fleet(HOSTS[:2])
    looks.down.update(("one", "two"))
    with pytest.raises(HostLostError, match=r"no Docker host is left .*host one .*host two "):
        fleet.place(servers(0))
    with pytest.raises(HostLostError):
        fleet.place(servers(0))
    assert len(fleet.lost) == 2


def test_only_hosts_that_fit_are_asked(make_fleet, looks):
    fleet = make_fleet()
    placed = fleet.place(servers(0), lambda host: host.name == "three")
    assert placed.docker_host == "three"
    assert set(looks.at) == {"three"}
    with pytest.raises(HostLostError, match="none fits"):
        fleet.place(servers(1), lambda _host: False)


def test_a_host_is_found_by_its_name(make_fleet):
    assert make_fleet()["two"] == HOSTS[1]


@pytest.fixture
def watch(looks, monkeypatch):
    monkeypatch.setattr(fleets, "_LOOK_EVERY", 0.001)
    watch = HostWatch(HOSTS[0], looks)
    yield watch
    watch.end()


def after(looks, count):
    """Waits until it has been looked so many times."""
    for _ in range(count):
        assert looks.looked.acquire(timeout=PATIENCE)


def test_without_an_outage_nothing_is_amiss(watch, looks):
    after(looks, 3)
    assert watch.outage_since(fleets.time.perf_counter()) is None


def test_a_host_that_does_not_answer_is_amiss(watch, looks):
    looks.down.add("one")
    words = "the Docker host one (tcp://one:2375) does not answer any more"
    assert watch.outage_since(fleets.time.perf_counter()) == words


def test_an_outage_that_nobody_asked_about_is_known_afterwards(watch, looks):
    began = fleets.time.perf_counter()
    looks.down.add("one")
    while looks.looked.acquire(blocking=False):
        pass
    after(looks, 2)  # the one that was under way may have begun before
    looks.down.clear()
    assert watch.outage_since(began) == (
        "the Docker host one (tcp://one:2375) did not answer for a while"
    )
    # Who began long after it is not concerned.
    assert watch.outage_since(began + 1000 * fleets._PATIENCE) is None


def test_a_watch_ends(looks, monkeypatch):
    monkeypatch.setattr(fleets, "_LOOK_EVERY", 0.001)
    watch = HostWatch(HOSTS[0], looks)
    after(looks, 1)
    watch.end()
    assert not watch._thread.is_alive()


def test_an_engine_that_was_never_there_does_not_answer():
    assert answers(docker_host("unix:///nowhere/docker.sock"), 1.0) is False
