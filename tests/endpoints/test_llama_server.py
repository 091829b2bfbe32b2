"""The real llama.cpp server, with a model made on the spot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests

from polling import PATIENCE, until
from triton_claims.endpoints import llama_server
from triton_claims.endpoints.llama_server import serve
from triton_claims.endpoints.tiny_language_model import NAME, write_tiny_language_model
from triton_claims.errors import BrokenError
from triton_claims.notes.endpoint_packages import load_llama_package
from triton_claims.servers.scratch import processes_of

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = load_llama_package(ROOT)
RUN = f"llama-server-test-{os.getpid()}"  # other workers have servers of their own


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("llama")


@pytest.fixture(scope="module")
def server(folder):
    with serve(folder, PACKAGE, RUN) as server:
        yield server
    assert processes_of(RUN) == []
    assert list(folder.iterdir()) == []


def chat(server, **options):
    body = {"messages": [{"role": "user", "content": "hello \u201cyou\u201d"}], **options}
    return requests.post(f"{server.url}/v1/chat/completions", json=body, timeout=PATIENCE)


def test_it_answers_with_words_of_its_model(server):
    answer = chat(server, max_tokens=5).json()
    assert answer["model"] == server.model == NAME
    assert answer["usage"]["completion_tokens"] == 5
    assert len(answer["choices"][0]["message"]["content"].split()) == 5


def test_it_ends_by_itself_where_no_length_is_given(server):
    assert chat(server).json()["usage"]["completion_tokens"] == 16


def test_completions_are_answered_too(server):
    body = {"prompt": "hello", "max_tokens": 3}
    answer = requests.post(f"{server.url}/v1/completions", json=body, timeout=PATIENCE)
    assert len(answer.json()["choices"][0]["text"].split()) == 3


def test_it_holds_long_prompts(server):
    content = "several words " * 1000
    body = {"messages": [{"role": "user", "content": content}], "max_tokens": 2}
    answer = requests.post(f"{server.url}/v1/chat/completions", json=body, timeout=PATIENCE)
    assert answer.status_code == 200
    assert answer.json()["usage"]["prompt_tokens"] > len(content) / 2


def test_it_listens_on_loopback_alone_and_belongs_to_its_run(server):
    (process,) = processes_of(RUN)
    assert process.pid == server.pid
    addresses = {
        each.laddr.ip for each in process.net_connections() if each.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}
    assert server.how_it_ended() is None


def test_one_that_dies_is_noticed(tmp_path):
    def use():
        with serve(tmp_path, PACKAGE) as server:
            os.kill(server.pid, signal.SIGKILL)
            until(server.how_it_ended, "the server lives on")

    with pytest.raises(BrokenError, match=r"was killed by SIGKILL .* in mid-use"):
        use()
    assert list(tmp_path.iterdir()) == []


def test_one_that_does_not_start_is_told_with_its_words(tmp_path, monkeypatch):
    real = subprocess.Popen

    def no_llama(_command, **options):
        return real([sys.executable, "-c", "raise SystemExit('no llama here')"], **options)

    monkeypatch.setattr(llama_server.subprocess, "Popen", no_llama)
    with (
        pytest.raises(BrokenError, match=r"(?s)exited with status 1.*no llama here"),
        serve(tmp_path, PACKAGE),
    ):
        pass


def test_it_ends_with_whoever_started_it(tmp_path):
    run = f"{RUN}-orphan"
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from triton_claims.endpoints.llama_server import serve\n"
        "from triton_claims.notes.endpoint_packages import load_llama_package\n"
        "with serve(Path(sys.argv[1]), load_llama_package(Path(sys.argv[2])), sys.argv[3]):\n"
        "    print('serving', flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), str(ROOT), run],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=False,
        timeout=PATIENCE,
    )
    gone, alive = psutil.wait_procs(processes_of(run), timeout=PATIENCE)
    assert not alive, (gone, alive)


def test_the_model_is_the_same_each_time(tmp_path):
    for name in ("a.gguf", "b.gguf"):
        write_tiny_language_model(tmp_path / name)
    assert (tmp_path / "a.gguf").read_bytes() == (tmp_path / "b.gguf").read_bytes()
