"""Tells the log when a request comes, and whether it was cancelled within some seconds."""

import time

import numpy as np
import triton_python_backend_utils as pb_utils

PATIENCE = 4.0  # seconds


class TritonPythonModel:
    def execute(self, requests):
        return [self.watch(request) for request in requests]

    def watch(self, request):
        pb_utils.Logger.log_info("cancel_watcher: a request came")
        deadline = time.monotonic() + PATIENCE
        cancelled = False
        while not cancelled and time.monotonic() < deadline:
            time.sleep(0.02)
            # Servers that know of no cancellation have no such method.
            cancelled = hasattr(request, "is_cancelled") and request.is_cancelled()
        pb_utils.Logger.log_info(f"cancel_watcher: cancelled: {cancelled}")
        return pb_utils.InferenceResponse([pb_utils.Tensor("OUT", np.zeros(1, dtype=np.float32))])
