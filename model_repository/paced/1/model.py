"""Answers with its input after the seconds that its configuration says.

An instance draws which of its requests are slow from a sequence of its own, the same one in every
server: two servers with the same variant are slow alike.
"""

import json
import random
import time

import numpy as np
import triton_python_backend_utils as pb_utils


def tensor_of(array):
    if int(np.__version__.split(".")[0]) < 2:
        return pb_utils.Tensor("OUT", array)
    # Servers before 2.52 make empty tensors of NumPy 2 arrays, but not of DLPack ones.
    return pb_utils.Tensor.from_dlpack("OUT", array)


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        self.seconds = float(parameters["seconds"]["string_value"])
        self.slow_share = float(parameters["slow_share"]["string_value"])
        self.slow_seconds = float(parameters["slow_seconds"]["string_value"])
        self.random = random.Random(args["model_instance_name"])

    def execute(self, requests):
        responses = []
        for request in requests:
            slow = self.random.random() < self.slow_share
            time.sleep(self.slow_seconds if slow else self.seconds)
            array = pb_utils.get_input_tensor_by_name(request, "IN").as_numpy().copy()
            responses.append(pb_utils.InferenceResponse([tensor_of(array)]))
        return responses
