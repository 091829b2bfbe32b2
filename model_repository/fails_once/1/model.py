"""Fails the first time that a server loads it: a file of that server's tells."""

import os
import tempfile
from pathlib import Path

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        tried = Path(tempfile.gettempdir()) / f"fails-once-{os.getppid()}"
        if not tried.exists():
            tried.touch()
            raise pb_utils.TritonModelException("fails the first time")
        tried.unlink()

    def execute(self, requests):
        return [
            pb_utils.InferenceResponse(
                [pb_utils.Tensor("OUT", pb_utils.get_input_tensor_by_name(r, "IN").as_numpy())]
            )
            for r in requests
        ]
