"""Runs the model.py of a vLLM backend as it stands, on a recorder in the place of vLLM.

The environment names the folder that it lies in, and what the recorder is to write and to say.
"""

import importlib.util
import json
import os
import sys

import recording_vllm

FOLDER = os.environ["TRITON_CLAIMS_VLLM_BACKEND"]

recording_vllm.install(
    os.environ["TRITON_CLAIMS_VLLM_RECORD"], os.environ["TRITON_CLAIMS_VLLM_VERSION"]
)
sys.path.insert(0, FOLDER)
_specification = importlib.util.spec_from_file_location(
    "vllm_backend_model", os.path.join(FOLDER, "model.py")
)
_module = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(_module)


class TritonPythonModel(_module.TritonPythonModel):
    """The backend's own."""

    def initialize(self, args):
        """Told of the kind of instance that a server with a GPU would tell of."""
        told = json.loads(args["model_config"])["parameters"]["TOLD_KIND"]["string_value"]
        super().initialize({**args, "model_instance_kind": told})
