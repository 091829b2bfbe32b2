from __future__ import annotations

import json
import struct

import pytest

from triton_claims.errors import Blocked
from triton_claims.servers import interpreters
from triton_claims.servers.distribution import OlderRelease, PackageUnavailableError
from triton_claims.servers.interpreters import (
    find_interpreter,
    find_python,
    linked_library,
    stub_python,
)

ALL = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """A cache of the test's own, on a machine whose distribution has no older release."""
    monkeypatch.setenv("TRITON_CLAIMS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(interpreters, "older_release", lambda _pythons: None)


def python(tmp_path, version, *, shared=True, prefix=None, name=None, **different):
    """Stages a Python: a program that answers what it is."""
    home = tmp_path / (name or f"python-{version}")
    (home / "bin").mkdir(parents=True)
    (home / "lib").mkdir()
    if shared:
        (home / "lib" / f"libpython{version}.so.1.0").touch()
    executable = home / "bin" / f"python{version}"
    told = {
        "executable": str(executable),
        "release": f"{version}.5",
        "version": version,
        "implementation": "CPython",
        "free_threaded": False,
        "prefix": str(prefix or home),
        "library": str(home / "lib"),
        "multiarch": None,
        **different,
    }
    executable.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(told)}\nEND\n")
    executable.chmod(0o755)
    return executable


def no_fetch(*_):
    raise PackageUnavailableError("no network")


def fetching(*files):
    """Stages the distribution: its packages hold these files."""
    fetched = []

    def fetch(packages, directory, codename="", /):
        fetched.append((list(packages), codename))
        for name in files:
            file = directory / "usr" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()

    return fetch, fetched


def test_a_python_with_its_shared_library_is_taken(tmp_path):
    executable = python(tmp_path, "3.11")
    found = find_interpreter(ALL, executables=[executable], fetch=no_fetch)
    assert found.executable == executable
    assert (found.version, found.release) == ("3.11", "3.11.5")
    assert found.libpython == tmp_path / "python-3.11" / "lib"


def test_the_first_one_that_serves_is_taken(tmp_path):
    executables = [python(tmp_path, version) for version in ("3.10", "3.12", "3.11")]
    assert find_interpreter(ALL, executables=executables, fetch=no_fetch).version == "3.10"
    assert find_interpreter(("3.11", "3.12"), executables=executables).version == "3.12"


def test_a_shared_library_that_is_there_goes_before_one_to_be_fetched(tmp_path):
    executables = [python(tmp_path, "3.12", shared=False), python(tmp_path, "3.10")]
    assert find_interpreter(ALL, executables=executables, fetch=no_fetch).version == "3.10"


def test_the_shared_library_is_fetched_once_for_the_distributions_python(tmp_path, monkeypatch):
    monkeypatch.setattr(interpreters._Candidate, "libpython", lambda _self: None)
    executable = python(tmp_path, "3.11", prefix="/usr", library=None)
    fetch, fetched = fetching("lib/x86_64-linux-gnu/libpython3.11.so.1.0")
    for _ in range(2):
        found = find_interpreter(ALL, executables=[executable], fetch=fetch)
        assert (found.libpython / "libpython3.11.so.1.0").exists()
    assert fetched == [(["libpython3.11"], "")]


def test_no_library_of_the_distribution_is_given_to_another_python(tmp_path):
    executable = python(tmp_path, "3.11", shared=False)
    with pytest.raises(Blocked, match="built without a shared library"):
        find_interpreter(ALL, executables=[executable], fetch=lambda *_: pytest.fail("fetched"))


def test_python_without_numpy_1_is_not_taken_where_the_server_can_have_it(tmp_path):
    executable = python(tmp_path, "3.13")
    with pytest.raises(Blocked, match=r"3\.13.* has no NumPy 1"):
        find_interpreter(ALL, executables=[executable], fetch=no_fetch)
    older = python(tmp_path, "3.12")
    assert find_interpreter(ALL, executables=[executable, older]).version == "3.12"


def test_a_server_with_only_that_stub_gets_it_all_the_same(tmp_path):
    executable = python(tmp_path, "3.13")
    assert find_interpreter(("3.13",), executables=[executable]).version == "3.13"


def test_an_older_python_is_fetched_where_none_serves(tmp_path, monkeypatch):
    monkeypatch.setattr(
        interpreters, "older_release", lambda pythons: OlderRelease("elder", pythons[-1])
    )
    fetched = []

    def fetch(packages, directory, codename="", /):
        fetched.append((packages, codename))
        python(directory, "3.10", name="usr")

    found = find_interpreter(ALL, executables=[python(tmp_path, "3.13")], fetch=fetch)

    assert found.version == "3.10"
    assert (found.libpython / "libpython3.10.so.1.0").exists()
    ((packages, codename),) = fetched
    assert codename == "elder"
    assert {"python3.10-minimal", "libpython3.10"} <= set(packages)


def test_the_refusal_names_each_python_what_it_lacks_and_what_to_install(tmp_path):
    executables = [
        python(tmp_path, "3.9"),
        python(tmp_path, "3.13"),
        python(tmp_path, "3.11", shared=False),
        python(tmp_path, "3.12", implementation="PyPy", name="pypy"),
        python(tmp_path, "3.12", free_threaded=True, name="free"),
    ]
    with pytest.raises(Blocked) as blocked:
        find_interpreter(ALL, executables=executables, fetch=no_fetch)
    line = str(blocked.value)
    assert "\n" not in line
    for executable in executables:
        assert str(executable) in line
    assert "PyPy" in line
    assert "free-threaded" in line
    assert "install Python 3.12 or 3.11 or 3.10" in line


def test_a_server_with_old_stubs_only_is_refused(tmp_path):
    with pytest.raises(Blocked, match=r"stubs for Python 3\.7, 3\.8"):
        find_interpreter(("3.7", "3.8"), executables=[python(tmp_path, "3.11")], fetch=no_fetch)


def test_a_failing_fetch_tells_no_password(tmp_path, monkeypatch):
    monkeypatch.setattr(interpreters._Candidate, "libpython", lambda _self: None)

    def fetch(*_):
        raise PackageUnavailableError("E: Failed http://someone:hunter2hunter2@mirror.invalid/x")

    executable = python(tmp_path, "3.11", prefix="/usr", library=None)
    with pytest.raises(Blocked) as blocked:
        find_interpreter(ALL, executables=[executable], fetch=fetch)
    assert "hunter2" not in str(blocked.value)
    assert "mirror.invalid" in str(blocked.value)


def test_what_does_not_answer_is_no_python(tmp_path):
    broken = tmp_path / "python3.11"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    gone = tmp_path / "python3.12"
    found = find_interpreter(ALL, executables=[broken, gone, python(tmp_path, "3.10")])
    assert found.version == "3.10"


def test_one_python_under_two_names_is_asked_once(tmp_path):
    executable = python(tmp_path, "3.9")
    (tmp_path / "python3").symlink_to(executable)
    with pytest.raises(Blocked) as blocked:
        find_interpreter(ALL, executables=[tmp_path / "python3", executable], fetch=no_fetch)
    assert str(blocked.value).count("3.9.5") == 1


def elf(*needed, stale=()):
    """A program that is linked with libraries; stale names are in the file and mean nothing."""
    address = 0x400000
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in (*stale, *needed))
    dynamic = 64 + 2 * 56
    table = dynamic + 16 * (len(needed) + 2)
    entries = [(1, strings.index(b"\0" + name.encode() + b"\0") + 1) for name in needed]
    entries += [(5, address + table), (0, 0)]
    end = table + len(strings)
    return b"".join(
        [
            struct.pack(
                "<16sHHIQQQIHHHHHH",
                b"\x7fELF\x02\x01\x01",
                2,
                62,
                1,
                0,
                64,
                0,
                0,
                64,
                56,
                2,
                0,
                0,
                0,
            ),
            struct.pack("<IIQQQQQQ", 1, 5, 0, address, address, end, end, 4096),
            struct.pack("<IIQQQQQQ", 2, 6, dynamic, 0, 0, table - dynamic, 0, 8),
            *(struct.pack("<qQ", *entry) for entry in entries),
            strings,
        ]
    )


@pytest.mark.parametrize("library", ["libpython3.11.so.1.0", "libpython3-419a3a08.11.so.1.0"])
def test_a_stub_says_which_python_it_is_linked_with(tmp_path, library):
    stub = tmp_path / "stub"
    stub.write_bytes(elf("libc.so.6", library, stale=["libpython3.8.so.1.0"]))
    assert stub_python(stub) == "3.11"
    assert linked_library(stub) == library


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"#!/bin/sh\n# libpython3.11.so.1.0\n",
        elf("libc.so.6", stale=["libpython3.11.so.1.0"]),
        elf("libpython3.11.so.1.0")[:100],
        b"\x7fELF\x02\x01" + b"\xff" * 200,
    ],
)
def test_a_file_that_is_no_stub_has_no_python(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    assert stub_python(tmp_path / "file") is None
    assert linked_library(tmp_path / "file") is None


def test_a_program_needs_no_shared_library(tmp_path):
    executables = [python(tmp_path, "3.13"), python(tmp_path, "3.11", shared=False)]
    found = find_python(("3.10", "3.11"), "it", executables=executables, fetch=no_fetch)
    assert (found.version, found.release) == ("3.11", "3.11.5")
    assert found.executable == executables[1]


def test_a_python_for_a_program_is_fetched_where_none_is_here(tmp_path, monkeypatch):
    monkeypatch.setattr(
        interpreters, "older_release", lambda pythons: OlderRelease("elder", pythons[0])
    )

    def fetch(_packages, directory, _codename="", /):
        python(directory, "3.11", name="usr")

    here = [python(tmp_path, "3.13")]
    assert find_python(("3.11",), "it", executables=here, fetch=fetch).version == "3.11"


def test_without_a_python_for_it_a_program_is_blocked(tmp_path):
    here = [python(tmp_path, "3.13"), python(tmp_path, "3.10", implementation="PyPy")]
    with pytest.raises(Blocked) as caught:
        find_python(("3.10", "3.11"), "GenAI-Perf", executables=here, fetch=no_fetch)
    assert caught.value.reason.startswith("GenAI-Perf runs on Python 3.10, 3.11, and here is: ")
    assert f"Python 3.13.5 ({here[0]})" in caught.value.reason
    assert caught.value.unblock == "install Python 3.10 or 3.11"
