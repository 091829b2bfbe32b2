"""Asks another model with parameters or a correlation ID, which that model reports."""

import json

import triton_python_backend_utils as pb_utils

BROUGHT = {
    "nothing": {},
    "parameters": {"parameters": {"colour": "green", "number": 7}},
    "correlation_id": {"correlation_id": "a-string"},
}


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        self.asks = parameters["asks"]["string_value"]
        self.brings = BROUGHT[parameters["brings"]["string_value"]]

    def execute(self, requests):
        return [self.ask(request) for request in requests]

    def ask(self, request):
        tensor = pb_utils.get_input_tensor_by_name(request, "IN")
        answer = pb_utils.InferenceRequest(
            model_name=self.asks,
            requested_output_names=["REPORT"],
            inputs=[tensor],
            **self.brings,
        ).exec()
        if answer.has_error():
            raise pb_utils.TritonModelException(answer.error().message())
        report = pb_utils.get_output_tensor_by_name(answer, "REPORT")
        return pb_utils.InferenceResponse([report])
