"""Folders with files of a vLLM backend: our own, which ask vLLM for an engine one way or the other.

They are no vLLM backend that anybody has released, and are as small as one can be that a server
loads and whose requests can be told apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MODEL = """
import asyncio
import json
import os

import triton_python_backend_utils as pb_utils
from utils.metrics import FAMILY
from vllm import __version__
from vllm.engine.arg_utils import AsyncEngineArgs

OF_ITS_OWN = {of_its_own}


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(config):
        config.add_input({{"name": "text_input", "data_type": "TYPE_STRING", "dims": [1]}})
        config.add_output({{"name": "text_output", "data_type": "TYPE_STRING", "dims": [-1]}})
        if OF_ITS_OWN or __version__ != "0.6.3":
            image = {{"name": "image", "data_type": "TYPE_STRING", "dims": [-1], "optional": True}}
            config.add_input(image)
        config.set_model_transaction_policy({{"decoupled": True}})
        config.set_max_batch_size(0)
        return config

    def initialize(self, args):
        folder = os.path.join(args["model_repository"], args["model_version"])
        with open(os.path.join(folder, "model.json")) as file:
            given = json.load(file)
        if given.get("tensor_parallel_size", 1) > 1 and args["model_instance_kind"] == "GPU":
            raise ValueError("it takes an instance of KIND_MODEL")
        arguments = AsyncEngineArgs(**given)
        parameters = json.loads(args["model_config"])["parameters"]
        metrics = "REPORT_CUSTOM_METRICS" in parameters and not arguments.disable_log_stats
        if metrics:
            self.family = pb_utils.MetricFamily(
                name=FAMILY, description="none", kind=pb_utils.MetricFamily.COUNTER
            )
        if OF_ITS_OWN:
            asyncio.run(self.ask(arguments, metrics))
        else:
            from vllm.engine.async_llm_engine import AsyncLLMEngine

            AsyncLLMEngine.from_engine_args(arguments)

    async def ask(self, arguments, metrics):
        from vllm.entrypoints.openai.api_server import build_async_engine_client_from_engine_args

        async with build_async_engine_client_from_engine_args(
            arguments, disable_frontend_multiprocessing=metrics
        ):
            pass

    def execute(self, requests):
        return None
"""


def write_vllm_backend(folder: Path, *, of_its_own: bool) -> Path:
    """Writes a backend's files.

    Args:
        folder: Where to; made here.
        of_its_own: Whether it asks for engines that may run in a process of their own; else it
            makes each in its own process.
    """
    (folder / "utils").mkdir(parents=True)
    (folder / "model.py").write_text(_MODEL.format(of_its_own=of_its_own))
    (folder / "utils" / "metrics.py").write_text('FAMILY = "vllm:staged_total"\n')
    return folder


KNOBS = (
    *("zmq", "lock", "left", "ray_left"),
    *("felled", "slow_inside", "unloads", "all_outputs"),
)
#: Listens on the sockets that vLLM's engine listens on, as long as its parent lives.
_ENGINE = """
import os, socket, sys, time  # as if by multiprocessing.spawn
held = []
for name in ("input", "output", "health"):
    held.append(socket.socket(socket.AF_UNIX))
    held[-1].bind("0c%d_%s_socket" % (os.getpid(), name))
    held[-1].listen()
print("there", flush=True)
while os.getppid() == int(sys.argv[1]):
    time.sleep(0.05)
"""
_STAND_IN = """
import json
import os
import subprocess
import tempfile
import time

import numpy as np
import triton_python_backend_utils as pb_utils

KNOBS = {knobs}
ENGINE = {engine}
ASKED = ("finish_reason", "cumulative_logprob", "logprobs", "num_input_tokens", "num_output_tokens")
LOCK = "could not acquire lock for <_io.BufferedWriter name='<stdout>'> at interpreter shutdown"


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(config):
        flags = ["stream", "exclude_input_in_output", *("return_" + each for each in ASKED)]
        for name in ("text_input", "sampling_parameters", *flags):
            kind = "TYPE_BOOL" if name in flags else "TYPE_STRING"
            config.add_input({{"name": name, "data_type": kind, "dims": [1],
                               "optional": name != "text_input"}})
        kinds = {{"cumulative_logprob": "FP32", "num_input_tokens": "UINT32",
                  "num_output_tokens": "UINT32"}}
        for name in ("text_output", *ASKED):
            kind = kinds.get(name, "STRING")
            config.add_output({{"name": name, "data_type": "TYPE_" + kind, "dims": [-1]}})
        config.set_model_transaction_policy({{"decoupled": True}})
        config.set_max_batch_size(0)
        return config

    def initialize(self, args):
        folder = os.path.join(args["model_repository"], args["model_version"])
        with open(os.path.join(folder, "model.json")) as file:
            given = json.load(file)
        assert os.path.isdir(given["model"])
        self.name = args["model_name"]
        self.parameters = json.loads(args["model_config"])["parameters"]
        metrics = "REPORT_CUSTOM_METRICS" in self.parameters
        self.engine = None
        if KNOBS["zmq"] and not metrics:
            self.engine = subprocess.Popen(
                ["python3", "-c", ENGINE, str(os.getpid())],
                stdout=subprocess.PIPE, cwd=tempfile.mkdtemp(),
            )
            self.engine.stdout.readline()
        parallel = given.get("tensor_parallel_size", 1) > 1
        ray = given.get("distributed_executor_backend") == "ray"
        if parallel and not ray:
            print("Defaulting to use mp for distributed inference", flush=True)
            if KNOBS["lock"]:
                raise RuntimeError(LOCK)
        self.worker = None
        if parallel:
            self.worker = subprocess.Popen(["sleep", "300"])
        self.left = KNOBS["ray_left"] if ray else KNOBS["left"]
        self.counter = None
        if metrics:
            self.family = pb_utils.MetricFamily(
                name="vllm:generation_tokens_total", description="none",
                kind=pb_utils.MetricFamily.COUNTER,
            )
            self.counter = self.family.Metric(labels={{"model": self.name}})

    def execute(self, requests):
        dead = self.engine is not None and self.engine.poll() is not None
        if dead and "ENABLE_VLLM_HEALTH_CHECK" in self.parameters and KNOBS["unloads"]:
            pb_utils.unload_model(self.name)
        for request in requests:
            text = pb_utils.get_input_tensor_by_name(request, "text_input").as_numpy()[0]
            if KNOBS["felled"] and not text:
                os._exit(1)
            if KNOBS["slow_inside"] and self.engine is None:
                time.sleep(0.004)
            sender = request.get_response_sender()
            error = pb_utils.TritonError("the engine is dead") if dead else None
            sender.send(
                pb_utils.InferenceResponse(self.outputs(request), error),
                flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL,
            )
            if self.counter is not None:
                self.counter.increment(16)
        return None

    def outputs(self, request):
        sampling = pb_utils.get_input_tensor_by_name(request, "sampling_parameters")
        tokens = json.loads(sampling.as_numpy()[0])["max_tokens"]
        values = {{
            "text_output": np.array([b"x"], dtype=np.object_),
            "finish_reason": np.array([b"length"], dtype=np.object_),
            "cumulative_logprob": np.array([-3], dtype=np.float32),
            "logprobs": np.array([json.dumps([0] * tokens).encode()], dtype=np.object_),
            "num_input_tokens": np.array([3], dtype=np.uint32),
            "num_output_tokens": np.array([tokens], dtype=np.uint32),
        }}
        wanted = ["text_output"]
        for name in ASKED:
            asked = pb_utils.get_input_tensor_by_name(request, "return_" + name)
            if KNOBS["all_outputs"] or (asked is not None and asked.as_numpy()[0]):
                wanted.append(name)
        return [pb_utils.Tensor(name, values[name]) for name in wanted]

    def finalize(self):
        for each in (self.engine, None if self.left else self.worker):
            if each is not None:
                each.kill()
                each.wait()
"""


def write_vllm_stand_in(folder: Path, **knobs: bool) -> Path:
    """Writes a backend that has the processes of vLLM's, and generates nothing.

    Args:
        folder: Where to; made here.
        **knobs: ``zmq``: engines have processes of their own; ``lock``: loads on two GPUs fail on
            the lock; ``left`` and ``ray_left``: their processes are left at the end, without Ray
            and with it; ``felled``: an empty prompt ends it; ``slow_inside``: engines in its own
            process take longer; ``unloads``: the health check unloads; ``all_outputs``: all outputs
            come, asked for or not. All are off by default.
    """
    usual = dict.fromkeys(KNOBS, False)
    assert set(knobs) <= set(usual)
    folder.mkdir(parents=True)
    (folder / "model.py").write_text(
        _STAND_IN.format(knobs={**usual, **knobs}, engine=repr(_ENGINE))
    )
    return folder
