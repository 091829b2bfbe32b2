"""Leases of GPUs: one holder at a time, whoever they are and however they end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from servers.lease_program import SHARED

from triton_claims.errors import Blocked, BrokenError
from triton_claims.servers import gpu_leases
from triton_claims.servers.gpu_leases import VARIABLE, lease_folder, lease_gpus

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("lease_program.py")
PATIENCE = 120  # seconds; far more than it takes
TWO = ["GPU-0", "GPU-1"]


@pytest.fixture
def start(tmp_path):
    """Starts processes that lease GPUs, and leaves none."""
    started = []
    (tmp_path / "markers").mkdir()

    def start(folder=tmp_path / "leases", *, umask=-1, **options):
        options = {"folder": str(folder), "markers": str(tmp_path / "markers"), **options}
        child = subprocess.Popen(
            [sys.executable, str(PROGRAM), json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            umask=umask,
        )
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


@pytest.fixture
def lease(tmp_path):
    """Leases in this process, and gives everything back."""
    leases = []

    def lease(candidates, count=1, timeout=0.0, **options):
        given = {"folder": tmp_path / "leases", "timeout": timeout, **options}
        leases.append(lease_gpus(candidates, count, "the test", **given))
        return leases[-1]

    yield lease
    for each in leases:
        each.release()


def held(child):
    """Waits until a process has its lease; gives what it says."""
    word, *rest = child.stdout.readline().split()
    assert word == "held"
    return rest


def waiting(folder, count):
    """Waits until so many requests are in the queue."""
    deadline = time.monotonic() + PATIENCE
    while len(list(folder.glob("ticket-*"))) != count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_sixteen_processes_of_two_runs_on_two_gpus_finish_and_none_shares(start, tmp_path):
    children = [
        start(candidates=TWO if each % 4 else TWO[::-1], run=f"run {each % 2}")
        for each in range(16)
    ]
    assert [child.wait(PATIENCE) for child in children] == [0] * 16
    assert not list((tmp_path / "leases").glob("ticket-*"))


def test_the_proof_notices_two_on_one_gpu(start, tmp_path):
    (tmp_path / "markers" / "GPU-0").touch()
    assert start(candidates=["GPU-0"]).wait(PATIENCE) == SHARED


def test_all_or_nothing_among_requests_for_one_and_for_two(start):
    children = [start(candidates=TWO, count=1 + each % 2) for each in range(10)]
    assert [child.wait(PATIENCE) for child in children] == [0] * 10


def test_a_request_for_two_is_served_while_requests_for_one_never_end(start):
    stream = [start(candidates=TWO, mode="until told") for _ in range(6)]
    for child in stream:
        assert child.stdout.readline() == "started\n"
    assert start(candidates=TWO, count=2).wait(PATIENCE) == 0
    for child in stream:
        assert child.poll() is None
        child.stdin.close()
    assert [child.wait(PATIENCE) for child in stream] == [0] * 6


def test_a_younger_request_does_not_overtake_an_older_one_that_wants_the_same(tmp_path):
    with gpu_leases._desk(tmp_path / "leases", "") as desk:
        older, younger = desk.draw(TWO), desk.draw(["GPU-0"])
        elsewhere = desk.draw(["GPU-7"])
        assert desk.serve(younger, ["GPU-0"], 1, "x") is None
        desk.serve(elsewhere, ["GPU-7"], 1, "x").release()  # nobody wants that one
        desk.serve(older, TWO, 2, "x").release()
        desk.tear(older)
        desk.serve(younger, ["GPU-0"], 1, "x").release()
        desk.tear(younger)
        desk.tear(elsewhere)


def test_a_holder_that_is_killed_holds_no_longer(start, lease):
    holder = start(candidates=["GPU-0"], mode="hold")
    assert held(holder) == ["GPU-0"]
    with pytest.raises(Blocked):
        lease(["GPU-0"])
    holder.send_signal(signal.SIGKILL)
    holder.wait(PATIENCE)
    assert lease(["GPU-0"], timeout=PATIENCE).uuids == ("GPU-0",)


def test_a_server_that_outlives_its_killed_starter_keeps_its_gpu(start, lease):
    holder = start(candidates=["GPU-0"], mode="hold with a child")
    (server,) = map(int, held(holder))
    holder.send_signal(signal.SIGKILL)
    holder.wait(PATIENCE)
    with pytest.raises(Blocked):
        lease(["GPU-0"])
    os.kill(server, signal.SIGKILL)
    assert lease(["GPU-0"], timeout=PATIENCE).uuids == ("GPU-0",)


def test_a_lease_given_back_is_free_although_a_child_has_its_lock(lease):
    first = lease(["GPU-0"])
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, pass_fds=first.descriptors) as child:
        first.release()
        lease(["GPU-0"]).release()
        child.stdin.close()


def test_whoever_is_killed_while_waiting_keeps_nobody_waiting(start, lease, tmp_path):
    holder = start(candidates=["GPU-0"], mode="hold")
    held(holder)
    waiter = start(candidates=["GPU-0"], mode="hold")
    waiting(tmp_path / "leases", 1)
    waiter.send_signal(signal.SIGKILL)
    waiter.wait(PATIENCE)
    holder.stdin.close()
    assert lease(["GPU-0"], timeout=PATIENCE).uuids == ("GPU-0",)


def test_waiting_is_bounded_and_says_who_holds_it(start, lease):
    holder = start(candidates=["GPU-0"], mode="hold", run="a long run")
    held(holder)
    with pytest.raises(Blocked) as told:
        lease(["GPU-0"], timeout=0.1)
    assert "no GPU came free in 0.1 s" in told.value.reason
    assert f"GPU-0 is held by process {holder.pid} (a long run) since 20" in told.value.reason


def test_the_first_of_those_that_are_free(start, lease):
    holder = start(candidates=["GPU-0"], mode="hold")
    held(holder)
    assert lease(["GPU-0", "GPU-1", "GPU-2"]).uuids == ("GPU-1",)


def test_too_few_is_told_at_once(lease):
    with pytest.raises(Blocked, match="GPUs are needed: 2; there are 1"):
        lease(["GPU-0", "GPU-0"], 2, timeout=PATIENCE)


def test_whoever_holds_a_lease_asks_for_no_other(lease):
    lease(["GPU-0"])
    with pytest.raises(BrokenError, match="holds GPU-0 and asks for more"):
        lease(["GPU-1"])


def test_a_lease_ends_with_its_block_and_may_be_given_back_twice(lease):
    with lease(["GPU-0"]) as first:
        pass
    first.release()
    assert lease(["GPU-0"]).uuids == ("GPU-0",)


def test_the_same_name_on_another_machine_is_another_gpu(start, lease):
    held(start(candidates=["GPU-0"], mode="hold"))
    assert lease(["GPU-0"], host="elsewhere").uuids == ("GPU-0",)


def test_a_gate_that_stays_shut_is_no_reason_to_wait_for_ever(lease, tmp_path):
    lease(["GPU-0"]).release()
    with (tmp_path / "leases" / "gate.lock").open() as gate:
        assert gpu_leases._lock(gate.fileno())
        with pytest.raises(Blocked, match="others were waiting before"):
            lease(["GPU-0"], timeout=0.1)


# -- the folder


def test_the_folder_is_for_all_users(lease, tmp_path):
    lease(["GPU-0"])
    folder = tmp_path / "leases"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o1777
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o666}


def test_a_folder_that_was_there_keeps_its_mode(lease, tmp_path):
    folder = tmp_path / "leases"
    folder.mkdir(mode=0o755)
    lease(["GPU-0"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_a_folder_of_ones_own_can_be_named(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert lease_folder() == tmp_path
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert lease_folder() != tmp_path / "triton-claims-gpus"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize("first", [0, 65534], ids=["root first", "nobody first"])
def test_two_users_share_the_gpus_whatever_their_umask(start, first):
    home = Path(tempfile.mkdtemp())  # not below pytest's folder, which is its user's alone
    home.chmod(0o1777)
    users = [first, 65534 - first]
    try:
        for holder, waiter in (users, users[::-1]):
            child = start(
                home / "leases",
                candidates=["GPU-0"],
                mode="hold",
                user=holder,
                umask=0o077,
            )
            held(child)
            second = start(
                home / "leases",
                candidates=["GPU-0"],
                mode="hold",
                user=waiter,
                umask=0o077,
            )
            waiting(home / "leases", 1)
            child.stdin.close()
            assert held(second) == ["GPU-0"]
            second.stdin.close()
            assert second.wait(PATIENCE) == 0
    finally:
        shutil.rmtree(home)


def test_links_are_not_followed(lease, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("keep", encoding="utf-8")
    lease(["GPU-0"]).release()
    for path in (tmp_path / "leases").iterdir():
        path.unlink()
        path.symlink_to(precious)
        with pytest.raises(BrokenError, match="cannot be leased"):
            lease(["GPU-0"])
        path.unlink()
        os.link(precious, path)
        with pytest.raises(BrokenError, match="is no lock"):
            lease(["GPU-0"])
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(BrokenError, match="is no lock"):
            lease(["GPU-0"])
        path.unlink()
    assert precious.read_text(encoding="utf-8") == "keep"
    assert lease(["GPU-0"]).uuids == ("GPU-0",)


def test_a_folder_that_is_a_link_is_not_followed(lease, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "leases").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BrokenError, match=VARIABLE):
        lease(["GPU-0"])
    assert not list((tmp_path / "elsewhere").iterdir())


def test_tickets_that_make_no_sense_stop_nobody(lease, tmp_path):
    folder = tmp_path / "leases"
    folder.mkdir()
    nonsense = folder / "ticket-000000000001-00000000"
    nonsense.write_text("[1, 2", encoding="utf-8")
    (folder / "ticket-000000000002-00000000").symlink_to("/dev/zero")
    with nonsense.open() as alive:
        assert gpu_leases._lock(alive.fileno())
        assert lease(["GPU-0"]).uuids == ("GPU-0",)
