"""Stands in for vLLM and for what else its backend imports, and writes down what is asked of it.

It computes nothing, and needs no GPU. What it is asked goes to a file, one JSON object a line.
"""

import json
import os
import sys
import types
from contextlib import asynccontextmanager


class _Recorder:
    def __init__(self, path):
        self._path = path

    def __call__(self, asked, **facts):
        line = json.dumps({"asked": asked, "process": os.getpid(), **facts}, default=repr)
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(line + "\n")


class _Arguments:
    """Engine arguments: what was given, and vLLM's defaults for what the backend reads of them."""

    def __init__(self, **given):
        self.given = given
        self.disable_log_stats = given.get("disable_log_stats", False)


class _Engine:
    def __init__(self, record, arguments):
        self._record = record
        self._model = arguments.given["model"]
        self.model_config = types.SimpleNamespace(max_model_len=64)
        self.engine = self

    def add_logger(self, name, _logger):
        self._record("add_logger", model=self._model, name=name)

    async def check_health(self):
        return None


def install(path, version):
    """Puts the stand-ins where imports find them.

    Args:
        path: The file that takes what is asked.
        version: What the attribute __version__ is to say.
    """
    record = _Recorder(path)

    class AsyncLLMEngine(_Engine):
        @classmethod
        def from_engine_args(cls, engine_args, **_further):
            record(
                "AsyncLLMEngine.from_engine_args",
                model=engine_args.given["model"],
                arguments=engine_args.given,
            )
            return cls(record, engine_args)

    @asynccontextmanager
    async def build_engine_client(engine_args, disable_frontend_multiprocessing=False):
        record(
            "build_async_engine_client_from_engine_args",
            model=engine_args.given["model"],
            arguments=engine_args.given,
            disable_frontend_multiprocessing=disable_frontend_multiprocessing,
        )
        yield _Engine(record, engine_args)

    class Anything:
        def __init__(self, *_arguments, **_keywords):
            pass

    modules = {
        "vllm": {"__version__": version},
        "vllm.version": {"__version__": version},
        "vllm.utils": {"random_uuid": lambda: "0"},
        "vllm.lora": {},
        "vllm.lora.request": {"LoRARequest": Anything},
        "vllm.sampling_params": {"SamplingParams": Anything, "GuidedDecodingParams": Anything},
        "vllm.engine": {},
        "vllm.engine.arg_utils": {"AsyncEngineArgs": _Arguments},
        "vllm.engine.async_llm_engine": {"AsyncLLMEngine": AsyncLLMEngine},
        "vllm.engine.metrics": {
            "StatLoggerBase": Anything,
            "Stats": Anything,
            "SupportsMetricsInfo": Anything,
            "build_1_2_5_buckets": lambda most: [n for n in (1, 2, 5, 10, 20, 50) if n <= most],
        },
        "vllm.entrypoints": {},
        "vllm.entrypoints.openai": {},
        "vllm.entrypoints.openai.api_server": {
            "build_async_engine_client_from_engine_args": build_engine_client
        },
        "torch": {"cuda": types.SimpleNamespace(set_device=lambda _device: None)},
        "PIL": {},
        "PIL.Image": {},
    }
    for name, attributes in modules.items():
        module = types.ModuleType(name)
        module.__dict__.update(attributes, __path__=[])
        sys.modules[name] = module
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], last, module)
