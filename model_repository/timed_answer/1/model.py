"""Answers after so many microseconds, with the number of requests it has seen and of those that it
was told of as cancelled by then."""

import time

import numpy as np
import triton_python_backend_utils as pb_utils


def is_cancelled(request):
    # Servers before 2.39 tell their models nothing of it.
    return hasattr(request, "is_cancelled") and request.is_cancelled()


def tensor_of(seen):
    array = np.array(seen, dtype=np.int32)
    if int(np.__version__.split(".")[0]) < 2:
        return pb_utils.Tensor("SEEN", array)
    # Servers before 2.52 make empty tensors of NumPy 2 arrays, but not of DLPack ones.
    return pb_utils.Tensor.from_dlpack("SEEN", array)


class TritonPythonModel:
    def initialize(self, args):
        self.requests = 0
        self.cancelled = 0

    def execute(self, requests):
        responses = []
        for request in requests:
            tensor = pb_utils.get_input_tensor_by_name(request, "MICROSECONDS")
            time.sleep(int(tensor.as_numpy()[0]) / 1e6)
            self.requests += 1
            self.cancelled += is_cancelled(request)
            responses.append(
                pb_utils.InferenceResponse([tensor_of([self.requests, self.cancelled])])
            )
        return responses
