"""Doubles numbers, and says which GPUs its process can use: as JSON in UTF-8.

{"count": 0, "words": "..."}   how many, and how that is known
"""

import ctypes
import json

import numpy as np
import triton_python_backend_utils as pb_utils


def gpus():
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError as problem:
        return {"count": 0, "words": f"no CUDA driver: {problem}"}
    status = driver.cuInit(0)
    if status != 0:
        return {"count": 0, "words": f"cuInit answers {status}"}
    count = ctypes.c_int()
    status = driver.cuDeviceGetCount(ctypes.byref(count))
    return {"count": count.value, "words": f"cuDeviceGetCount answers {status}"}


def tensor_of(name, array):
    if int(np.__version__.split(".")[0]) < 2:
        return pb_utils.Tensor(name, array)
    # Servers before 2.52 make empty tensors of NumPy 2 arrays, but not of DLPack ones.
    return pb_utils.Tensor.from_dlpack(name, array)


class TritonPythonModel:
    def initialize(self, arguments):
        self.kind = arguments["model_instance_kind"]

    def execute(self, requests):
        responses = []
        for request in requests:
            numbers = pb_utils.get_input_tensor_by_name(request, "IN").as_numpy()
            report = json.dumps({"instance": self.kind, **gpus()}).encode()
            outputs = [
                tensor_of("DOUBLED", numbers * 2),
                tensor_of("GPUS", np.frombuffer(report, dtype=np.uint8).copy()),
            ]
            responses.append(pb_utils.InferenceResponse(outputs))
        return responses
