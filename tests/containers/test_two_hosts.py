"""A run on two Docker hosts, one of them as good as another machine, and what can befall it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from contextlib import closing

import docker
import pytest

from containers.engines import ask
from triton_claims.cli import main
from triton_claims.servers.container_traces import RUN_LABEL

#: Each check tells where it is, waits until it may go on, and asks its server then. Silence is what
#: an assertion speaks of: where the host is gone, that must not become an answer.
CHECKS = """
    import time
    from pathlib import Path

    import pytest


    def go(server, name):
        server.process.get("/v2")
        staging = Path(f"{name}.new")
        staging.write_text(server.specification.docker_host)
        staging.rename(f"{name}.waits")
        while not Path("go").exists():
            time.sleep(0.02)
        try:
            answered = server.process.get("/v2", timeout=1.0)[0] == 200
        except OSError:
            answered = False
        assert answered, "no answer"
"""
CLAIMS = (
    "python-no-restart",
    "malloc-retention",
    "server-version",
    "cpu-only",
    "cloud-repository-copies",
)
CHECK = """

    @pytest.mark.claim("{claim}")
    @pytest.mark.server(environment={{"NUMBER": "{number}"}})
    def test_{number}(server):
        go(server, "{number}")
"""
PATIENCE = 90.0


class Run:
    """A run under way in a project."""

    def __init__(self, project, *arguments):
        self.project = project
        temporary = project.path / "tmp"
        temporary.mkdir(exist_ok=True)
        with (project.path / "output.txt").open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pytest", "-p", "fixtures.plugin", *arguments],
                cwd=project.path,
                env={**os.environ, "TMPDIR": str(temporary)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def waiting(self, count):
        """The hosts of the checks that wait, by number, once there are so many."""
        deadline = time.monotonic() + PATIENCE
        while len(found := list(self.project.path.glob("*.waits"))) < count:
            assert self._process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.02)
        return {path.stem: path.read_text() for path in found}

    def go_on(self):
        """Lets all checks go on."""
        (self.project.path / "go").touch()

    def end(self):
        """Its exit code."""
        return self._process.wait(PATIENCE)

    @property
    def output(self):
        """What it printed."""
        return (self.project.path / "output.txt").read_text(errors="replace")


@pytest.fixture
def hosts(docker_engine, second_engine):
    """Both hosts' URLs."""
    return docker_engine, second_engine.url


@pytest.fixture
def start(project, server_image, hosts):
    """Starts a run of all checks on two workers and both hosts."""
    checks = "".join(CHECK.format(claim=c, number=n) for n, c in enumerate(CLAIMS))
    project.check(CHECKS + checks)
    runs = []

    def start():
        targets = ("--target", f"image:{server_image}")
        chosen = [f"--docker-host={url}" for url in hosts]
        runs.append(Run(project, "suites", "-n", "2", "--dist", "loadgroup", *targets, *chosen))
        return runs[-1]

    yield start
    for run in runs:
        if run._process.poll() is None:
            run._process.kill()
            run._process.wait()


@pytest.fixture
def containers_of(project):
    """Gives the names of the containers of this project's runs on a host."""

    def containers_of(url):
        with closing(docker.DockerClient(url)) as client:
            found = client.containers.list(
                all=True, filters={"label": RUN_LABEL}, ignore_removed=True
            )
            # Their models lie in the project's own temporary folder.
            return [
                each.name
                for each in found
                if str(project.path) in " ".join(each.attrs["Config"]["Cmd"] or ())
            ]

    return containers_of


def cells_of(project):
    """The ledger's cells by claim: each once, and none missing; reading it refuses twins."""
    ledger = project.ledger()
    assert ledger.footer["complete"]
    assert sorted(cell.claim for cell in ledger.cells) == sorted(CLAIMS)
    return {cell.claim: cell for cell in ledger.cells}


def test_cells_are_spread_over_both_hosts(start, project, hosts, containers_of):
    run = start()
    assert set(run.waiting(2).values()) == set(hosts)
    run.go_on()
    assert run.end() == 0, run.output
    cells = cells_of(project)
    assert {cell.verdict.value for cell in cells.values()} == {"confirmed"}
    assert {cell.docker_host for cell in cells.values()} == set(hosts)
    assert "lost_hosts" not in project.ledger().footer
    assert [containers_of(url) for url in hosts] == [[], []]


def lost_in_mid_run(run, hosts, lose):
    """Loses the second host while a check waits there; which claim that is."""
    near, far = hosts
    waiting = run.waiting(2)
    assert set(waiting.values()) == {near, far}
    lose()
    run.go_on()
    return next(CLAIMS[int(number)] for number, url in waiting.items() if url == far)


@pytest.mark.parametrize("fault", ["link down", "daemon killed"])
def test_a_host_that_is_lost_takes_one_cell_with_it(
    start,
    project,
    hosts,
    second_engine,
    fault,
    capsys,
    containers_of,
):
    near, far = hosts
    run = start()
    lose = second_engine.link_down if fault == "link down" else second_engine.kill
    victim = lost_in_mid_run(run, hosts, lose)
    assert run.end() == 1, run.output

    cells = cells_of(project)
    assert {claim: cell.verdict.value for claim, cell in cells.items()} == {
        claim: "error" if claim == victim else "confirmed" for claim in CLAIMS
    }
    assert f"the Docker host {far} does not answer any more" in cells[victim].reason
    assert {cell.docker_host for claim, cell in cells.items() if claim != victim} == {near}
    (lost,) = project.ledger().footer["lost_hosts"]
    assert lost.startswith(f"the Docker host {far} does not answer any more")
    assert f"{lost}: what was to run there ran elsewhere" in run.output
    assert containers_of(near) == []

    # What is on the lost host can only be removed when it is back.
    if fault == "link down":
        second_engine.link_up()
    else:
        second_engine.start()
    left = containers_of(far)
    assert main(["sweep", "--docker-host", far]) == 0
    assert containers_of(far) == []
    assert bool(left) == ("cleared up after the run" in capsys.readouterr().out)


def test_a_host_that_was_away_for_a_moment_casts_doubt_on_what_ran_there(
    start, project, hosts, second_engine, containers_of
):
    _, far = hosts
    run = start()

    def away():
        second_engine.link_down()
        # The run notices it by itself: nothing tells when. A look of it takes 5 s at most.
        time.sleep(8)
        second_engine.link_up()
        while not ask(far, "/_ping", timeout=1.0):
            pass

    victim = lost_in_mid_run(run, hosts, away)
    assert run.end() == 1, run.output
    cells = cells_of(project)
    assert cells[victim].verdict.value == "error"
    words = rf"the Docker host {re.escape(far)} (did not answer for a while|does not answer)"
    assert re.search(words, cells[victim].reason)
    assert [cell.verdict.value for cell in cells.values()].count("confirmed") == len(CLAIMS) - 1
    assert [containers_of(url) for url in hosts] == [[], []]


def test_images_that_differ_between_hosts_are_refused(project, hosts, server_image, second_engine):
    client = docker.DockerClient(second_engine.socket)
    name = f"{project.path.name}:py3"
    reference = f"differs-{name}".lower().replace("_", "-")
    try:
        for url, change in zip((hosts[0], second_engine.socket), ("A=1", "A=2"), strict=True):
            there = docker.DockerClient(url)
            made = there.containers.create(server_image, "true")
            made.commit(*reference.split(":"), changes=f"ENV {change}")
            made.remove()
            there.close()
        answer = project.run(
            "suites", "--target", f"image:{reference}", *(f"--docker-host={u}" for u in hosts)
        )
    finally:
        client.images.remove(reference)
        client.close()
        here = docker.DockerClient(hosts[0])
        here.images.remove(reference)
        here.close()
    assert answer.ret == pytest.ExitCode.USAGE_ERROR
    told = [line for line in (*answer.outlines, *answer.errlines) if line.startswith("ERROR: ")]
    assert len(told) == 1
    assert "a target must be the same everywhere" in told[0]
