"""Sends correlation IDs to the model that reports which of them reached it, and lends servers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import pytest

from triton_claims.errors import BrokenError
from triton_claims.servers.client import NO_ANSWER, Answer
from triton_claims.servers.running import ServerDiedError

#: How the requests of a sequence are flagged: (start, end) of each.
START_MIDDLE_END = ((True, False), (False, False), (False, True))
SINGLE_REQUEST = ((True, True),)


@dataclass(frozen=True)
class Reception:
    """What became of one correlation ID that was sent to one model.

    Attributes:
        model: The model's name.
        control: The datatype of its correlation-ID control, or "none" without one.
        sent: The correlation ID.
        answers: The server's answers, as far as it went.
        reports: What the model said of each request it got.
        harm: What the case did to the server, if it harmed it.
        log: The end of the log of the server, if it died.
    """

    model: str
    control: str
    sent: int | str
    answers: tuple[Answer, ...]
    reports: tuple[dict, ...]
    harm: str | None = None
    log: str = ""
    expected_answers: int = field(default=1, repr=False)

    @property
    def accepted(self) -> bool:
        """Whether the server inferred, for every request of the sequence."""
        return len(self.reports) == self.expected_answers and all(a.accepted for a in self.answers)

    @property
    def intact(self) -> bool:
        """Whether the model got the ID as it was sent, in its requests and in its control tensor.

        A model without a correlation-ID control gets it in its requests alone.
        """
        return self.accepted and self.harm is None and all(map(self._is_right, self.reports))

    @property
    def unanswered(self) -> bool:
        """Whether a request got no answer in time."""
        return any(answer.status == NO_ANSWER for answer in self.answers)

    @property
    def refused_as_claimed(self) -> bool:
        """Whether it was refused as the caller's mistake, naming both datatypes and the model.

        The server went on as before.
        """
        answer = self.answers[-1] if self.answers else None
        if answer is None or self.harm or not answer.refused_as_invalid:
            return False
        sent = "BYTES" if isinstance(self.sent, str) else "UINT64"
        expected = "BYTES" if self.control == "STRING" else self.control
        # The model's own name may hold the name of a datatype.
        rest = answer.message.replace(self.model, "")
        return _is_word_in(self.model, answer.message) and all(
            _is_word_in(name, rest) for name in (sent, expected)
        )

    @property
    def outcome(self) -> str:
        """What happened, in words that do not depend on the ID."""
        if self.intact:
            return "reached the model"
        words = []
        if self.answers and not self.answers[-1].accepted:
            words.append(str(self.answers[-1]))
        elif self.accepted:
            wrong = [report for report in self.reports if not self._is_right(report)]
            report = wrong[0] if wrong else self.reports[-1]
            words.append(f"accepted, but the model got {json.dumps(report, ensure_ascii=False)}")
        if self.harm:
            words.append(self.harm)
        return "; ".join(words) or "no answer is known"

    def _is_right(self, report: dict) -> bool:
        control = report["control"]
        if (control is None) != (self.control == "none"):
            return False
        return report["request"] == {"type": type(self.sent).__name__, "value": self.sent} and (
            control is None
            or (
                control["values"] == [self.sent]
                and (control["datatype"] == "BYTES") == isinstance(self.sent, str)
            )
        )


@pytest.fixture
def expendable(server):
    """The check's server, which the check harms: it is given up afterwards."""
    yield server
    server.renew()


Send = Callable[..., Reception]


@pytest.fixture
def send(server, client) -> Send:
    """Sends a correlation ID to a model: ``send(model, id, whole_sequence=True, to=fresh)``.

    By default the sequence is a single request. Whatever happens comes back as a reception; a case
    that harmed the server has it renewed, so that it spoils no other.
    """

    def send(model, correlation_id, *, whole_sequence=False, to=None) -> Reception:
        sequence = START_MIDDLE_END if whole_sequence else SINGLE_REQUEST
        under_test = to or server
        asking = client if to is None else to.client(client.protocol)
        answers, reports, harm, log = [], [], None, ""
        try:
            for start, end in sequence:
                answer = asking.infer(
                    model.name,
                    {"IN": np.array([1], dtype=np.int32)},
                    sequence_id=correlation_id,
                    sequence_start=start,
                    sequence_end=end,
                    expected_outputs=("REPORT",),
                )
                answers.append(answer)
                if not answer.accepted:
                    break
                reports.append(_report(answer))
            if answers[-1].status != NO_ANSWER:  # a silent server would be silent again
                harm = under_test.process.harm()
        except ServerDiedError as death:
            harm, log = f"the server {death.how}", str(death)
        finally:
            if to is not None:
                asking.close()
        reception = Reception(
            model.name,
            model["control"],
            correlation_id,
            tuple(answers),
            tuple(reports),
            harm,
            log,
            len(sequence),
        )
        # A sequence that stopped half-way still holds its place in the scheduler.
        stuck = len(sequence) > 1 and not reception.accepted
        if reception.harm or reception.unanswered or stuck:
            under_test.renew()
        return reception

    return send


@pytest.fixture
def tell() -> Callable[[Iterable[Reception]], str]:
    """Tells receptions in a few lines: those of one model that came out alike share one."""
    return lambda receptions: "\n".join(_told(receptions))


def _told(receptions: Iterable[Reception]) -> Iterator[str]:
    for (model, outcome), group in groupby(receptions, key=lambda r: (r.model, r.outcome)):
        ids = [_shown(each.sent) for each in group]
        some = ", ".join(ids if len(ids) <= 6 else [*ids[:3], "...", *ids[-2:]])
        yield f"{model}: {some}: {outcome}"


def _shown(correlation_id: int | str) -> str:
    if isinstance(correlation_id, int):
        return str(correlation_id)
    size = len(correlation_id.encode())
    return repr(correlation_id) if size <= 12 else f"{size} bytes ({correlation_id[:4]!r}...)"


def _report(answer: Answer) -> dict:
    raw = answer.outputs["REPORT"].tobytes()
    try:
        return json.loads(raw)
    except ValueError:
        raise BrokenError(f"the model's report is no JSON: {raw[:80]!r}") from None


def _is_word_in(word: str, text: str) -> bool:
    padded = f" {text} "
    for place in range(len(padded)):
        if padded.startswith(word, place):
            before, after = padded[place - 1], padded[place + len(word)]
            if not (before.isalnum() or before == "_" or after.isalnum() or after == "_"):
                return True
    return False
