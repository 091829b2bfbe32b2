"""Runs llama.cpp's server; started as a process of its own, with what it is built of on its path.

It writes where it listens into a file once it answers, and ends when its standard input closes, so
that none outlives whoever started it.
"""

from __future__ import annotations

import sys
from pathlib import Path

_AT_ONCE = 4  # requests; more of them wait
_WORDS = 16  # of an answer where the request does not say; the model never ends by itself


def main(model: str, name: str, context: str, told: str) -> None:
    """Serves a model on loopback until standard input closes.

    Args:
        model: The model's file.
        name: The name it goes by.
        context: Tokens that a request and its answer can hold.
        told: The file that the address is written to.
    """
    # Not among this project's own packages: it is on the path of this process alone.
    import xllamacpp  # type: ignore[import-not-found]  # noqa: PLC0415

    parameters = xllamacpp.CommonParams()
    parameters.model.path = model
    parameters.model_alias = {name}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.n_parallel = _AT_ONCE
    parameters.n_ctx = _AT_ONCE * int(context)
    parameters.n_predict = _WORDS
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    parameters.n_gpu_layers = 0
    parameters.warmup = False
    parameters.offline = True
    parameters.ui = False
    server = xllamacpp.Server(parameters)
    address = Path(told)
    unfinished = address.with_suffix(".unfinished")
    unfinished.write_text(server.listening_address, encoding="utf-8")
    unfinished.rename(address)
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
