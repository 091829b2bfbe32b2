"""Reports, as JSON in UTF-8, its version and the folder it runs from.

The folder's other versions are the same.
"""

import json

import numpy as np
import triton_python_backend_utils as pb_utils


def tensor_of(report):
    array = np.frombuffer(json.dumps(report).encode(), dtype=np.uint8).copy()
    if int(np.__version__.split(".")[0]) < 2:
        return pb_utils.Tensor("REPORT", array)
    # Servers before 2.52 make empty tensors of NumPy 2 arrays, but not of DLPack ones.
    return pb_utils.Tensor.from_dlpack("REPORT", array)


class TritonPythonModel:
    def initialize(self, arguments):
        self.report = {
            "version": arguments["model_version"],
            "folder": arguments["model_repository"],
        }

    def execute(self, requests):
        return [pb_utils.InferenceResponse([tensor_of(self.report)]) for _ in requests]
