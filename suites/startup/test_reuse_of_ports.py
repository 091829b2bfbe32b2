"""Options that are booleans."""

from __future__ import annotations

import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers.running import ServerFailedToStartError

OPTIONS = ("--reuse-http-port", "--reuse-grpc-port")


@pytest.mark.claim("reuse-port-booleans")
@pytest.mark.server(arguments=[])
def test_reuse_of_ports_is_said_by_booleans(server, evidence):
    """The options --reuse-http-port and --reuse-grpc-port take true and false as well as 1 and 0,
    and no other number.
    """
    with evidence.step("control: the server starts with 1 and 0"):
        for value in ("1", "0"):
            if problem := refusal(server, *(f"{option}={value}" for option in OPTIONS)):
                raise BrokenError(f"the check's control failed: with {value}: {problem}")
    refused = {
        value: [option for option in OPTIONS if refusal(server, f"{option}={value}")]
        for value in ("true", "false", "2")
    }
    evidence.show("the options refused, by the value", repr(refused))

    wrong = [value for value in ("true", "false") if refused[value]]
    assert not wrong, f"the server does not start with {', '.join(wrong)}"
    assert len(refused["2"]) == len(OPTIONS), "the server starts with 2"


def refusal(server, *arguments):
    """Why a server with these options does not start; None where it does."""
    with server.fresh(arguments=arguments) as own:
        try:
            _ = own.process
        except ServerFailedToStartError as problem:
            if not problem.ended:
                raise
            return str(problem).splitlines()[0]
    return None
