"""Answers with its text: word by word where a stream is asked for, else in one response."""

import json

import numpy as np
import triton_python_backend_utils as pb_utils

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL


def value_of(request, name, otherwise):
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    return otherwise if tensor is None else tensor.as_numpy().reshape(-1)[0]


def pieces_of(text, count):
    """The words with the space before them, the last piece with all that are left."""
    words = [f" {word}" if number else word for number, word in enumerate(text.split())]
    head = words[: count - 1]
    return [*head, "".join(words[count - 1 :])]


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        self.text, responses, self.fails = (
            parameters[name]["string_value"] for name in ("text", "responses", "fails")
        )
        self.text = self.text.replace("_", " ")
        self.pieces = pieces_of(self.text, int(responses))

    def execute(self, requests):
        for request in requests:
            sender = request.get_response_sender()
            if self.fails == "always":
                error = pb_utils.TritonError("this model fails on purpose")
                sender.send(pb_utils.InferenceResponse(error=error), flags=FINAL)
                continue
            for piece in self.answers(request):
                tensor = pb_utils.Tensor("text_output", np.array([piece.encode()], dtype=object))
                sender.send(pb_utils.InferenceResponse([tensor]))
            sender.send(flags=FINAL)

    def answers(self, request):
        before = ""
        if not value_of(request, "exclude_input_in_output", True):
            before = value_of(request, "text_input", b"").decode()
        if value_of(request, "stream", False):
            return [before + self.pieces[0], *self.pieces[1:]]
        return [before + self.text]
