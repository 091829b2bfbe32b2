"""Reports, as JSON in UTF-8, which correlation ID reached it by which way.

{"request": {"type": "str", "value": ...},            what request.correlation_id() gives
 "control": {"datatype": "BYTES", "values": [...]}}   the control tensor, null where there is none
"""

import json

import numpy as np
import triton_python_backend_utils as pb_utils


def control_of(request):
    tensor = pb_utils.get_input_tensor_by_name(request, "CORRID")
    if tensor is None:
        return None
    array = tensor.as_numpy()
    return {
        "datatype": "BYTES" if array.dtype == np.object_ else array.dtype.name.upper(),
        "values": [
            value.decode("utf-8", "replace") if isinstance(value, bytes) else int(value)
            for value in array.ravel().tolist()
        ],
    }


def tensor_of(report):
    array = np.frombuffer(json.dumps(report).encode(), dtype=np.uint8).copy()
    if int(np.__version__.split(".")[0]) < 2:
        return pb_utils.Tensor("REPORT", array)
    # Servers before 2.52 make empty tensors of NumPy 2 arrays, but not of DLPack ones.
    return pb_utils.Tensor.from_dlpack("REPORT", array)


class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            correlation_id = request.correlation_id()
            report = {
                "request": {"type": type(correlation_id).__name__, "value": correlation_id},
                "control": control_of(request),
            }
            responses.append(pb_utils.InferenceResponse([tensor_of(report)]))
        return responses
