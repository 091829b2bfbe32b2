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
        lacking = []
        for feature, asked in FEATURES.items():
            if not takes(client, OTHER.name, asked):
                continue  # the server offers it to nobody
            if not takes(client, name, asked):
                lacking.append(feature)
        evidence.show("offered to others, and not to TensorRT-LLM", ", ".join(lacking) or "none")
    assert lacking, "it takes all that the server offers other models"


def engine_of(client, language_model):
    """The model of the backend itself: the one that is asked, or one that it consists of."""
    for name in (language_model.name, "tensorrt_llm"):
        if model_control.load(client, name).accepted:
            configuration = model_control.configuration(client, name)
            if configuration.get("backend") == "tensorrtllm":
                return name
    raise BrokenError("the check's control failed: no model of the backend tensorrtllm loads")


def takes(client, name, asked):
    """Whether a model loads when its configuration asks for a feature; without, it must."""
    if not model_control.load(client, name).accepted:
        raise BrokenError(f"the check's control failed: {name} does not load as it is")
    configuration = model_control.configuration(client, name)
    return model_control.load(client, name, config={**configuration, **asked}).accepted
