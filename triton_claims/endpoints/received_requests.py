"""What an endpoint received, and what it sent in answer and when."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from triton_claims.endpoints.openai_answers import prompt_in
from triton_claims.errors import BrokenError
from triton_claims.secrets import MASK, redact

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Headers whose value is nobody's business.
_SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "api-key", "x-api-key"}
)


@dataclass(frozen=True, slots=True)
class SentChunk:
    """A piece of an answer that was sent: an event of a stream, or a whole answer.

    Attributes:
        text: The model's text in it; empty where it holds none.
        at: When it had been sent, on :func:`time.perf_counter`'s clock.
    """

    text: str
    at: float


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request, as it stood when it was asked for.

    Attributes:
        method: ``POST``.
        path: The path, with its query.
        headers: The headers; their names in lower case. They may hold secrets.
        body: The body.
        at: When it had been received, on :func:`time.perf_counter`'s clock.
        status: The HTTP status of the answer; 0 where there is none yet.
        sent: What was sent in answer, piece by piece.
        complete: Whether the answer was sent to its end.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float
    status: int = 0
    sent: tuple[SentChunk, ...] = ()
    complete: bool = False

    @property
    def json(self) -> dict[str, Any]:
        """The body's JSON object.

        Raises:
            BrokenError: It is none.
        """
        try:
            value = json.loads(self.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise BrokenError(f"the body of {self.method} {self.path} is no JSON object")
        return value

    @property
    def prompt(self) -> str:
        """The prompt; of a chat, the content of its last message.

        Raises:
            BrokenError: There is none.
        """
        return prompt_in(self.json)

    @property
    def gaps(self) -> tuple[float, ...]:
        """Seconds from each piece with text to the next: the first is from the first to the second.

        Pieces without text do not count: GenAI-Perf passes over them too.
        """
        spoken = [chunk for chunk in self.sent if chunk.text]
        return tuple(after.at - before.at for before, after in pairwise(spoken))

    @property
    def text(self) -> str:
        """The model's text that was sent."""
        return "".join(chunk.text for chunk in self.sent)

    @property
    def headers_shown(self) -> dict[str, str]:
        """The headers without secrets, fit to be written anywhere."""
        return {
            name: MASK if name in _SECRET_HEADERS else redact(value)
            for name, value in self.headers.items()
        }
