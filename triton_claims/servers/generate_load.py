"""Makes language models generate, many requests at a time, over ``POST /v2/models/M/generate``."""

from __future__ import annotations

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from triton_claims.errors import BrokenError

#: Seconds that one request may take under the load.
_TIMEOUT = 120.0
#: A prompt of no meaning; the model's weights have none either.
_PROMPT = "the end of the text is not the end of the test"


@dataclass(frozen=True, slots=True)
class GenerateLoad:
    """A load of equal requests.

    Attributes:
        clients: How many are under way at a time.
        requests: How many each client sends, one after the other.
        tokens: How many each makes the model generate: no fewer, and no more.
        told: Whether the model can tell how many it has generated; else only that a text came is
            looked at.
    """

    clients: int = 64
    requests: int = 8
    tokens: int = 64
    told: bool = True

    @property
    def all_tokens(self) -> int:
        """How many tokens it makes the model generate."""
        return self.clients * self.requests * self.tokens

    def warm_up(self, server: str, model: str) -> None:
        """One request of each client, which is not measured; as for :meth:`run`."""
        replace(self, requests=1).run(server, model)

    def run(self, server: str, model: str) -> float:
        """Puts the load on a model.

        Args:
            server: ``HOST:PORT`` of its HTTP service.
            model: The model's name.

        Returns:
            Seconds until all is answered.

        Raises:
            BrokenError: A request is refused or not answered, or its answer has another number of
                tokens, or does not tell it.
        """
        body = self._body()
        began = time.perf_counter()
        with ThreadPoolExecutor(self.clients) as clients:
            list(clients.map(lambda _: self._client(server, model, body), range(self.clients)))
        return time.perf_counter() - began

    def _body(self) -> str:
        sampling = {"temperature": 0, "max_tokens": self.tokens, "ignore_eos": True}
        asked = {
            "text_input": _PROMPT,
            "sampling_parameters": json.dumps(sampling),
            "exclude_input_in_output": True,
        }
        return json.dumps({**asked, "return_num_output_tokens": True} if self.told else asked)

    def _client(self, server: str, model: str, body: str) -> None:
        connection = http.client.HTTPConnection(server, timeout=_TIMEOUT)
        try:
            for _ in range(self.requests):
                connection.request("POST", f"/v2/models/{model}/generate", body)
                answer = connection.getresponse()
                self._must_be_whole(answer.status, answer.read())
        except (OSError, http.client.HTTPException) as problem:
            raise BrokenError(f"a request to {model} was not answered: {problem!r}") from None
        finally:
            connection.close()

    def _must_be_whole(self, status: int, content: bytes) -> None:
        tokens: int | None
        try:
            answer = json.loads(content)
            if self.told:
                told = answer["num_output_tokens"]
                tokens = int(told[0] if isinstance(told, list) else told)
            else:
                tokens = self.tokens if answer["text_output"] else None
        except (ValueError, TypeError, LookupError):
            tokens = None
        if status != http.client.OK or tokens != self.tokens:
            raise BrokenError(
                f"expected {self.tokens} tokens, found {tokens}, status {status}: "
                f"{content[:300].decode('utf-8', 'replace')}"
            )
