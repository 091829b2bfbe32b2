"""Answers every request once, and does with the response sender what its configuration says.

A kept sender is finished late: when the file "finish" turns up in the model's folder. At its end
the model prints "NAME: finalize" into the server's log.
"""

import json
import threading
import time
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


def tensor_of(number):
    array = np.array([number], dtype=np.int32)
    if int(np.__version__.split(".")[0]) < 2:
        return pb_utils.Tensor("OUT", array)
    # Servers before 2.52 make empty tensors of NumPy 2 arrays, but not of DLPack ones.
    return pb_utils.Tensor.from_dlpack("OUT", array)


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        self.name = args["model_name"]
        self.finishes = parameters["finish"]["string_value"] == "finished"
        self.keeps = parameters["sender"]["string_value"] == "kept"
        self.kept = []
        self.asked_to_finish = Path(args["model_repository"]) / "finish"
        if self.keeps and not self.finishes:
            threading.Thread(target=self.finish_when_asked, daemon=True).start()

    def execute(self, requests):
        for request in requests:
            sender = request.get_response_sender()
            sender.send(pb_utils.InferenceResponse([tensor_of(len(self.kept))]))
            if self.finishes:
                sender.send(flags=FINAL)
            if self.keeps:
                self.kept.append(sender)

    def finish_when_asked(self):
        while not self.asked_to_finish.exists():
            time.sleep(0.05)
        for sender in self.kept:
            sender.send(flags=FINAL)
        self.kept.clear()

    def finalize(self):
        print(f"{self.name}: finalize", flush=True)
