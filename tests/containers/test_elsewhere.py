"""Checks that would have to look at what another machine runs, or that it cannot reach."""

from __future__ import annotations

#: A really remote machine's processes are not here; this kernel would show the second engine's.
CHECKS = """
    from pathlib import Path

    import pytest


    @pytest.fixture
    def far_away(monkeypatch):
        real = Path.read_text

        def read_text(self, *arguments, **keywords):
            if self.match("/proc/[0-9]*/cgroup"):
                raise FileNotFoundError(self)
            return real(self, *arguments, **keywords)

        monkeypatch.setattr(Path, "read_text", read_text)


    @pytest.mark.claim("server-version")
    def test_processes(far_away, server):
        server.process.process_of(1)


    @pytest.mark.claim("cpu-only")
    def test_its_own_process(far_away, server):
        assert server.process.pid


    @pytest.mark.claim("cloud-repository-copies")
    def test_loopback(server):
        with server.fresh(loopback=True) as fresh:
            assert fresh.process


    @pytest.mark.claim("python-no-restart")
    @pytest.mark.server(numpy=2)
    def test_numpy(server):
        assert not server.process.shares_files
        code, printed = server.process.run_inside(["python3", "-c", "import numpy; print(numpy)"])
        assert (code, "image-python" in printed) == (0, True)
"""


def test_what_cannot_be_seen_or_reached_elsewhere_is_blocked_and_why(
    project, second_engine, server_image
):
    project.check(CHECKS)
    project.run(
        *("suites", "--gpu=none", f"--docker-host={second_engine.url}"),
        f"--target=image:{server_image}",
    )
    cells = {cell.claim: cell for cell in project.ledger().cells}
    for claim in ("server-version", "cpu-only"):
        assert cells[claim].verdict.value == "blocked"
        assert "the processes of a container at" in cells[claim].reason
    assert cells["cloud-repository-copies"].verdict.value == "blocked"
    assert "this machine's loopback" in cells["cloud-repository-copies"].reason
    # What its models need from here is brought there.
    assert cells["python-no-restart"].verdict.value == "confirmed", cells[
        "python-no-restart"
    ].reason
