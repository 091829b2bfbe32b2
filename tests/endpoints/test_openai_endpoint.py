"""Our endpoint: what it answers, and that it keeps what really came and went."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import pytest
import requests

from polling import PATIENCE
from triton_claims.endpoints import llama_server
from triton_claims.endpoints.openai_answers import Chunks, Refusal, Relay, prompt_in, text_in
from triton_claims.endpoints.openai_endpoint import serve
from triton_claims.errors import BrokenError
from triton_claims.notes.endpoint_packages import load_llama_package

ROOT = Path(__file__).resolve().parents[2]
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
PROMPT = {"model": "m", "prompt": "hello"}
NEVER = 3600.0  # seconds: an answer that does not come while a test runs


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    with llama_server.serve(tmp_path_factory.mktemp("llama"), load_llama_package(ROOT)) as server:
        yield server


def post(url, body, path="v1/chat/completions", **options):
    return requests.post(f"{url}/{path}", json=body, timeout=PATIENCE, **options)


def events(answer):
    return [line.removeprefix("data: ") for line in answer.text.splitlines() if line]


def test_pieces_come_as_events_and_are_kept_with_their_times():
    with serve(Chunks(("one", " two", " three"), (0.01, 0.03, 0.0))) as endpoint:
        answer = post(endpoint.url, {**CHAT, "stream": True})
        assert answer.headers["Content-Type"] == "text/event-stream"
        *pieces, end = events(answer)
        (request,) = endpoint.requests
    assert end == "[DONE]"
    assert [text_in(each) for each in pieces] == ["one", " two", " three"]
    assert json.loads(pieces[-1])["choices"][0]["finish_reason"] == "stop"
    assert [chunk.text for chunk in request.sent] == ["one", " two", " three"]
    assert request.text == "one two three"
    assert request.sent[0].at - request.at >= 0.01
    assert request.gaps[0] >= 0.03
    assert len(request.gaps) == 2
    assert request.complete
    assert request.status == 200
    assert request.prompt == "hello"


def test_completions_have_their_own_form():
    with serve(Chunks(("one", " two"), (0.0, 0.0))) as endpoint:
        answer = post(endpoint.url, {**PROMPT, "stream": True}, "v1/completions")
        assert json.loads(events(answer)[0])["choices"][0]["text"] == "one"
        whole = post(endpoint.url, PROMPT, "v1/completions").json()
        assert whole["choices"][0]["text"] == "one two"
        assert [each.prompt for each in endpoint.requests] == ["hello", "hello"]


def test_one_answer_where_no_stream_is_asked_for():
    with serve(Chunks(("one", " two"), (0.0, 0.0))) as endpoint:
        answer = post(endpoint.url, CHAT).json()
        assert answer["choices"][0]["message"]["content"] == "one two"
        assert [chunk.text for chunk in endpoint.requests[0].sent] == ["one two"]


def test_errors_on_demand_and_other_answers_later():
    with serve(Refusal(503, '{"error": {"message": "a marker"}}')) as endpoint:
        answer = post(endpoint.url, CHAT)
        assert (answer.status_code, answer.json()) == (503, {"error": {"message": "a marker"}})
        assert endpoint.requests[0].status == 503
        endpoint.answer = Chunks(("fine",), (0.0,))
        assert post(endpoint.url, CHAT).status_code == 200
        assert [each.status for each in endpoint.requests] == [503, 200]


def test_a_relay_passes_on_what_the_real_one_says(llama):
    with serve(Relay(llama.url)) as endpoint:
        options = {"max_tokens": 5, "temperature": 0, "stream": True}
        headers = {"X-Marker": "abc", "Authorization": "Bearer not-to-be-shown"}
        relayed = post(endpoint.url, {**CHAT, **options}, headers=headers)
        texts = [text_in(each) for each in events(relayed)]
        (request,) = endpoint.requests
        whole = post(endpoint.url, {**CHAT, **options, "stream": False}).json()
        models = requests.get(f"{endpoint.url}/v1/models", timeout=PATIENCE).json()
        assert len(endpoint.requests) == 2  # what asks for models is no request of a load
    assert request.text == "".join(texts) == whole["choices"][0]["message"]["content"]
    assert len(request.text.split()) == 5
    assert request.sent[0].text == ""  # llama.cpp begins with an event that holds no text
    assert len(request.gaps) == 4
    assert request.complete
    assert models["data"][0]["id"] == llama.model
    assert request.headers["x-marker"] == "abc"
    assert request.headers["authorization"] == "Bearer not-to-be-shown"
    assert request.headers_shown["x-marker"] == "abc"
    assert "not-to-be-shown" not in str(request.headers_shown)


def test_a_relay_without_the_other_end_is_our_fault():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with serve(Relay(nobody)) as endpoint:
        with pytest.raises(requests.ConnectionError):
            post(endpoint.url, CHAT)
        with pytest.raises(BrokenError, match=r"could not answer POST .* does not answer"):
            _ = endpoint.requests


def test_a_request_without_json_is_no_basis_for_anything():
    with serve(Chunks(("one",), (0.0,))) as endpoint:
        with pytest.raises(requests.ConnectionError):
            requests.post(f"{endpoint.url}/v1/completions", data=b"no JSON", timeout=PATIENCE)
        with pytest.raises(BrokenError, match="is no JSON object"):
            _ = endpoint.requests


def test_an_answer_the_client_did_not_wait_for_is_incomplete():
    with serve(Chunks(("one", " two"), (0.0, NEVER))) as endpoint:
        with post(endpoint.url, {**CHAT, "stream": True}, stream=True) as answer:
            assert next(answer.iter_lines()).startswith(b"data: ")
        (request,) = endpoint.requests
        assert not request.complete
        began = time.monotonic()
    assert time.monotonic() - began < PATIENCE  # and nobody waits for the rest of it


def test_connections_that_clients_keep_open_hold_nothing_up():
    with requests.Session() as session, serve(Chunks(("one",), (0.0,))) as endpoint:
        url = f"{endpoint.url}/v1/chat/completions"
        for _ in range(2):
            assert session.post(url, json=CHAT, timeout=PATIENCE).status_code == 200
        assert len(endpoint.requests) == 2
    left = [each.name for each in threading.enumerate()]
    assert not [name for name in left if "process_request" in name or name == "openai-endpoint"]


def test_bodies_without_a_length_are_read():
    with serve(Chunks(("one",), (0.0,))) as endpoint:
        pieces = iter([b'{"prompt": ', b'"hello"}'])
        requests.post(f"{endpoint.url}/v1/completions", data=pieces, timeout=PATIENCE)
        assert endpoint.requests[0].prompt == "hello"


def test_many_at_once_are_all_kept():
    with serve(Chunks(("one", " two"), (0.0, 0.01))) as endpoint:
        threads = [
            threading.Thread(target=post, args=(endpoint.url, {**CHAT, "stream": True}))
            for _ in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [each.text for each in endpoint.requests] == ["one two"] * 16
        assert all(each.complete for each in endpoint.requests)


@pytest.mark.parametrize(
    ("texts", "delays"), [((), ()), (("a",), ()), (("a",), (-1.0,)), (("a",), (0.0, 0.0))]
)
def test_answers_that_cannot_be_given_are_our_fault(texts, delays):
    with pytest.raises(BrokenError, match="expected one delay"):
        Chunks(texts, delays)


def test_prompts_of_several_parts():
    assert prompt_in({"messages": [{"content": [{"text": "a"}, {"text": "b"}]}]}) == "ab"
    assert prompt_in({"prompt": ["a"]}) == "a"
    for nothing in ({}, {"messages": []}, {"prompt": None}, {"prompt": []}):
        with pytest.raises(BrokenError, match="no prompt"):
            prompt_in(nothing)


@pytest.mark.parametrize("data", ["", "[DONE]", "{}", '{"choices": []}', '{"choices": [1]}', "1"])
def test_no_text_is_found_where_there_is_none(data):
    assert text_in(data) == ""
