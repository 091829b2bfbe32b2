"""What becomes of a server whose gRPC clients give up on their requests."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from threading import Event

import numpy as np
import pytest
import tritonclient.grpc
from tritonclient.utils import InferenceServerException

from triton_claims.errors import BrokenError, Undecided
from triton_claims.measure.rate import rate
from triton_claims.servers.client import input_tensor
from triton_claims.servers.models import model

MODEL = model("timed_answer")

#: The share of the coincidences that may take the server down. Servers with the fault go down at
#: nearly every one; where it is mended, a rarer fault of the same kind may be left.
BOUND = 1 / 5
#: Seconds for one server to meet as many coincidences as it takes; it meets several in a second.
LONGEST_TRIAL = 30.0
#: Seconds without any cancellation in the log after which none will come.
SILENCE = 3.0
MOST_TRIALS = 5
CLIENTS = 4
#: Seconds between two looks into the server's log.
LOOKS = 0.05


@dataclass
class Trial:
    """What became of one server.

    Attributes:
        requests: How many requests were sent.
        expired: How many of them their clients had given up.
        coincidences: How many cancellations the server got while it took in the answer.
        told: Of how many cancellations the model was told; None of a server that is gone.
        end: How the server ended, if it did.
    """

    requests: int = 0
    expired: int = 0
    coincidences: int = 0
    told: int | None = None
    end: str | None = None

    def __str__(self):
        """The trial in one line."""
        told = "" if self.told is None else f", the model was told of {self.told}"
        end = f"the server {self.end}" if self.end else "the server goes on"
        return (
            f"{self.requests} requests, {self.expired} given up{told}, "
            f"{self.coincidences} as the answer got ready: {end}"
        )


@pytest.mark.claim("grpc-cancellation-at-completion")
@pytest.mark.server(
    models=[MODEL],
    # The log tells which cancellations came as their answers did; and telling takes time, in which
    # one comes more often.
    arguments=["--disable-auto-complete-config", "--log-verbose=1"],
)
def test_clients_that_give_up_as_their_answers_get_ready(server, evidence):
    """The server heeds gRPC clients that cancel their requests while the answers get ready, and
    fewer than one in five such cancellations takes it down.
    """
    with evidence.step("control: the server answers clients that wait"):
        patience = 0.002 + 2 * must_answer(server)

    trials, lost = [], rate(0, 0)
    with evidence.step("clients that give up about when their answers are due"):
        while len(trials) < MOST_TRIALS and not (lost.is_below(BOUND) or lost.is_above(BOUND)):
            trials.append(attempt(server, patience, lost))
            lost = rate(
                sum(trial.end is not None for trial in trials),
                sum(trial.coincidences for trial in trials),
            )
            if not trials[-1].coincidences:
                break
    evidence.show("each server, and its clients", "\n".join(map(str, trials)))
    evidence.measure("cancellations as answers got ready", lost.cases, "requests")
    evidence.measure("servers lost by them", lost.events, "servers")

    assert lost.cases or trials[-1].told, (
        f"the server heeded none of {trials[-1].expired} requests that their clients gave up"
    )
    assert not lost.is_above(BOUND), (
        f"cancellations that come as answers get ready take the server down, {lost}; "
        f"the last one {trials[-1].end}"
    )
    if not lost.is_below(BOUND):
        raise Undecided(
            f"the server was lost by {lost} cancellations that came as answers got ready",
            needed="more such cancellations: a machine with less to do, or more tries",
        )


def must_answer(server):
    """Seconds the server takes where the model takes none."""
    with closing(server.client("grpc")) as client:
        answers = [ask(client) for _ in range(20)]
    if not all(answer.accepted for answer in answers):
        raise BrokenError(f"the check's control failed: {answers[-1]}")
    return float(np.median([answer.seconds for answer in answers]))


def ask(client):
    """The answer to a request that takes no time."""
    numbers = {"MICROSECONDS": np.zeros(1, dtype=np.int32)}
    return client.infer(MODEL.name, numbers, expected_outputs=["SEEN"])


def attempt(server, patience, lost):
    """Sends requests to one server until it is lost, or has met as many coincidences as it takes.

    A trial without any coincidence shows by the model whether the server heeds cancellations.
    """
    trial, over = Trial(), Event()
    process = server.process
    log = Cancellations(process.log_path)
    with server.working(), ThreadPoolExecutor(CLIENTS) as clients:
        numbers = [clients.submit(give_up, process.grpc, patience, over) for _ in range(CLIENTS)]
        began, seconds = time.monotonic(), 0.0
        while not trial.end and seconds < (LONGEST_TRIAL if log.all else SILENCE):
            time.sleep(LOOKS)
            trial.end, seconds = process.how_it_ended(), time.monotonic() - began
            log.read()
            if rate(lost.events, lost.cases + log.coincidences).is_below(BOUND):
                break
        over.set()
        trial.requests, trial.expired = map(sum, zip(*(n.result() for n in numbers), strict=True))
    trial.end = process.how_it_ended(timeout=1.0)
    log.read()
    trial.coincidences = log.coincidences
    if not trial.end:
        with closing(server.client("grpc")) as client:
            answer = ask(client)
        if answer.accepted:
            trial.told = int(answer.outputs["SEEN"][1])
        else:
            trial.end = f"answers no more: {answer}"
    if trial.end and not trial.coincidences:
        raise BrokenError(f"the server {trial.end}, and not by what the claim is about")
    if not trial.end and not trial.expired:
        raise BrokenError(f"the check's control failed, no client gave up: {trial}")
    server.renew()
    return trial


def give_up(address, patience, over):
    """One client: it gives up about half of its requests, about when their answers are due.

    Returns:
        How many requests it sent, and how many of them it gave up.
    """
    requests = expired = 0
    chance = np.random.default_rng()
    work = patience / 2
    arguments = [("grpc.use_local_subchannel_pool", 1)]  # a connection of its own
    with tritonclient.grpc.InferenceServerClient(address, channel_args=arguments) as client:
        while not over.is_set():
            numbers = np.array([work * chance.uniform(0.5, 1.5) * 1e6], dtype=np.int32)
            inputs = [input_tensor(tritonclient.grpc, "MICROSECONDS", numbers)]
            requests += 1
            try:
                client.infer(MODEL.name, inputs, client_timeout=patience)
                work = min(work * 1.05, 10 * patience)
            except InferenceServerException as problem:
                if "DEADLINE_EXCEEDED" not in str(problem.status()):
                    break  # the server is lost
                expired += 1
                work *= 0.95
    return requests, expired


class Cancellations:
    """The cancellations that a growing log tells of.

    Attributes:
        all: How many requests were cancelled before their answers were sent.
        coincidences: Of how many of them the server took in the answer when it had been told of
            the cancellation, but had not passed it on to the model's request yet.
    """

    STEP = re.compile(r"InferResponseComplete, \d+ step (\w+)")
    CANCELLED = "skipping response generation as grpc transaction was cancelled"

    def __init__(self, path):
        self.all = self.coincidences = 0
        self._path = path
        self._position = 0
        self._step = ""

    def read(self):
        """Reads what is new."""
        with self._path.open("rb") as log:
            log.seek(self._position)
            new = log.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._position += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            if step := self.STEP.search(line):
                self._step = step[1]
            elif self.CANCELLED in line:
                self.all += 1
                self.coincidences += self._step == "ISSUED"
