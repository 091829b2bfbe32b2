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
