"""Crashes: tried for until there is one, or until they are certainly rare."""

from __future__ import annotations

from triton_claims.measure.crashes import try_for_crashes


def attempts(*crashed):
    ends = iter(crashed)
    return lambda: ((now := next(ends)), "crashed" if now else "ended well")


def test_the_first_crash_ends_the_tries():
    crashes = try_for_crashes(attempts(False, False, True, True))
    assert crashes.happened
    assert crashes.ends == ("ended well", "ended well", "crashed")
    assert str(crashes) == "1 of 3 (from 2% to 86%) crashed"


def test_enough_good_ends_say_that_crashes_are_rare():
    crashes = try_for_crashes(attempts(*[False] * 100))
    assert len(crashes.ends) == 59
    assert crashes.are_rare
    assert not crashes.happened


def test_few_good_ends_say_nothing():
    crashes = try_for_crashes(attempts(*[False] * 10), tries=10)
    assert not crashes.are_rare
    assert not crashes.happened
