"""Reports, as JSON, during how many of so many calls another thread of its process ran.

{"sleep": 100, "compute": 0, "increment": 35, "observe": 36}, where "sleep" lets other threads run,
"compute" does not, and the others update custom metrics; "observe" is null on servers without
histograms.
"""

import json
import sys
import threading
import time

import numpy as np
import triton_python_backend_utils as pb_utils


class OtherThread:
    """Counts up whenever it may run: no thread is interrupted, so it runs while others let it."""

    def __enter__(self):
        self.steps = 0
        self.over = False
        self.interval = sys.getswitchinterval()
        sys.setswitchinterval(60.0)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        while not self.steps:
            time.sleep(0.001)
        return self

    def run(self):
        while not self.over:
            self.steps += 1
            time.sleep(0)

    def __exit__(self, *_):
        self.over = True
        self.thread.join()
        sys.setswitchinterval(self.interval)


def calls_with_progress(other, call, times):
    progressed = 0
    for _ in range(times):
        before = other.steps
        call()
        progressed += other.steps != before
    return progressed


def tensor_of(report):
    array = np.frombuffer(json.dumps(report).encode(), dtype=np.uint8).copy()
    if int(np.__version__.split(".")[0]) < 2:
        return pb_utils.Tensor("REPORT", array)
    # Servers before 2.52 make empty tensors of NumPy 2 arrays, but not of DLPack ones.
    return pb_utils.Tensor.from_dlpack("REPORT", array)


class TritonPythonModel:
    def initialize(self, args):
        # A family has to outlive its metrics.
        self.counters = pb_utils.MetricFamily(
            name="updates", description="Increments.", kind=pb_utils.MetricFamily.COUNTER
        )
        counter = self.counters.Metric(labels={})
        self.calls = {
            "sleep": lambda: time.sleep(0.0005),
            "compute": lambda: sum(range(10_000)),
            "increment": lambda: counter.increment(1),
            "observe": None,
        }
        if hasattr(pb_utils.MetricFamily, "HISTOGRAM"):
            self.histograms = pb_utils.MetricFamily(
                name="sizes", description="Observations.", kind=pb_utils.MetricFamily.HISTOGRAM
            )
            histogram = self.histograms.Metric(labels={}, buckets=[1.0, 10.0])
            self.calls["observe"] = lambda: histogram.observe(5.0)

    def execute(self, requests):
        responses = []
        for request in requests:
            updates = pb_utils.get_input_tensor_by_name(request, "UPDATES").as_numpy()
            with OtherThread() as other:
                report = {
                    name: call and calls_with_progress(other, call, int(updates[0]))
                    for name, call in self.calls.items()
                }
            responses.append(pb_utils.InferenceResponse([tensor_of(report)]))
        return responses
