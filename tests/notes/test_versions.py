from __future__ import annotations

import pytest

from triton_claims.notes.versions import ServerVersion, VersionRange


def version(text):
    return None if text is None else ServerVersion.parse(text)


def span(since=None, until=None):
    return VersionRange(version(since), version(until))


@pytest.mark.parametrize("text", ["2.54.0", "0.0.0", "2.100.13"])
def test_a_version_spells_as_it_is_read(text):
    assert str(ServerVersion.parse(text)) == text


@pytest.mark.parametrize("text", ["2.54.0dev", "2.54.0-rc1", "2.54.0+cu12.8", "2.54.0dev0.1"])
def test_a_suffix_is_ignored(text):
    assert ServerVersion.parse(text) == ServerVersion(2, 54, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2.54",
        "2.54.0.1",
        "v2.54.0",
        " 2.54.0",
        "2.54.0\n",
        "2.54.x",
        "-2.54.0",
        "2.5٤.0",
        "9" * 5000,
    ],
)
def test_bad_text_is_refused_and_shown(text):
    with pytest.raises(ValueError, match=r"expected a server version such as 2\.54\.0"):
        ServerVersion.parse(text)


def test_versions_are_ordered_by_number():
    assert version("2.9.0") < version("2.10.0") < version("2.10.1") < version("3.0.0")


def test_both_ends_of_a_range_are_inside():
    within = span("2.44.0", "2.46.0")
    inside = [
        text
        for text in ("2.43.9", "2.44.0", "2.45.0", "2.46.0", "2.46.1")
        if version(text) in within
    ]
    assert inside == ["2.44.0", "2.45.0", "2.46.0"]


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        ("2.54.0", None, "since 2.54.0"),
        ("2.44.0", "2.46.0", "2.44.0 to 2.46.0"),
        (None, "2.46.0", "up to 2.46.0"),
        (None, None, "every version"),
    ],
)
def test_a_range_describes_itself(since, until, words):
    assert span(since, until).describe() == words


def test_an_open_range_holds_everything():
    assert version("0.0.1") in VersionRange()
    assert version("99999.0.0") in VersionRange()


def test_a_range_that_ends_before_it_starts_is_refused():
    with pytest.raises(ValueError, match=r"since 2\.54\.0 is newer than until 2\.53\.0"):
        span("2.54.0", "2.53.0")
