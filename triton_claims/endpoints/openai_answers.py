"""What an endpoint of ours answers, and how each answer looks in OpenAI's interface.

Most claims are about real answers, which a :class:`Relay` brings. The others are made here on
purpose: an error, or texts that come at known times.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from triton_claims.errors import BrokenError

#: The last event of a stream.
DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class Chunks:
    """A text in pieces; in one piece where the request does not ask for a stream.

    Attributes:
        texts: The pieces, one an event.
        delays: Seconds before each: the first counts from the request, the others from the piece
            before them.
    """

    texts: tuple[str, ...]
    delays: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuses what could not be answered with.

        Raises:
            BrokenError: There is no text, not one delay each, or a negative delay.
        """
        if not self.texts or len(self.texts) != len(self.delays) or min(self.delays) < 0:
            raise BrokenError(
                f"{len(self.texts)} texts with the delays {self.delays}: expected one delay of 0 "
                "or more for each of at least one text"
            )


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error.

    Attributes:
        status: The HTTP status.
        body: The body, such as JSON with a message.
        content_type: What the body is.
    """

    status: int
    body: str
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Relay:
    """Whatever another endpoint answers.

    Attributes:
        upstream: That endpoint: ``http://HOST:PORT``.
    """

    upstream: str


Answer = Chunks | Refusal | Relay


def event_of(text: str, path: str, model: str, *, last: bool) -> str:
    """The data of a stream's event, as JSON.

    Args:
        text: The piece of text in it.
        path: The request's path, which tells chats from completions.
        model: The model's name.
        last: Whether it ends the text.
    """
    piece = {"delta": {"content": text}} if _is_chat(path) else {"text": text}
    return _answer(piece, path, model, "chat.completion.chunk", "stop" if last else None)


def body_of(text: str, path: str, model: str) -> str:
    """The whole answer to a request that asks for no stream, as JSON.

    Args:
        text: The text in it.
        path: The request's path, which tells chats from completions.
        model: The model's name.
    """
    message = {"role": "assistant", "content": text}
    piece = {"message": message} if _is_chat(path) else {"text": text}
    return _answer(piece, path, model, "chat.completion", "stop")


def text_in(data: str) -> str:
    """The text in an event's data or in a whole answer; empty where it holds none."""
    try:
        (choice, *_) = json.loads(data)["choices"]
        part = choice.get("delta") or choice.get("message") or choice
        text = part.get("content", part.get("text"))
    except (ValueError, TypeError, KeyError, AttributeError):
        return ""
    return text if isinstance(text, str) else ""


def prompt_in(body: dict[str, Any]) -> str:
    """The prompt in a request's body: of a chat, the content of its last message.

    Raises:
        BrokenError: There is none.
    """
    try:
        prompt = body["messages"][-1]["content"] if "messages" in body else body["prompt"]
    except (TypeError, KeyError, IndexError):
        prompt = None
    if isinstance(prompt, list):  # several prompts, or a message of several parts
        parts = [each.get("text", "") if isinstance(each, dict) else each for each in prompt]
        prompt = "".join(part for part in parts if isinstance(part, str)) or None
    if not isinstance(prompt, str):
        raise BrokenError(f"a request has no prompt, only {', '.join(sorted(body)) or 'nothing'}")
    return prompt


def _is_chat(path: str) -> bool:
    return "chat" in path


def _answer(piece: dict[str, Any], path: str, model: str, kind: str, finish: str | None) -> str:
    return json.dumps(
        {
            "id": "answer",
            "object": kind if _is_chat(path) else "text_completion",
            "created": 0,
            "model": model,
            "choices": [{"index": 0, **piece, "finish_reason": finish}],
        }
    )
