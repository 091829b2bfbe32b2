"""What the server offers models of other backends, and not those of TensorRT-LLM."""

from __future__ import annotations

import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers import model_control
from triton_claims.servers.models import model

OTHER = model("echo")
EXPLICIT = "--model-control-mode=explicit"
#: What a model's configuration may ask the server for.
FEATURES = {
    "response cache": {"response_cache": {"enable": True}},
    "sequence batching": {"sequence_batching": {"direct": {}}},
}
#: Of these a configuration has one.
SCHEDULERS = ("dynamic_batching", "sequence_batching", "ensemble_scheduling")
NO_MEMORY = "out of memory"


@pytest.mark.claim("trtllm-limited")
@pytest.mark.needs("gpu", image="trtllm-python-py3")
@pytest.mark.server(models=[OTHER])
def test_some_features_are_not_for_it(server, language_model_of_user, evidence):
    """A model of the TensorRT-LLM backend lacks some of the extensions and features that the server
    offers other models.
    """
    arguments = [*language_model_of_user.arguments, EXPLICIT, "--cache-config=local,size=1048576"]
    with server.fresh(arguments=arguments) as fresh:
        client = fresh.client("http", timeout=600.0)
        name = engine_of(client, language_model_of_user)
        policy = model_control.configuration(client, name).get("model_transaction_policy", {})
        refusals = {}
        for feature, asked in FEATURES.items():
            # As decoupled as the engine is: to decoupled models the server offers less.
            offered = answer_to(client, OTHER.name, {**asked, "model_transaction_policy": policy})
            if not offered.accepted:
                continue  # the server offers it to nobody
            answer = answer_to(client, name, asked)
            if not answer.accepted:
                refusals[feature] = str(answer)
        told = "\n".join(f"{feature}: {words}" for feature, words in refusals.items())
        evidence.show("offered to others, and not to TensorRT-LLM", told or "none")
    assert refusals, "it takes all that the server offers other models"


def engine_of(client, language_model):
    """The model of the backend itself: the one that is asked, or one that it consists of."""
    for name in (language_model.name, "tensorrt_llm"):
        if model_control.load(client, name).must_come().accepted:
            configuration = model_control.configuration(client, name)
            if configuration.get("backend") == "tensorrtllm":
                return name
    raise BrokenError("the check's control failed: no model of the backend tensorrtllm loads")


def answer_to(client, name, asked):
    """What comes of a model's load when its configuration asks for a feature; without, it loads.

    A model has one scheduler, and the usual configuration names another than is asked for. Where
    the model as it is still has the GPU's memory, there is none for it a second time.
    """
    answer = model_control.load(client, name)
    if not answer.accepted:
        raise BrokenError(f"the check's control failed: {name} does not load as it is: {answer}")
    configuration = model_control.configuration(client, name)
    rest = {key: value for key, value in configuration.items() if key not in SCHEDULERS}
    must_unload(client, name)
    answer = model_control.load(client, name, config={**rest, **asked}).must_come()
    if NO_MEMORY in answer.message.lower():
        raise BrokenError(f"there is no memory for {name}: {answer}")
    return answer


def must_unload(client, name):
    """Sees to it that a model is gone."""
    model_control.unload(client, name)
    gone = model_control.UNAVAILABLE
    if model_control.wait_for_state(client, name, gone, model_control.LOAD_TIMEOUT) is None:
        raise BrokenError(f"the check's control failed: {name} does not unload")
