"""Answers with an error that says of itself that something was not found."""

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        return [pb_utils.InferenceResponse(error=self.error()) for _ in requests]

    def error(self):
        code = getattr(pb_utils.TritonError, "NOT_FOUND", None)
        if code is None:  # servers whose errors have no codes
            return pb_utils.TritonError("the model finds nothing")
        return pb_utils.TritonError("the model finds nothing", code)
