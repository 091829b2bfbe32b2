"""The load on language models, put on a server of ours that answers as it is told."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers.generate_load import GenerateLoad

LOAD = GenerateLoad(clients=3, requests=2, tokens=5)


@pytest.fixture
def serve():
    """Starts a server that gives one answer to all: its ``HOST:PORT``, and what it was asked."""
    started = []

    def serve(answer, status=200):
        asked = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                asked.append((self.path, json.loads(body)))
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        started.append((server, thread))
        return f"127.0.0.1:{server.server_address[1]}", asked

    yield serve
    for server, thread in started:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("told", ["5", "[5]"])
def test_each_client_sends_its_requests(told, serve):
    server, asked = serve(f'{{"num_output_tokens": {told}, "text_output": "x"}}'.encode())
    assert LOAD.run(server, "m") > 0
    assert LOAD.all_tokens == 30
    assert len(asked) == 6
    path, body = asked[0]
    assert path == "/v2/models/m/generate"
    assert json.loads(body["sampling_parameters"]) == {
        "temperature": 0,
        "max_tokens": 5,
        "ignore_eos": True,
    }
    LOAD.warm_up(server, "m")
    assert len(asked) == 9


def test_a_model_that_cannot_count_only_has_to_answer(serve):
    load = replace(LOAD, told=False)
    server, asked = serve(b'{"text_output": "x"}')
    load.run(server, "m")
    assert "return_num_output_tokens" not in asked[0][1]
    silent, _ = serve(b'{"text_output": ""}')
    with pytest.raises(BrokenError, match="expected 5 tokens, found None"):
        load.run(silent, "m")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b'{"num_output_tokens": 4}', 200),
        (b'{"num_output_tokens": 5}', 500),
        (b'{"text_output": "x"}', 200),
        (b'{"num_output_tokens": []}', 200),
        (b'{"num_output_tokens": null}', 200),
        (b"[]", 200),
        (b"no JSON", 200),
        (b"", 404),
    ],
)
def test_an_answer_that_is_not_whole_measures_nothing(answer, status, serve):
    server, _ = serve(answer, status)
    with pytest.raises(BrokenError, match="expected 5 tokens"):
        LOAD.run(server, "m")


def test_silence_measures_nothing():
    with pytest.raises(BrokenError, match="was not answered"):
        LOAD.run("127.0.0.1:9", "m")
