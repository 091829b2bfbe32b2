from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest
from report.staged_runs import KILLED, MIXED
from verdicts.samples import UNCHECKED, cell, ledger, write

from triton_claims import __version__
from triton_claims.cli import upkeep
from triton_claims.errors import Blocked, BrokenError
from triton_claims.report.summary import summary_markdown
from triton_claims.servers import load_engines
from triton_claims.servers.installation import Installation
from triton_claims.servers.interpreters import Interpreter, Python

GOLDEN = Path(__file__).parents[1] / "report" / "golden"
PATIENCE = 60  # seconds; far more than anything here takes


@pytest.fixture
def written(tmp_path):
    return lambda told: str(write(tmp_path / "ledger.jsonl", told))


# -- list


@pytest.mark.usefixtures("project")
def test_list_shows_the_claims_of_the_newest_release_with_notes(run):
    answer = run("list")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines() == [
        "claim         kind         versions          needs  check",
        "cats-faster   feature      since 2.54.0      -      suites/animals/test_cats.py:5",
        "dogs-no-tail  known-issue  2.47.0 to 2.54.0  gpu    unchecked",
    ]
    assert run("list", "--release", "25.01") == answer


@pytest.mark.usefixtures("project")
def test_list_as_json(run):
    answer = run("list", "--json", "--release=25.01")
    assert answer.code == 0
    assert json.loads(answer.out) == {
        "release": {"container": "25.01", "server": "2.54.0"},
        "claims": [
            {
                "id": "cats-faster",
                "kind": "feature",
                "statement": "A cat is faster than it was.",
                "since": "2.54.0",
                "until": None,
                "needs": [],
                "check": {
                    "path": "suites/animals/test_cats.py",
                    "line": 5,
                    "function": "test_cats",
                },
            },
            {
                "id": "dogs-no-tail",
                "kind": "known-issue",
                "statement": "A dog of this release has no tail.",
                "since": "2.47.0",
                "until": "2.54.0",
                "needs": ["gpu"],
                "check": None,
            },
        ],
    }


@pytest.mark.usefixtures("project")
def test_list_refuses_a_release_without_notes(run):
    answer = run("list", "--release", "24.10")
    assert answer.code == 2
    assert answer.complaint == (
        "--release: '24.10' has no notes in releases/ yet: expected one of 25.01"
    )
    assert run("list", "--release", "x").complaint == (
        "--release: 'x' is no release we know: expected one of 25.01"
    )


def test_list_tells_where_the_data_are_wrong(run, project):
    line = project.replace(project.new, "position = 1", "position = 0")
    answer = run("list")
    assert (answer.code, answer.out) == (2, "")
    assert answer.complaint.startswith(f"{project.new}:{line}: note#1.position: found 0")


def test_elsewhere_the_data_are_this_projects_own(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = run("list")
    assert answer.code == 0
    assert "server-version" in answer.out


def test_an_installation_without_data_says_where_to_go(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("triton_claims.notes.knowledge._OWN_ROOT", tmp_path)
    answer = run("list")
    assert answer.code == 2
    assert answer.complaint == (
        f"{tmp_path}: found no releases/claims.toml here, expected to be started in the project's "
        "folder"
    )


# -- summary


def test_summary_of_a_bad_run(run, written):
    answer = run("summary", written(MIXED))
    expected = (GOLDEN / "mixed.txt").read_text(encoding="utf-8")
    assert (answer.code, answer.out, answer.err) == (1, expected, "")


def test_summary_of_a_good_run(run, written):
    answer = run("summary", written(ledger(cell(), unchecked=[UNCHECKED])))
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.endswith("The run passes. 1 claim of the release has no check yet.\n")


def test_summary_as_json(run, written):
    answer = run("summary", "--json", written(MIXED))
    told = json.loads(answer.out)
    assert (answer.code, told["passes"]) == (1, False)
    assert len(told["cells"]) == len(MIXED.cells)
    assert told["sentences"][-1] in run("summary", written(MIXED)).out


def test_summary_of_a_run_that_was_cut_off(run, written):
    path = written(ledger(cell()))
    text = Path(path).read_text()
    Path(path).write_text(text[:-10])
    answer = run("summary", path)
    assert answer.code == 1
    assert "The run is truncated: it has no footer, the run was killed in the middle" in answer.out
    assert run("summary", written(ledger(cell(), complete=False))).code == 1
    assert run("summary", written(KILLED)).code == 1


def test_a_stale_acceptance_is_bad_news(run, written):
    assert run("summary", written(ledger(cell(), failures=["remove it"]))).code == 1


def test_summary_writes_what_a_ci_reads(run, written, tmp_path):
    answer = run("summary", written(MIXED), "-o", str(tmp_path / "new" / "folder"))
    assert answer.code == 1
    folder = tmp_path / "new" / "folder"
    assert sorted(path.name for path in folder.iterdir()) == ["junit.xml", "summary.md"]
    assert (folder / "summary.md").read_text(encoding="utf-8") == summary_markdown(MIXED)
    assert ET.parse(folder / "junit.xml").getroot().tag == "testsuites"  # noqa: S314 - our own
    assert run("summary", written(MIXED), "--output", str(folder)) == answer


def test_summary_tells_where_it_cannot_write(run, written, tmp_path):
    path = written(ledger(cell()))
    answer = run("summary", path, "-o", path)
    assert answer.code == 2
    assert answer.complaint == f"--output: cannot write into {path!r}: File exists"
    assert "Not a directory" in run("summary", path, "-o", f"{path}/x").complaint
    assert "embedded null" in run("summary", path, "-o", "a\0b").complaint
    (tmp_path / "summary.md").mkdir()
    assert "Is a directory" in run("summary", path, "-o", str(tmp_path)).complaint


def test_summary_refuses_what_is_no_ledger(run, tmp_path):
    missing = tmp_path / "ledger.jsonl"
    answer = run("summary", str(missing))
    assert (answer.code, answer.out) == (2, "")
    assert answer.complaint == f"{missing}: cannot be read: No such file or directory"


def test_what_a_ledger_holds_cannot_drive_the_terminal(run, written):
    strange = cell(claim="a\x1b[31m", target="t\n\rx", reason="\x07bell\u202e \udcff", gpu="\t")
    answer = run("summary", written(ledger(strange)))
    assert answer.code == 0
    assert all(line.isprintable() for line in answer.out.splitlines())


# -- fetch


@pytest.fixture
def prepared(monkeypatch):
    """Stands for what makes targets ready; gives those that were."""
    found = []

    def prepare(target, progress, host):
        assert host is None
        found.append(str(target))
        progress(f"fetching {target} from http://me:pass@host/")
        if len(found) > 1:
            raise found_problems.pop()
        return Installation(str(target), Path("/s/tritonserver"), None, (), (), "0" * 64)

    found_problems = [BrokenError("it fell apart"), Blocked("no network", unblock="connect once")]
    monkeypatch.setattr(upkeep, "make_ready", prepare)
    return found


@pytest.mark.usefixtures("project")
def test_fetch_makes_a_target_ready_and_tells_how_far_it_is(run, prepared):
    answer = run("fetch", "wheel:24.10", "wheel:24.10")
    assert prepared == ["wheel:24.10"]
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines() == [
        "fetching wheel:24.10 from http://[secret]@host/",
        "wheel:24.10 is ready: /s/tritonserver, models on none",
    ]


@pytest.mark.usefixtures("project")
def test_fetch_goes_on_past_a_target_that_is_blocked(run, prepared, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin" / "tritonserver").touch()
    others = [f"install:{tmp_path}/{name}" for name in ("one", "two")]
    answer = run("fetch", "wheel:24.10", *others)
    assert prepared == ["wheel:24.10", *others]
    assert answer.code == 1
    assert answer.err.splitlines() == [
        f"triton-claims: error: {others[0]}: no network; to unblock: connect once",
        f"triton-claims: error: {others[1]}: it fell apart",
    ]


@pytest.mark.usefixtures("project")
def test_fetch_begins_with_nothing_where_one_target_is_wrong(run, prepared):
    answer = run("fetch", "wheel:24.10", "wheel:24.11")
    assert (answer.code, answer.out, prepared) == (2, "", [])
    assert answer.complaint == ("TARGET: '24.11' is no release we know: expected one of 24.10")


# -- sweep


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder of all runs of this user, elsewhere for this test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"triton-claims-{os.getuid()}"


def test_sweep_clears_up_after_killed_runs(run, temporary):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(PATIENCE)
    for name, owner in (("dead", ended.pid), ("alive", os.getpid())):
        (temporary / name).mkdir(parents=True)
        created = upkeep.scratch.Owner.this_process().created
        (temporary / name / "owner.json").write_text(json.dumps({"pid": owner, "created": created}))
    answer = run("sweep")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == "cleared up after the run dead\n"
    assert [folder.name for folder in temporary.iterdir()] == ["alive"]


@pytest.mark.usefixtures("temporary")
def test_sweep_may_find_nothing(run):
    assert run("sweep").out == "there was nothing to clear up\n"


# -- doctor


@pytest.fixture
def machine(monkeypatch):
    """Stages the machine: its obstacles, and the Pythons that it has a shared library of."""

    def stage(*pythons, obstacles=()):
        def find_interpreter(stubs, *, progress):
            progress("looking")
            for version in pythons:
                if version in stubs:
                    return Interpreter(
                        Path("/usr/bin/python3"), version, f"{version}.1", Path("/usr"), Path("/l")
                    )
            raise Blocked("no Python here", unblock="install one")

        monkeypatch.setattr(upkeep.host, "obstacles", lambda: list(obstacles))
        monkeypatch.setattr(upkeep, "find_interpreter", find_interpreter)
        monkeypatch.setenv("TRITON_CLAIMS_CACHE", "/c")

    return stage


def test_doctor_names_the_python_of_each_group_of_servers(run, project, machine):
    machine("3.11", "3.12")
    newer = project.old.read_text().replace("24.10", "24.11").replace("2.51.0", "2.52.0")
    project.add("releases/24.11.toml", newer)
    other = newer.replace("24.11", "24.12").replace("2.52.0", "2.53.0")
    project.add("releases/24.12.toml", other.replace('"3.10", "3.11"', '"3.12"'))
    answer = run("doctor")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines() == [
        "cache: /c",
        "looking",
        "wheel:24.10 to wheel:24.11: the models run on Python 3.11.1, /usr/bin/python3",
        "looking",
        "wheel:24.12: the models run on Python 3.12.1, /usr/bin/python3",
        "everything the embedded servers need is here",
    ]


GENAI_PERF = """
[genai_perf]
version = "0.0.7"
sha256 = "{zeros}"
requirements = "genai-perf.txt"
pythons = ["3.11"]
source = "a measurement of ours"
""".format(zeros="0" * 64)


@pytest.mark.parametrize("here", [True, False])
def test_doctor_tells_whether_genai_perf_can_run(run, project, machine, monkeypatch, here):
    def find_python(versions, whom, *, progress):
        assert (versions, whom) == (("3.11",), "GenAI-Perf")
        progress("looking")
        if here:
            return Python(Path("/usr/bin/python3"), "3.11", "3.11.1", Path("/usr"))
        raise Blocked("no Python here", unblock="install one")

    machine("3.11")
    monkeypatch.setattr(upkeep, "find_python", find_python)
    project.add("releases/genai-perf.txt", "")
    project.old.write_text(project.old.read_text() + GENAI_PERF)
    answer = run("doctor")
    assert (answer.code, answer.err) == (0, "")  # no server lacks anything
    assert answer.out.splitlines()[-2] == (
        "genai-perf:0.0.7: runs on Python 3.11.1, /usr/bin/python3"
        if here
        else "genai-perf:0.0.7: cannot run here: no Python here; to unblock: install one"
    )


@pytest.mark.usefixtures("project")
def test_doctor_tells_what_no_python_can_run(run, machine):
    machine("3.12")
    answer = run("doctor")
    assert answer.code == 1
    assert answer.complaint == "wheel:24.10: no Python here; to unblock: install one"
    assert "everything" not in answer.out


CLIENT = """
[client]
distribution = "tritonclient"
version = "2.51.0"
filename = "tritonclient-2.51.0-py3-none-manylinux1_x86_64.whl"
sha256 = "{zeros}"
size = 1000
glibc = "2.34"
source = "a measurement of ours"
""".format(zeros="0" * 64)


@pytest.mark.parametrize("here", [True, False])
def test_doctor_tells_what_puts_loads_on_servers(run, project, machine, monkeypatch, here):
    def load_engine(choice, releases, progress):
        assert releases.newest_client()
        progress("looking for it")
        if not here:
            raise Blocked("no Perf Analyzer here", unblock="get one")
        return SimpleNamespace(name_for=lambda load: f"{choice} 1 ({load.name})")

    monkeypatch.setattr(load_engines, "load_engine", load_engine)
    project.add("releases/24.10.toml", project.old.read_text() + CLIENT)
    machine("3.11")
    answer = run("doctor")
    assert (answer.code, answer.err) == (0, "")
    *_, looking, told, rest = answer.out.splitlines()
    assert looking == "looking for it"
    assert told == (
        "loads: put on servers by perf_analyzer 1 (single) where they are for it, else by our own "
        "client"
        if here
        else "loads: put on servers by our own client alone: no Perf Analyzer here; to unblock: "
        "get one"
    )
    assert rest == "everything the embedded servers need is here"


@pytest.mark.usefixtures("project")
def test_doctor_tells_all_obstacles(run, machine):
    machine("3.11", obstacles=["no Linux", "no glibc"])
    answer = run("doctor")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.splitlines() == [
        "triton-claims: error: no Linux",
        "triton-claims: error: no glibc",
    ]


# -- all commands


def test_the_version(run):
    answer = run("--version")
    assert (answer.code, answer.out, answer.err) == (0, f"triton-claims {__version__}\n", "")


@pytest.mark.parametrize("command", [(), ("list",), ("summary",), ("fetch",), ("sweep",)])
def test_help(run, command):
    answer = run(*command, "--help")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("usage: triton-claims")


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        ([], "the following arguments are required: COMMAND (see triton-claims --help)"),
        (["summary"], "the following arguments are required: LEDGER (see triton-claims summary -"),
        (["list", "--jso"], "unrecognized arguments: --jso (see triton-claims --help)"),
        (["list", "--release"], "argument --release: expected one argument (see triton-claims l"),
        (["list", "--json=1"], "argument --json: ignored explicit argument '1' (see"),
        (["sweep", "a\nb"], "unrecognized arguments: a b (see triton-claims --help)"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(run, argv, complaint):
    answer = run(*argv)
    assert (answer.code, answer.out) == (2, "")
    assert answer.complaint.startswith(complaint)


def test_what_breaks_is_told_in_one_line_without_secrets(run, monkeypatch):
    def broken():
        raise BrokenError("no http://me:pass@host/")

    monkeypatch.setattr(upkeep.scratch, "sweep", broken)
    answer = run("sweep")
    assert (answer.code, answer.complaint) == (1, "no http://[secret]@host/")


def test_an_error_of_the_program_is_no_answer(run, monkeypatch):
    monkeypatch.setattr(upkeep.scratch, "sweep", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("sweep")


# -- as a program

_PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from triton_claims.cli import main; sys.exit(main())"
)


def start(*argv, before=(), **options):
    return subprocess.Popen(
        [*before, sys.executable, "-c", _PROGRAM, *argv],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


def test_a_reader_who_has_seen_enough_does_not_change_the_answer(written):
    for told, code in ((ledger(cell()), 0), (MIXED, 1)):
        reading, writing = os.pipe()
        os.close(reading)
        process = start("summary", written(told), stdout=writing)
        os.close(writing)
        _, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (code, b"")


def test_an_output_that_is_full_is_told(written):
    with Path("/dev/full").open("wb") as full:
        process = start("summary", written(MIXED), stdout=full)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert err == b"triton-claims: error: [Errno 28] No space left on device\n"


def test_an_output_that_is_closed_does_no_harm(written):
    process = start("summary", written(MIXED), before=("sh", "-c", 'exec "$@" >&-', "sh"))
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (1, b"")


def test_an_output_that_is_ascii_gets_ascii(written):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    path = written(ledger(cell(target="größe", verdict=cell().verdict)))
    out, err = start("summary", path, env=environment).communicate(timeout=PATIENCE)
    assert b"gr\\xf6\\xdfe" in out
    assert err == b""


def test_ctrl_c_ends_it_without_a_traceback(tmp_path):
    pipe = tmp_path / "ledger.jsonl"
    os.mkfifo(pipe)
    process = start("summary", str(pipe))
    with pipe.open("wb"):  # opens as soon as the program reads, and gives it nothing
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert err == b"triton-claims: error: ended by Ctrl-C\n"
