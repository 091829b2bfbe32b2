"""A fleet that never was: GPUs of three architectures, servers of many versions, every verdict.

Its servers are staged, and so are its checks: they see what the notes imply, but for a few. What is
real is how the plugin tells it. No claim is decided on it.
"""

from __future__ import annotations

ARCHITECTURES = {"ampere": "8.0", "hopper": "9.0", "blackwell": "10.0"}

_CHECKS = '''
    import zlib

    import pytest

    from fixtures.judging import CELL
    from triton_claims.errors import Blocked, Undecided
    from triton_claims.notes.versions import ServerVersion
    from triton_claims.verdicts.verdict import Expectation, expect


    def behave(server, request, evidence, *, odd_in):
        """One cell in so many does not see what the notes imply, in one of five ways."""
        cell = request.node.stash[CELL]
        told = f"{cell.claim.id} on {cell.target.rsplit('/', 1)[-1]}, {cell.gpu}, {cell.protocol}"
        number = zlib.crc32(told.encode())
        evidence.show("seen", f"{told}: {number}")
        evidence.measure("latency", number % 1000 / 10, "ms")
        holds = expect(cell.claim, ServerVersion.parse(server.version)) is Expectation.HOLDS
        odd = number // 8 % odd_in == 0
        if not odd:
            assert holds, f"not seen: {told}"
        elif number % 5 == 0:
            raise Blocked("there is no NVLink", unblock="add one")
        elif number % 5 == 1:
            raise Undecided("3 samples", needed="40 more")
        elif number % 5 == 2:
            raise ValueError(f"the check of {told} is wrong")
        else:
            assert not holds, f"not seen: {told}"
'''
_CHECK = """

    @pytest.mark.claim("{claim}")
    @pytest.mark.needs("gpu")
    def test_{name}(server, client, request, evidence):
        behave(server, request, evidence, odd_in={odd_in})
"""


def run_fleet(project, claims, versions, *, odd_in):
    """Runs a staged check of every claim on every server and architecture, over both protocols.

    Args:
        project: The project that runs them.
        claims: Their ids.
        versions: The servers' versions.
        odd_in: One cell in so many comes out otherwise than the notes imply.

    Returns:
        The run's cells.
    """
    project.check(
        _CHECKS
        + "".join(
            _CHECK.format(claim=claim, name=claim.replace("-", "_"), odd_in=odd_in)
            for claim in claims
        )
    )
    project.stage_gpus({f"GPU-{name}": each for name, each in ARCHITECTURES.items()})
    targets = [project.stage(f"server-{version}", version=version) for version in versions]
    project.run("suites", "-q", *(f"--target={target}" for target in targets))
    return project.ledger().cells
