from __future__ import annotations

from functools import partial

import pytest
from notes.test_bad_input import complaint, spoil

from triton_claims.errors import InputError
from triton_claims.notes.ceilings import Host, load_ceilings

FILE = """\
recorded = "2026-11-27"
margin = 0.2

[host]
processor = "A fast one"
cores = 4
memory_gib = 15.6
machine = "0123456789abcdef"

[[ceiling]]
target = "wheel"
release = "24.10"
gpu = "cpu"
model = "echo"
load = "single"
protocol = "grpc"
p50_ms = 1
p99_ms = 2.5
throughput = 800
source = "recorded from run a-run"

[[ceiling]]
target = "*"
release = "24.*"
gpu = "*"
model = "echo"
load = "single"
protocol = "grpc"
p90_ms = 20.0
source = "promised to the users"

[[start]]
target = "wheel"
release = "*"
gpu = "cpu"
model = "echo"
seconds = 3
source = "promised to the users"
"""
HOST = Host("A fast one", 4, 4, 15.6, "6.1", "0123456789abcdef")
SERVER = {"target": "wheel", "release": "24.10", "gpu": "cpu", "model": "echo"}
LOAD = {"load": "single", "protocol": "grpc"}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "ceilings.toml"
    path.write_text(FILE, encoding="utf-8")
    return path


def refusal(path):
    with pytest.raises(InputError) as caught:
        load_ceilings(path)
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


def test_limits_are_found_in_seconds(file):
    found = load_ceilings(file).of_load(**SERVER, **LOAD)
    assert (found.p50, found.p90, found.p99, found.throughput) == (0.001, None, 0.0025, 800)
    assert found.source == "recorded from run a-run"
    assert load_ceilings(file).of_start(**SERVER).seconds == 3.0


@pytest.mark.parametrize(
    ("different", "p90"),
    [
        ({"release": "24.05"}, 0.02),
        ({"gpu": "hopper"}, 0.02),
        ({"target": "image"}, 0.02),
        ({"release": "25.01"}, None),
        ({"release": None}, None),
        ({"model": "other"}, None),
        ({"load": "concurrent"}, None),
        ({"protocol": "http"}, None),
    ],
)
def test_limits_are_for_what_they_say_and_the_first_that_fit_count(file, different, p90):
    found = load_ceilings(file).of_load(**{**SERVER, **LOAD, **different})
    assert (found.p90 if found else None) == p90


def test_a_limit_for_every_release_is_for_a_server_of_an_unknown_one_too(file):
    assert load_ceilings(file).of_start(**{**SERVER, "release": None}) is not None
    assert load_ceilings(file).of_start(**{**SERVER, "gpu": "hopper"}) is None


def test_the_machine_they_were_recorded_on_is_known_again(file):
    ceilings = load_ceilings(file)
    ceilings.refuse_elsewhere(HOST)
    # memory varies a little from boot to boot, and kernels are updated
    ceilings.refuse_elsewhere(Host("A fast one", 4, 4, 15.5, "6.8", "0123456789abcdef"))
    # what is not known of one of them is no difference
    ceilings.refuse_elsewhere(Host(cores=4))


@pytest.mark.parametrize(
    ("here", "told"),
    [
        (Host("A slow one", 4, 4, 15.6), "processor A fast one, here A slow one;"),
        (Host(cores=2, memory_gib=7.7), "cores 4, here 2; GiB of memory 15.6, here 7.7;"),
        (Host(machine="f" * 16), "machine id 0123456789abcdef, here ffffffffffffffff;"),
    ],
)
def test_another_machine_is_refused_with_what_is_different(file, here, told):
    with pytest.raises(InputError) as caught:
        load_ceilings(file).refuse_elsewhere(here)
    text = str(caught.value)
    assert text.startswith(f"{file}:4: recorded on another machine: {told}")
    assert "--ceilings-from-elsewhere" in text


def test_limits_without_a_machine_are_for_any(file):
    head, _, tail = FILE.partition("[host]")
    file.write_text(head + tail[tail.index("[[ceiling]]") :], encoding="utf-8")
    load_ceilings(file).refuse_elsewhere(HOST)


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("p50_ms = 1\n", "p50_ms = 0\n", 17, "ceiling#1.p50_ms: found 0, expected milliseconds"),
        ("p50_ms = 1\n", "p50_ms = nan\n", 17, "ceiling#1.p50_ms: found nan, expected a finite"),
        ("p50_ms = 1\n", "p50_ms = inf\n", 17, "ceiling#1.p50_ms: found inf, expected a finite"),
        ("p50_ms = 1\n", "p50_ms = true\n", 17, "ceiling#1.p50_ms: found true, expected milli"),
        ("p50_ms = 1\n", "p50_ms = 3\n", 10, "ceiling#1: found a limit below that of a smaller"),
        ("p50_ms", "p50", 17, "ceiling#1.p50: found an unknown key"),
        ("p90_ms = 20.0\n", "", 22, "ceiling#2: found no limit, expected p50_ms, p90_ms, p99_ms"),
        ('release = "24.*"', 'release = "new"', 24, "ceiling#2.release: found 'new', expected a"),
        ('target = "*"', 'target = "url"', 23, "ceiling#2.target: found 'url', expected one of"),
        ("cores = 4", "cores = 0", 6, "host.cores: found 0, expected how many processors"),
        ("seconds = 3\n", "", 32, "start#1: found no key seconds, expected seconds above zero"),
    ],
)
def test_what_limits_nothing_is_refused_with_its_place(file, old, new, line, told):
    assert old in FILE
    file.write_text(FILE.replace(old, new, 1), encoding="utf-8")
    assert refusal(file).startswith(f"{file}:{line}: {told}")


def test_what_is_limited_twice_is_refused(file):
    again = FILE[FILE.index("[[ceiling]]") : FILE.index('[[ceiling]]\ntarget = "*"')]
    file.write_text(FILE + "\n" + again, encoding="utf-8")
    assert "found what the table in line 10 limits already" in refusal(file)


def test_a_file_without_limits_is_refused(file):
    file.write_text("", encoding="utf-8")
    assert refusal(file) == f"{file}:1: found no limit, expected [[ceiling]] or [[start]]"


def test_spoilt_data_load_or_are_told_in_one_line_with_the_file(file):
    valid = file.read_bytes()
    complaints = []
    for case in range(200):
        file.write_bytes(spoil(valid, case))
        told = complaint(partial(load_ceilings, file))
        if told is not None:
            complaints.append(told)
            assert told.startswith(f"{file}:"), case
            assert len(told.splitlines()) == 1, case
    assert len(set(complaints)) > 40
