"""Gives back what it gets: IN_X as OUT_X. REQUEST is, as JSON in UTF-8, all else that it got:

{"id": "7", "parameters": {"name": value}}

A request with the parameter "refuse" is refused in the model's own words.
"""

import json

import numpy as np
import triton_python_backend_utils as pb_utils

NAMES = (
    "BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 FP32 FP64 BF16 STRING RANK1 RANK4"
)
NUMPY = int(np.__version__.split(".")[0])


def given_back(name, tensor):
    # NumPy has no BF16, and servers before 2.52 do not work with NumPy 2: DLPack does.
    if name == "BF16" or (NUMPY >= 2 and name not in ("BOOL", "STRING")):
        return pb_utils.Tensor.from_dlpack("OUT_" + name, tensor.to_dlpack())
    return pb_utils.Tensor("OUT_" + name, tensor.as_numpy())


def told(request):
    words = {"id": request.request_id(), "parameters": json.loads(request.parameters() or "{}")}
    array = np.frombuffer(json.dumps(words, sort_keys=True).encode(), dtype=np.uint8).copy()
    if NUMPY >= 2:
        return pb_utils.Tensor.from_dlpack("REQUEST", array)
    return pb_utils.Tensor("REQUEST", array)


class TritonPythonModel:
    def execute(self, requests):
        return [self.answer(request) for request in requests]

    def answer(self, request):
        if "refuse" in json.loads(request.parameters() or "{}"):
            return pb_utils.InferenceResponse(error=pb_utils.TritonError("refused as was asked"))
        outputs = [told(request)]
        for name in NAMES.split():
            tensor = pb_utils.get_input_tensor_by_name(request, "IN_" + name)
            if tensor is not None:
                outputs.append(given_back(name, tensor))
        return pb_utils.InferenceResponse(outputs)
