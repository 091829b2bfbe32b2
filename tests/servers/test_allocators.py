from __future__ import annotations

from pathlib import Path

import pytest

from triton_claims.errors import Blocked
from triton_claims.servers.allocators import JEMALLOC, TCMALLOC, find_allocator, system_folders
from triton_claims.servers.distribution import PackageUnavailableError


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TRITON_CLAIMS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def never(_packages, _directory):
    raise AssertionError("nothing is to be fetched")


def unavailable(_packages, _directory):
    raise PackageUnavailableError("there is no apt-get here")


def package_with(*names):
    """A package that holds files of these names."""
    asked = []

    def fetch(packages, directory):
        asked.extend(packages)
        (directory / "usr" / "lib").mkdir(parents=True)
        for name in names:
            (directory / "usr" / "lib" / name).touch()

    fetch.asked = asked
    return fetch


def test_an_installed_library_is_taken_the_preferred_one_first(tmp_path):
    for name in ("libtcmalloc_minimal.so.4", "libtcmalloc.so.4"):
        (tmp_path / name).touch()
    folders = [tmp_path / "none", tmp_path]
    assert find_allocator(TCMALLOC, folders=folders, fetch=never) == tmp_path / "libtcmalloc.so.4"


def test_one_that_is_not_installed_is_fetched_once(cache):
    fetch = package_with("libjemalloc.so.2")
    told = []
    first = find_allocator(JEMALLOC, folders=[], fetch=fetch, progress=told.append)
    again = find_allocator(JEMALLOC, folders=[], fetch=never)
    assert first == again
    assert first.name == "libjemalloc.so.2"
    assert cache in first.parents
    assert fetch.asked == ["libjemalloc2"]
    assert told == ["fetching jemalloc: the package libjemalloc2"]


def test_one_that_cannot_be_fetched_blocks(cache):
    with pytest.raises(Blocked) as problem:
        find_allocator(JEMALLOC, folders=[], fetch=unavailable)
    assert "no apt-get" in str(problem.value)
    assert problem.value.unblock == "install libjemalloc2"
    assert not any(path.is_dir() for path in (cache / "allocators").glob("*"))


@pytest.mark.usefixtures("cache")
def test_a_package_without_it_blocks():
    with pytest.raises(Blocked, match=r"holds none of libjemalloc\.so\.2"):
        find_allocator(JEMALLOC, folders=[], fetch=package_with("other.so"))


def test_the_systems_folders_are_those_of_libraries():
    assert all(folder.is_absolute() for folder in system_folders())
    assert Path("/usr/lib") in system_folders()
