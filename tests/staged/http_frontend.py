"""The HTTP face of a staged server."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from staged.correlation import Refusal, Sent
from staged.serving import EXTENSIONS, Request, Serving, die
from staged.tensors import Contents, flatten, pack, unpack

JSON = "application/json"
HEADER_LENGTH = "Inference-Header-Content-Length"  # where the JSON ends and the tensors begin
_MODEL = r"/v2/models/([^/]+)(?:/versions/[^/]+)?"


class HttpServer(ThreadingHTTPServer):
    """Listens on one port; every connection has a thread of its own."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], serving: Serving) -> None:
        self.serving = serving
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: HttpServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named above us
        """The log is for what a real server would say."""

    def do_GET(self) -> None:
        self._handle({"/v2/repository/index": self._not_allowed, **self._gets()})

    def do_POST(self) -> None:
        self._handle({"/v2/repository/index": self._index, f"{_MODEL}/infer": self._infer})

    def _gets(self) -> dict[str, Any]:
        return {
            "/v2": self._server_metadata,
            "/v2/health/live": self._live,
            "/v2/health/ready": self._ready,
            f"{_MODEL}/ready": self._model_ready,
            f"{_MODEL}/config": self._model_config,
            _MODEL: self._model_metadata,
        }

    def _handle(self, routes: dict[str, Any]) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        try:
            for pattern, route in routes.items():
                if found := re.fullmatch(pattern, path):
                    route(*(unquote(part) for part in found.groups()))
                    return
            raise Refusal(404, "Not Found")  # noqa: TRY301 - one place answers all errors
        except Refusal as refusal:
            self._answer_json({"error": refusal.message}, refusal.status)

    def _answer(self, status: int, kind: str, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response_only(status, HTTPStatus(status).phrase)
        for name, value in (
            ("Content-Type", kind),
            *headers,
            ("Content-Length", str(len(body))),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _answer_json(self, value: Any, status: int = 200) -> None:
        self._answer(status, JSON, json.dumps(value, separators=(",", ":")).encode())

    def _not_allowed(self) -> None:
        raise Refusal(405, "Method Not Allowed")

    def _server_metadata(self) -> None:
        serving = self.server.serving
        version = serving.version(serving.knobs.http_version)
        self._answer_json({"name": serving.name, "version": version, "extensions": EXTENSIONS})

    def _live(self) -> None:
        self._answer(200, "text/plain", b"")

    def _ready(self) -> None:
        serving = self.server.serving
        ready = serving.is_ready()
        self._answer(200 if ready else 400, "text/plain", b"")
        if ready and serving.knobs.dies_on == "after-ready":
            die(serving.knobs.signal, serving.knobs.exit_code)

    def _model_ready(self, name: str) -> None:
        if name not in self.server.serving.models:
            raise Refusal(400, "Model version not ready")
        self._answer(200, "text/plain", b"")

    def _model_config(self, name: str) -> None:
        self._answer_json(self.server.serving.model(name).config_json())

    def _model_metadata(self, name: str) -> None:
        serving = self.server.serving
        self._answer_json(serving.metadata(serving.model(name)))

    def _index(self) -> None:
        self._answer_json(self.server.serving.index())

    def _infer(self, name: str) -> None:
        serving = self.server.serving
        header_length = self.headers.get(HEADER_LENGTH)
        split = len(self.body) if header_length is None else int(header_length)
        try:
            asked = json.loads(self.body[:split])
            request = _request(name, asked, self.body[split:])
        except Refusal:
            raise
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # Triton answers a request that it cannot read as a failure of its own.
            raise Refusal(500, f"failed to parse the request JSON buffer: {error}") from error
        outputs = serving.infer(request)
        self._answer_infer(asked, serving.model(name).versions[-1], outputs)

    def _answer_infer(self, asked: dict[str, Any], version: str, outputs: list[Contents]) -> None:
        all_binary = asked.get("parameters", {}).get("binary_data_output", False)
        binary = {
            output["name"]: output.get("parameters", {}).get("binary_data", all_binary)
            for output in asked.get("outputs", [])
        }
        described, blobs = [], []
        for tensor in outputs:
            told: dict[str, Any] = {
                "name": tensor.name,
                "datatype": tensor.datatype,
                "shape": list(tensor.shape),
            }
            if binary.get(tensor.name, all_binary):
                told["parameters"] = {"binary_data_size": len(tensor.raw)}
                blobs.append(tensor.raw)
            else:
                told["data"] = unpack(tensor.datatype, tensor.raw)
            described.append(told)
        name = unquote(self.path.split("/")[3])
        answer = {"model_name": name, "model_version": version, "outputs": described}
        if "id" in asked:
            answer = {"id": asked["id"], **answer}
        if not blobs:
            self._answer_json(answer)
            return
        head = json.dumps(answer, separators=(",", ":")).encode()
        body = head + b"".join(blobs)
        self._answer(200, "application/octet-stream", body, (HEADER_LENGTH, str(len(head))))


def _request(model: str, asked: dict[str, Any], binary: bytes) -> Request:
    inputs = []
    for tensor in asked["inputs"]:
        size = tensor.get("parameters", {}).get("binary_data_size")
        if size is None:
            raw = pack(tensor["datatype"], flatten(tensor["data"]))
        else:
            raw, binary = binary[:size], binary[size:]
        shape = tuple(tensor["shape"])
        contents = Contents(tensor["name"], tensor["datatype"], shape, raw)
        if len(unpack(contents.datatype, raw)) != contents.elements:
            raise Refusal(
                500, "Unable to parse 'data': Shape does not match true shape of 'data' field"
            )
        inputs.append(contents)
    parameters = asked.get("parameters", {})
    sent = Sent(
        model=model,
        protocol="http",
        # An empty id is none, and none is 0.
        correlation=parameters.get("sequence_id", 0) or 0,
        start=bool(parameters.get("sequence_start", False)),
        end=bool(parameters.get("sequence_end", False)),
        request_id=str(asked.get("id", "")),
    )
    return Request(sent, inputs, [output["name"] for output in asked.get("outputs", [])])
