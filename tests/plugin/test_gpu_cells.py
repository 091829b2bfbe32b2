"""Which cells a check gets on which GPUs, on staged machines."""

from __future__ import annotations

import pytest

GPUS = {"GPU-aa11": "9.0", "GPU-aa22": "9.0", "GPU-bb33": "8.0"}

CHECKS = """
    import pytest


    @pytest.mark.claim("correlation-id-string")
    @pytest.mark.needs("gpu")
    def test_one_gpu(server, client):
        pass


    @pytest.mark.claim("python-no-restart")
    @pytest.mark.needs(gpus=2)
    def test_two_gpus(server):
        pass


    @pytest.mark.claim("server-version")
    def test_no_gpu(server):
        pass
"""
ONE, TWO, NO = "correlation-id-string", "python-no-restart", "server-version"


@pytest.fixture
def machine(project):
    """Stages GPUs, a server and checks; runs these and gives the verdict of every cell."""
    project.stage_gpus(GPUS)
    target = project.stage("server")

    def run(*options, checks=CHECKS):
        project.check(checks)
        project.run("suites", "--target", target, *options)
        return {
            (cell.claim, cell.gpu, cell.protocol): cell.verdict.value
            for cell in project.ledger().cells
        }

    return run


def of_one(*gpus):
    return {(ONE, gpu, protocol): "confirmed" for gpu in gpus for protocol in ("grpc", "http")}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "workers"])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), {**of_one("hopper", "ampere"), (TWO, "hopper", None): "confirmed"}),
        (("--gpu=all",), {**of_one(*GPUS), (TWO, "hopper", None): "confirmed"}),
        (("--gpu=GPU-b",), {**of_one("GPU-bb33"), (TWO, "cpu", None): "blocked"}),
        (
            ("--gpu=none",),
            {
                (ONE, "cpu", "grpc"): "blocked",
                (ONE, "cpu", "http"): "blocked",
                (TWO, "cpu", None): "blocked",
            },
        ),
    ],
    ids=["arch", "all", "one", "none"],
)
def test_cells_are_spread_over_the_chosen_gpus(machine, project, options, expected, workers):
    assert machine(*options, *workers) == {**expected, (NO, "cpu", None): "confirmed"}
    assert project.ledger().footer["complete"]


def test_a_cell_s_command_names_its_gpu(machine, project):
    machine("--gpu=all")
    commands = {cell.gpu: cell.reproduce for cell in project.ledger().cells}
    assert commands["GPU-bb33"].endswith("--gpu=GPU-bb33")
    assert "--gpu" not in commands["cpu"]


def test_the_caller_s_variable_takes_gpus_away(machine, monkeypatch, project):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    verdicts = machine()
    assert {gpu for claim, gpu, _ in verdicts if claim == ONE} == {"ampere"}
    assert verdicts[TWO, "cpu", None] == "blocked"
    (reason,) = (cell.reason for cell in project.ledger().cells if cell.claim == TWO)
    assert "CUDA_VISIBLE_DEVICES=2 hides 2 of 3 GPUs" in reason


def test_only_gpus_of_the_kind_that_is_needed(machine, project):
    verdicts = machine(
        checks="""
        import pytest


        @pytest.mark.claim("correlation-id-string")
        @pytest.mark.needs(compute_capability=">=9.0")
        def test_newer(server):
            pass


        @pytest.mark.claim("server-version")
        @pytest.mark.needs(architecture="blackwell")
        @pytest.mark.needs(os="windows")
        def test_newest(server):
            pass
        """
    )
    assert verdicts == {(ONE, "hopper", None): "confirmed", (NO, "cpu", None): "blocked"}
    reason = next(cell.reason for cell in project.ledger().cells if cell.claim == NO)
    assert "a GPU of architecture blackwell: there is GPU-aa11 (staged GPU, hopper, 9.0)" in reason
    assert "needs a server on windows" in reason


def test_a_check_that_is_blocked_starts_nothing(machine, project):
    machine(
        checks="""
        import pytest


        @pytest.fixture
        def costly():
            raise ValueError("started")


        @pytest.mark.claim("server-version")
        @pytest.mark.needs(architecture="blackwell")
        def test_newest(costly, server):
            pass
        """
    )
    (cell,) = project.ledger().cells
    assert cell.verdict.value == "blocked"
    assert project.ledger().footer["server_starts"] == 0


INTERLEAVED = """
    import pytest

    SERVERS = []


    @pytest.mark.claim("correlation-id-string")
    NEEDS_MARK
    def test_first(server, protocol):
        SERVERS.append(server.process)


    @pytest.mark.claim("server-version")
    @pytest.mark.server(arguments=["--log-info=true"])
    def test_between(server, evidence):
        evidence.show("the server before", "runs" if SERVERS[0].is_alive() else "has ended")
"""


@pytest.mark.parametrize(
    ("needs", "seen"),
    [("@pytest.mark.needs(architecture='ampere')", "has ended"), ("", "runs")],
    ids=["GPU", "CPU"],
)
def test_a_gpu_is_given_back_as_soon_as_the_next_check_is_not_on_it(machine, project, needs, seen):
    project.pytester.makeconftest("""
        import pytest


        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_collection_modifyitems(items):
            yield
            items[:] = sorted(items, key=lambda item: "http" in item.nodeid)
            assert ["between" in item.nodeid for item in items] == [False, True, False]
    """)
    verdicts = machine(checks=INTERLEAVED.replace("NEEDS_MARK", needs))
    assert len(verdicts) == 3
    (shown,) = (cell.evidence[0].text for cell in project.ledger().cells if cell.claim == NO)
    assert shown == seen
