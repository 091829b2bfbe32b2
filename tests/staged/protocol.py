"""The messages of the inference protocol, out of the Triton client, without the client.

The client's ``__init__`` files import NumPy and more, which would take most of the time that a
staged server needs to start. Its protocol modules need none of that, so they are imported from
under empty packages. Only the process of a staged server imports this module.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any


def _protocol(name: str) -> Any:
    if "tritonclient" not in sys.modules:
        client = find_spec("tritonclient")
        if client is None or client.origin is None:
            raise ImportError(
                "a staged server needs the Triton client's messages: install tritonclient[all]"
            )
        folder = Path(client.origin).parent
        for package, place in (("tritonclient", folder), ("tritonclient.grpc", folder / "grpc")):
            module = ModuleType(package)
            module.__path__ = [str(place)]
            sys.modules[package] = module
    return import_module(f"tritonclient.grpc.{name}")


model_config: Any = _protocol("model_config_pb2")
service: Any = _protocol("service_pb2")
grpc: Any = import_module("grpc")
text_format: Any = import_module("google.protobuf.text_format")
json_format: Any = import_module("google.protobuf.json_format")
