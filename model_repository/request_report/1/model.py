"""Reports, as JSON, a request's correlation ID, its parameters and the context of its trace."""

import json

import numpy as np
import triton_python_backend_utils as pb_utils


def trace_context(request):
    # Older servers give their models no trace, or one without a context.
    trace = request.trace() if hasattr(request, "trace") else None
    return trace.get_context() if hasattr(trace, "get_context") else None


class TritonPythonModel:
    def execute(self, requests):
        return [self.report(request) for request in requests]

    def report(self, request):
        report = {
            "correlation_id": request.correlation_id(),
            "parameters": json.loads(request.parameters() or "{}"),
            "trace_context": trace_context(request),
        }
        text = np.array([json.dumps(report).encode()], dtype=object)
        return pb_utils.InferenceResponse([pb_utils.Tensor("REPORT", text)])
