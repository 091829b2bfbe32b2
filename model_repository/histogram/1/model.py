"""Observes its inputs in a histogram with the buckets 1 and 10; answers 1 where it has one."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        self.metric = None
        kind = getattr(pb_utils.MetricFamily, "HISTOGRAM", None)
        if kind is not None:  # older servers know no histograms
            self.family = pb_utils.MetricFamily("observed_inputs", "what was observed", kind)
            self.metric = self.family.Metric(labels={"place": "here"}, buckets=[1.0, 10.0])

    def execute(self, requests):
        return [self.observe(request) for request in requests]

    def observe(self, request):
        value = pb_utils.get_input_tensor_by_name(request, "IN").as_numpy()
        if self.metric is not None:
            self.metric.observe(float(value[0]))
        has = np.array([self.metric is not None], dtype=np.float32)
        return pb_utils.InferenceResponse([pb_utils.Tensor("OUT", has)])
