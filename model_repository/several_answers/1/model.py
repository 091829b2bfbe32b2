"""Answers with its input so many times, each time with one more added to it."""

import json

import numpy as np
import triton_python_backend_utils as pb_utils

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


def tensor_of(array):
    if int(np.__version__.split(".")[0]) < 2:
        return pb_utils.Tensor("OUT", array)
    # Servers before 2.52 make empty tensors of NumPy 2 arrays, but not of DLPack ones.
    return pb_utils.Tensor.from_dlpack("OUT", array)


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        self.responses = int(parameters["responses"]["string_value"])

    def execute(self, requests):
        for request in requests:
            array = pb_utils.get_input_tensor_by_name(request, "IN").as_numpy()
            sender = request.get_response_sender()
            for number in range(self.responses):
                answer = tensor_of(array + np.float32(number))
                sender.send(pb_utils.InferenceResponse([answer]))
            sender.send(flags=FINAL)
