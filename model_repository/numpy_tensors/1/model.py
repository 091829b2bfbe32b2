"""Gives the tensor it got back, as it is and reversed, and reports as JSON what it got.

{"numpy": "2.2.6", "received": [[2, 3], "int32", DATA]}, which are the shape, the datatype and the
data in hexadecimal digits; of strings it is a list, with the digits of each.
"""

import json

import numpy as np
import triton_python_backend_utils as pb_utils


def report_of(array):
    strings = array.dtype == np.object_
    data = [each.hex() for each in array.ravel()] if strings else array.tobytes().hex()
    return {"numpy": np.__version__, "received": [list(array.shape), array.dtype.name, data]}


def report_tensor(report, rows):
    array = np.frombuffer(json.dumps(report).encode(), dtype=np.uint8)
    array = np.tile(array, (rows, 1)) if rows else array.copy()
    if int(np.__version__.split(".")[0]) < 2:
        return pb_utils.Tensor("REPORT", array)
    # Servers before 2.52 make empty tensors of NumPy 2 arrays, but not of DLPack ones.
    return pb_utils.Tensor.from_dlpack("REPORT", array)


class TritonPythonModel:
    def initialize(self, args):
        self.batched = json.loads(args["model_config"])["max_batch_size"] > 0

    def execute(self, requests):
        responses = []
        for request in requests:
            (tensor,) = request.inputs()
            array = tensor.as_numpy()
            suffix = tensor.name()[len("IN") :]
            responses.append(
                pb_utils.InferenceResponse(
                    [
                        pb_utils.Tensor("SAME" + suffix, array),
                        pb_utils.Tensor("REVERSED" + suffix, array[::-1]),
                        report_tensor(report_of(array), array.shape[0] if self.batched else 0),
                    ]
                )
            )
        return responses
