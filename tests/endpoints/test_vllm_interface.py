"""The model that speaks the vLLM backend's interface, on a real server."""

from __future__ import annotations

import numpy as np
import pytest

from triton_claims.servers.models import model
from triton_claims.servers.pool import ServerSpecification
from triton_claims.servers.streaming import stream

pytestmark = pytest.mark.xdist_group("servers-vllm-interface")

TEXT = "Hello_world_this_is_a_mock"
MODEL = model("vllm_interface", text=TEXT, responses="4", fails="never")
FAILING = model("vllm_interface", text=TEXT, responses="4", fails="always")


@pytest.fixture(scope="module")
def server(embedded_pool):
    return embedded_pool.shared(ServerSpecification("any", models=(MODEL, FAILING)))


@pytest.fixture
def client(embedded_pool, server):
    client = embedded_pool.client("grpc", lambda: server)
    yield client
    client.close()


def ask(client, which=MODEL, **options):
    inputs = {"text_input": np.array([b"Hi:"], dtype=object)}
    inputs |= {name: np.array([value]) for name, value in options.items()}
    answer = stream(client, which.name, inputs, expected_outputs=["text_output"])
    return answer, [each["text_output"].tolist() for each in answer.responses]


def test_a_stream_comes_word_by_word(client):
    answer, texts = ask(client, stream=True, exclude_input_in_output=True)
    assert answer.finished
    assert texts == [[b"Hello"], [b" world"], [b" this"], [b" is a mock"]]


def test_no_stream_is_one_response(client):
    answer, texts = ask(client)
    assert answer.finished
    assert texts == [[b"Hello world this is a mock"]]


def test_the_input_comes_first_where_it_is_asked_for(client):
    _, texts = ask(client, stream=True, exclude_input_in_output=False)
    assert texts[0] == [b"Hi:Hello"]


def test_one_that_fails_says_so(client):
    answer, texts = ask(client, FAILING, stream=True)
    assert texts == []
    assert not answer.answer.accepted
    assert "fails on purpose" in answer.answer.message
