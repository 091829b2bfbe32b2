"""Whether the library that engines are built with reads the configuration of Llama 3.1."""

from __future__ import annotations

import pytest

from triton_claims.errors import BrokenError

#: The part of a configuration that came with Llama 3.1: how it stretches positions.
READ = """\
import json, pathlib, sys, tempfile
from transformers import AutoConfig, __version__
config = {"model_type": "llama", "hidden_size": 16, "num_attention_heads": 2,
          "num_hidden_layers": 1, "intermediate_size": 16, "vocab_size": 32}
if sys.argv[1] == "3.1":
    config["rope_scaling"] = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                              "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
folder = pathlib.Path(tempfile.mkdtemp())
(folder / "config.json").write_text(json.dumps(config))
print("transformers", __version__)
AutoConfig.from_pretrained(folder)
print("was read")
"""
#: What the library says of the part that it does not know.
REFUSAL = "rope_scaling"


@pytest.mark.claim("trtllm-llama31-transformers")
@pytest.mark.needs(image="trtllm-python-py3")
def test_the_configuration_of_llama_3_1_is_read(image, evidence):
    """The transformers library of the TensorRT-LLM image reads the configuration of Llama 3.1, for
    an engine to be built.
    """
    assert reads_llama_3_1(image, evidence), "it does not read it"


@pytest.mark.claim("trtllm-llama31-transformers-too-old")
@pytest.mark.needs(image="trtllm-python-py3")
def test_the_configuration_of_llama_3_1_is_not_read(image, evidence):
    """The transformers library that the TensorRT-LLM image brings does not read the configuration
    of Llama 3.1, so that no engine for it can be built.
    """
    assert not reads_llama_3_1(image, evidence), "it reads it"


def reads_llama_3_1(image, evidence):
    """Whether it does; the configuration of the Llama before must be read."""
    code, printed = image.run(["python3", "-c", READ, "3.0"])
    if code or "was read" not in printed:
        raise BrokenError(f"the check's control failed: Llama 3 is not read: {printed[-1000:]}")
    code, printed = image.run(["python3", "-c", READ, "3.1"])
    evidence.show("reading it", printed)
    if code and REFUSAL not in printed:
        raise BrokenError(f"it is not read for another reason: {printed[-1000:]}")
    return code == 0 and "was read" in printed
