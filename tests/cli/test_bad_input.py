"""Whatever is put in: it is valid, or one line says what is wrong with it."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from functools import partial

import pytest
from notes.test_bad_input import SPOILERS, complaint, spoil
from report.staged_runs import MIXED
from verdicts.samples import write
from verdicts.test_acceptance import FILE

from triton_claims.cli import upkeep
from triton_claims.errors import Blocked
from triton_claims.notes.knowledge import load_knowledge
from triton_claims.servers.targets import parse_target
from triton_claims.verdicts.acceptance import load_acceptances

SEED = 2502
#: Together a thousand; what meets the reading functions alone comes on top.
TOML, TARGETS, COMMAND_LINES, LEDGERS, ACCEPTANCES = 300, 250, 150, 200, 100

_TEXTS = [
    *("", " ", "\t", "\n", "a\nb", "\r", "\0", "\x1b[31m", "\u2028", "\u202e", "\udcff", "é", "🐈"),
    *("x", "25.01", "24.10", "24.1", "2.54.0", "99.99", "-1", "0", "1e9", "nan", "None", "*", "**"),
    *("..", "/", "//", "/dev/null", "/proc/self/mem", "~", "~nobody/x", ".", "x" * 300, "x" * 5000),
    *("wheel", "install", "ngc", "image", "url", "WHEEL", "wheel:", ":", "::", "wheel:24.10"),
    *("%s", "%(prog)s", "{}", "{0}", "$HOME", "`id`", "; rm", "[", "[!", "[z-a]", "(", "\\", "'"),
    *("--", "-", "-h=", "--release", "--json", "-o", "@file", "http://a:b@c", "wheel:*"),
]
_HEAD = "triton-claims: error: "


def seeded(kind, case):
    return random.Random(f"{SEED} {kind} {case}")  # noqa: S311 - no secret, a repeatable test


@pytest.fixture
def harmless(monkeypatch):
    """What a command line that is right by chance would do."""

    def blocked(*_arguments, **_options):
        raise Blocked("staged", unblock="never")

    monkeypatch.setattr(upkeep, "make_ready", blocked)
    monkeypatch.setattr(upkeep, "make_tools_ready", blocked)
    monkeypatch.setattr(upkeep, "find_python", blocked)
    monkeypatch.setattr(upkeep, "find_interpreter", blocked)
    monkeypatch.setattr(upkeep.scratch, "sweep", list)


class Tally:
    """Counts what was said, so that a generator that spoils nothing is found out."""

    def __init__(self) -> None:
        self.cases = 0
        self.complaints: Counter[str] = Counter()

    def refused(self, answer, case):
        """Whether the input was refused, in one line; anything else must be an answer."""
        self.cases += 1
        if answer.code != 2:
            assert answer.code in {0, 1}, case
            assert answer.code == 1 or not answer.err, case
            assert all(line.startswith(_HEAD) for line in answer.err.splitlines()), case
            return False
        assert answer.out == "", case
        self.complaints[answer.complaint] += 1
        return True

    def hold(self, *, refused, different):
        assert self.complaints.total() >= self.cases * refused
        assert len(self.complaints) >= self.cases * different


@pytest.mark.parametrize("file", ["old", "new", "claims"])
def test_spoilt_data(run, project, file):
    path = getattr(project, file)
    valid = path.read_bytes()
    tally = Tally()
    for case in range(TOML // 3):
        path.write_bytes(spoil(valid, 1000 + case))
        answer = run("list")
        if tally.refused(answer, case):
            assert re.match(r"\S+\.toml(:[0-9]+)?: \S|/\S*/releases: \S", answer.complaint), case
    tally.hold(refused=0.6, different=0.3)


def text(rng):
    """A piece of text: a nasty one, two of them, or characters at random."""
    how = rng.randrange(4)
    if how == 0:
        return "".join(chr(rng.randrange(1, 0x300)) for _ in range(rng.randint(1, 12)))
    return "".join(rng.choice(_TEXTS) for _ in range(min(how, 2)))


def target(rng):
    if rng.randrange(3) == 0:
        return text(rng)
    return f"{rng.choice(['wheel', 'wheel', 'install', 'install', 'ngc', text(rng)])}:{text(rng)}"


@pytest.mark.usefixtures("project", "harmless")
def test_bad_targets(run):
    tally = Tally()
    for case in range(TARGETS):
        rng = seeded("target", case)
        named = [target(rng) for _ in range(rng.randint(1, 3))]
        answer = run("fetch", "--", *named)
        if tally.refused(answer, named):
            assert answer.complaint.startswith(("TARGET: ", "the following arguments")), named
    tally.hold(refused=0.9, different=0.4)


def test_bad_targets_for_the_reading_function(project):
    releases = load_knowledge(project.root).releases
    complaints = []
    for case in range(1000):
        named = target(seeded("bare target", case))
        told = complaint(partial(parse_target, named, releases))
        if told is not None:
            complaints.append(told)
    assert len(complaints) > 900
    assert [told for told in complaints if not told.isprintable()] == []


@pytest.mark.usefixtures("project", "harmless")
def test_bad_command_lines(run, tmp_path):
    ledger = str(write(tmp_path / "ledger.jsonl", MIXED))
    words = [
        "list",
        "summary",
        "merge",
        "fetch",
        "sweep",
        "doctor",
        "--release",
        "--json",
        "-o",
        ledger,
    ]
    tally = Tally()
    for case in range(COMMAND_LINES):
        rng = seeded("command line", case)
        argv = [
            rng.choice(words) if rng.randrange(2) else text(rng) for _ in range(rng.randint(0, 5))
        ]
        if case % 2:
            argv = [rng.choice(words[:6]), *argv]
        tally.refused(run(*argv), argv)
    tally.hold(refused=0.8, different=0.4)


_VALUES = [
    *(None, True, 0, -1, 1.5, 10**400, "", "x", "\x1b[31m\n", "\ud800", [], {}, [[]], ["x"]),
    *({"x": 1}, {"title": 1}, float("nan"), float("-inf"), "x" * 100_000, ["confirmed"]),
]


def _retype(lines, rng):
    """Changes a value somewhere in a record."""
    at = rng.randrange(len(lines))
    record = json.loads(lines[at])
    place = record
    while True:
        key = rng.choice(sorted(place) if isinstance(place, dict) else range(len(place)))
        if not isinstance(place[key], dict | list) or not place[key] or rng.randrange(3) == 0:
            break
        place = place[key]
    if rng.randrange(4) == 0 and isinstance(place, dict):
        del place[key]
    else:
        place[key] = rng.choice(_VALUES)
    return [*lines[:at], json.dumps(record).encode(), *lines[at + 1 :]]


def _add(lines, rng):
    at = rng.randrange(len(lines))
    record = {**json.loads(lines[at]), rng.choice(["x", "", "Type", "cell"]): rng.choice(_VALUES)}
    return [*lines[:at], json.dumps(record).encode(), *lines[at + 1 :]]


def _repeat(lines, rng):
    return [*lines, rng.choice(lines)]


def _swap(lines, rng):
    one, other = sorted(rng.sample(range(len(lines)), 2))
    lines = list(lines)
    lines[one], lines[other] = lines[other], lines[one]
    return lines


def _drop(lines, rng):
    at = rng.randrange(len(lines))
    return [*lines[:at], *lines[at + 1 :]]


def _insert(lines, rng):
    at = rng.randrange(len(lines) + 1)
    line = rng.choice([b"", b"{}", b"[]", b"null", b"7", b'"header"', b"{", b"\xff", b"[" * 5000])
    return [*lines[:at], line, *lines[at:]]


def test_damaged_ledgers(run, tmp_path):
    path = write(tmp_path / "ledger.jsonl", MIXED)
    valid = path.read_bytes().split(b"\n")[:-1]
    tally = Tally()
    for case in range(LEDGERS):
        rng = seeded("ledger", case)
        spoiler = rng.choice([_retype, _retype, _add, _repeat, _swap, _drop, _insert, None])
        if spoiler:
            data = b"\n".join([*spoiler(valid, rng), b""])
        else:  # the first three spoil bytes: cut, flip, insert
            data = rng.choice(SPOILERS[:3])(b"\n".join([*valid, b""]), rng)
        path.write_bytes(data)
        answer = run("summary", str(path), "-o", str(tmp_path / "out"))
        if tally.refused(answer, case):
            assert answer.complaint.startswith(str(path)), case
        else:
            assert answer.code == 1, case  # the run was no good one, and damage makes it no better
    tally.hold(refused=0.6, different=0.3)


def test_spoilt_acceptances(project):
    path = project.add("releases/acceptances.toml", FILE)
    knowledge = load_knowledge(project.root)
    complaints = []
    for case in range(ACCEPTANCES):
        path.write_bytes(spoil(FILE.encode(), 2000 + case))
        told = complaint(lambda: load_acceptances(knowledge))
        if told is not None:
            complaints.append(told)
            assert len(told.splitlines()) == 1, case
            assert re.match(rf"{re.escape(str(path))}:[0-9]+: \S", told), case
    assert len(complaints) >= ACCEPTANCES * 0.6
    assert len(set(complaints)) >= ACCEPTANCES * 0.3


def test_the_negative_control(run, project, tmp_path):
    """What the generators spoil is fine as it is."""
    project.add("releases/acceptances.toml", FILE)
    assert run("list").code == 0
    assert run("summary", str(write(tmp_path / "ledger.jsonl", MIXED))).code == 1
    assert len(load_acceptances(load_knowledge(project.root))) == 1
