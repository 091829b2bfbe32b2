"""Has no config.pbtxt beside it: auto-complete asks this file for the configuration."""

import numpy as np
import triton_python_backend_utils as pb_utils


def tensor_of(array):
    if int(np.__version__.split(".")[0]) < 2:
        return pb_utils.Tensor("OUT", array)
    # Servers before 2.52 make empty tensors of NumPy 2 arrays, but not of DLPack ones.
    return pb_utils.Tensor.from_dlpack("OUT", array)


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(config):
        config.set_max_batch_size(0)
        config.add_input({"name": "IN", "data_type": "TYPE_INT32", "dims": [1]})
        config.add_output({"name": "OUT", "data_type": "TYPE_INT32", "dims": [1]})
        return config

    def execute(self, requests):
        return [
            pb_utils.InferenceResponse(
                [tensor_of(pb_utils.get_input_tensor_by_name(request, "IN").as_numpy().copy())]
            )
            for request in requests
        ]
