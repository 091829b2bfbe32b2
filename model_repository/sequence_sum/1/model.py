"""Keeps a sum for each sequence, and answers with it."""

import numpy as np
import triton_python_backend_utils as pb_utils


def value_of(request, name):
    return int(pb_utils.get_input_tensor_by_name(request, name).as_numpy().ravel()[0])


def tensor_of(number):
    array = np.array([number], dtype=np.int32)
    if int(np.__version__.split(".")[0]) < 2:
        return pb_utils.Tensor("OUT", array)
    # Servers before 2.52 make empty tensors of NumPy 2 arrays, but not of DLPack ones.
    return pb_utils.Tensor.from_dlpack("OUT", array)


class TritonPythonModel:
    def initialize(self, args):
        self.sums = {}

    def execute(self, requests):
        responses = []
        for request in requests:
            sequence = value_of(request, "CORRID")
            if value_of(request, "START"):
                self.sums[sequence] = 0
            self.sums[sequence] += value_of(request, "IN")
            responses.append(pb_utils.InferenceResponse([tensor_of(self.sums[sequence])]))
            if value_of(request, "END"):
                del self.sums[sequence]
        return responses
