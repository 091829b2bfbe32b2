"""Options that ask for something only together."""

from __future__ import annotations

import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers.models import model
from triton_claims.servers.running import ServerFailedToStartError

MODEL = model("process_id", role="bystander")
LOAD = f"--load-model={MODEL.name}"
EXPLICIT = "--model-control-mode=explicit"


@pytest.mark.claim("load-model-explicit")
@pytest.mark.server(models=[MODEL], arguments=["--disable-auto-complete-config"])
def test_models_to_load_are_named_in_explicit_mode_alone(server, evidence):
    """A server that is told by --load-model what to load does not start unless its model control
    mode is explicit.
    """
    with evidence.step("control: in explicit mode it starts"):
        if problem := refusal(server, LOAD, EXPLICIT):
            raise BrokenError(f"the check's control failed: {problem}")
    problem = refusal(server, LOAD)
    evidence.show("in another mode", problem or "it starts")

    assert problem, "the server starts in another mode"
    if "--load-model" not in problem:
        raise BrokenError(f"the server does not start, and not because of it: {problem}")


def refusal(server, *arguments):
    """What a server with these options says as it does not start; None where it does."""
    with server.fresh(arguments=[*server.specification.arguments, *arguments]) as own:
        try:
            _ = own.process
        except ServerFailedToStartError as problem:
            if not problem.ended:
                raise
            return problem.log[-2000:] or str(problem)
    return None
