"""Answers with its input, and keeps nothing."""

import numpy as np
import triton_python_backend_utils as pb_utils


def tensor_of(array):
    if int(np.__version__.split(".")[0]) < 2:
        return pb_utils.Tensor("OUT", array)
    # Servers before 2.52 make empty tensors of NumPy 2 arrays, but not of DLPack ones.
    return pb_utils.Tensor.from_dlpack("OUT", array)


class TritonPythonModel:
    def execute(self, requests):
        return [
            pb_utils.InferenceResponse(
                [tensor_of(pb_utils.get_input_tensor_by_name(request, "IN").as_numpy().copy())]
            )
            for request in requests
        ]
