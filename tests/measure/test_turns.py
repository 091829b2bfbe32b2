"""Two servers have their turns: equally many requests each, in parts, neither always first."""

import numpy as np
import pytest

from triton_claims.measure.load import Latencies
from triton_claims.measure.turns import in_turns


class Server:
    """Answers each request after so many ns, and writes down what it was asked."""

    def __init__(self, name, takes, journal):
        self.name, self.takes, self.journal = name, takes, journal

    def put(self, requests):
        self.journal.append((self.name, requests))
        sent = np.arange(requests, dtype=np.int64) * 1_000_000
        return Latencies(sent, sent, sent + self.takes)


@pytest.fixture
def journal():
    return []


@pytest.fixture
def servers(journal):
    return Server("a", 1000, journal), Server("b", 2000, journal)


def test_each_gets_all_requests_and_its_own_answers(servers):
    a, b = servers
    of_a, of_b = in_turns(a.put, b.put, 103, 10, a_first=True)
    assert len(of_a) == len(of_b) == 103
    assert set(of_a.seconds) == {1e-6}
    assert set(of_b.seconds) == {2e-6}


@pytest.mark.parametrize("a_first", [True, False])
def test_the_first_of_one_part_is_the_second_of_the_next(servers, journal, a_first):
    a, b = servers
    in_turns(a.put, b.put, 40, 4, a_first=a_first)
    names = "".join(name for name, _ in journal)
    assert names == ("abbaabba" if a_first else "baabbaab")


def test_parts_differ_by_one_request_at_most(servers, journal):
    a, b = servers
    in_turns(a.put, b.put, 103, 10, a_first=True)
    assert {requests for _, requests in journal} == {10, 11}


def test_there_are_no_more_parts_than_requests(servers, journal):
    a, b = servers
    in_turns(a.put, b.put, 3, 10, a_first=True)
    assert [requests for _, requests in journal] == [1] * 6
