"""Breaks at every request."""


class TritonPythonModel:
    def execute(self, requests):
        raise ValueError(f"the model breaks at {len(requests)} requests")
