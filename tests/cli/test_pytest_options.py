"""pytest's own command line: what is wrong with it is told in one line, with exit code 4."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from cli.test_bad_input import seeded, target, text
from notes.test_bad_input import complaint

from fixtures.options import _read

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120  # seconds; far more than it takes

# All in one process: each starts pytest anew, up to the point where it refuses.
_PROGRAM = """
import contextlib, io, json, sys
import pytest
answers = []
for options in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = pytest.main(["tests/notes/test_versions.py", "-p", "no:cacheprovider", *options])
    answers.append([int(code), out.getvalue(), err.getvalue()])
json.dump(answers, sys.stdout)
"""

WRONG = {
    "--target=": "ERROR: --target: '' is no target",
    "--target=wheel": "ERROR: --target: 'wheel' is no target",
    "--target=wheel:23.01": "ERROR: --target: '23.01' is no release we know",
    "--target=wheel:25.01": "ERROR: --target: '25.01' has no wheel with a server in it",
    "--target=install:/nowhere": "ERROR: --target: '/nowhere' holds no tritonserver",
    "--target=a\nb:\x1b[31m": "ERROR: --target: 'a\\nb:\\x1b[31m' is no target",
    "--target=url:http://h/v2": "ERROR: --target: 'http://h/v2' has a path: expected a host",
    "--target=url:http://h#os=beos": "ERROR: --target: os='beos' is unknown: expected linux or",
    "--target=docker:x": "ERROR: --target: 'docker' is no kind of target",
    "--baseline=": "ERROR: --baseline: '' is no target",
    "--baseline=wheel:23.01": "ERROR: --baseline: '23.01' is no release we know",
    "--baseline=install:/nowhere": "ERROR: --baseline: '/nowhere' holds no tritonserver",
    "--load-engine=wrk": "ERROR: --load-engine: 'wrk' is unknown: expected one of auto, client, ",
    "--load-engine=": "ERROR: --load-engine: '' is unknown",
    "--ceilings=nowhere.toml": "ERROR: nowhere.toml:1: cannot be read: No such file",
    "--ceilings=": "ERROR: --ceilings: '' is no file",
    "--ceilings=README.md": "ERROR: README.md:3: found no valid TOML",
    "--ceilings-from-elsewhere": "ERROR: --ceilings-from-elsewhere: there are no limits to take",
    "--release=25.1": "ERROR: --release: '25.1' is no release we know",
    "--release=23.07": "ERROR: --release: ",
    "--gpu=everything": "ERROR: --gpu: 'everything' is not here: expected arch, all, none",
    "--gpu=": "ERROR: --gpu: '' is not here",
    "--claim=no-such-*": "ERROR: --claim: 'no-such-*' matches no claim of 25.01",
    "--claim=": "ERROR: --claim: '' matches no claim of 25.01",
    "--target=ngc:2501": "ERROR: --target: '2501' is no container version: expected YY.MM",
    "--target=image:Upper Case": "ERROR: --target: 'Upper Case' is no reference of an image",
    "--docker-host=http://x": "ERROR: --docker-host: 'http://x' is no Docker host",
    "--docker-option=shm_sise=1g": "ERROR: --docker-option: 'shm_sise' is no option for containers",
    "--docker-option=labels=x": "ERROR: --docker-option: 'labels' is settled by the suite",
    "--docker-option=ulimits=memlock": "ERROR: --docker-option: 'memlock' is no limit",
    "--docker-host=nowhere.toml": "ERROR: nowhere.toml:1: cannot be read",
    "--docker-label=rack": "ERROR: --docker-label: 'rack' is no label",
    "--docker-label=rack=7": "ERROR: --docker-label: no Docker host has rack=7",
    "--docker-models=link": "ERROR: --docker-models: 'link' is unknown",
    "--image=py4=x": "ERROR: --image: 'py4=x' names no image: expected FLAVOUR=REFERENCE",
    "--require=everything": "ERROR: --require: 'everything' is unknown",
    "--reports=/dev/null/x": "ERROR: --reports: cannot write to ",
    "--reports=README.md": f"ERROR: --reports: '{ROOT}/README.md' is no folder",
}


def test_a_wrong_option_is_told_in_one_line_with_exit_code_4():
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps([[option] for option in WRONG])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    answers = json.loads(ended.stdout)
    assert len(answers) == len(WRONG)
    for (option, told), (code, out, err) in zip(WRONG.items(), answers, strict=True):
        assert code == pytest.ExitCode.USAGE_ERROR, option
        lines = [line for line in (out + err).splitlines() if line.strip()]
        told_lines = [line for line in lines if line.startswith("ERROR: ")]
        assert len(told_lines) == 1, (option, lines)
        assert told_lines[0].startswith(told), (option, lines)
        assert "Traceback" not in out + err, option
        assert "INTERNALERROR" not in out + err, option


OPTIONS = {
    "--target": (),
    "--gpu": (),
    "--claim": (),
    "--release": None,
    "--baseline": None,
    "--load-engine": None,
    "--require": None,
    "--reports": None,
    "--docker-host": (),
    "--docker-label": (),
    "--docker-option": (),
    "--docker-models": None,
}
#: Read where the project has images, and a file of limits; this one has none.
OTHERS = {"--image": (), "--ceilings": None, "--ceilings-from-elsewhere": False}


def config_of(root, **options):
    """As much of pytest's configuration as is read."""
    given = {**OPTIONS, **OTHERS, **{f"--{name}": value for name, value in options.items()}}
    given["collectonly"] = False
    return SimpleNamespace(
        rootpath=root,
        getoption=given.__getitem__,
        args=[],
        invocation_params=SimpleNamespace(dir=root),
    )


def test_the_negative_control(project):
    plan = _read(config_of(project.root, target=["wheel:24.10"], claim=["cats-*"]))
    assert plan.is_claim_run
    assert plan.selects("cats-faster")
    assert not plan.selects("dogs-no-tail")


@pytest.mark.parametrize("option", sorted(OPTIONS))
def test_whatever_an_option_is_given_it_is_valid_or_told_in_one_line(project, option, tmp_path):
    name = option.removeprefix("--")
    complaints = []
    for case in range(100):
        rng = seeded(option, case)
        value = target(rng) if name in {"target", "baseline"} else text(rng)
        if name == "reports" and "\0" in value:
            continue  # no shell passes on a NUL
        if name == "reports":
            value = f"{tmp_path}/{value.replace('..', '')}"  # the folder is made
        several = isinstance(OPTIONS[option], tuple)
        config = config_of(project.root, **{name: [value] if several else value})
        told = complaint(partial(_read, config))
        if told is not None:
            complaints.append(told)
            assert len(told.splitlines()) == 1, value
            assert told.startswith(f"{option}: "), value
    # almost any text can name a folder
    assert len(complaints) >= (0 if name == "reports" else 75)
