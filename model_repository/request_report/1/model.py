"""Reports, as JSON, a request's correlation ID and its parameters."""

import json

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [self.report(request) for request in requests]

    def report(self, request):
        report = {
            "correlation_id": request.correlation_id(),
            "parameters": json.loads(request.parameters() or "{}"),
        }
        text = np.array([json.dumps(report).encode()], dtype=object)
        return pb_utils.InferenceResponse([pb_utils.Tensor("REPORT", text)])
