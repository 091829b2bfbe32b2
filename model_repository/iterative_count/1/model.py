"""Has its request scheduled again until it has seen it three times, and answers with the count."""

import numpy as np
import triton_python_backend_utils as pb_utils

TIMES = 3


class TritonPythonModel:
    def initialize(self, args):
        self.seen = 0

    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        self.seen += 1
        if self.seen < TIMES:
            request.set_release_flags(pb_utils.TRITONSERVER_REQUEST_RELEASE_RESCHEDULE)
            return None
        count = np.array([[self.seen]], dtype=np.int32)
        self.seen = 0
        return pb_utils.InferenceResponse([pb_utils.Tensor("OUT", count)])
