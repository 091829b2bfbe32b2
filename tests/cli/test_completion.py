"""The completions that shells are given, run by the shells that are here."""

from __future__ import annotations

import shutil
import subprocess

import pytest

PATIENCE = 60
SHOW = 'printf "%s\\n" ${COMPREPLY[@]+"${COMPREPLY[@]}"}'


@pytest.fixture
def complete(run, tmp_path):
    """Asks bash what it would complete a command line to; ids come from a stand-in."""
    program = tmp_path / "bin" / "triton-claims"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n[ \"$*\" = 'completion ids' ] && echo cats-faster dogs-no-tail\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    script = run("completion", "bash").out

    def complete(*words):
        asked = f"COMP_WORDS=({' '.join(map(repr, words))}); COMP_CWORD={len(words) - 1}"
        program_of_bash = f"{script}\n{asked}\n_triton_claims\n{SHOW}"
        answer = subprocess.run(
            ["/bin/bash", "--norc", "-u", "-c", program_of_bash],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
            env={"PATH": f"{program.parent}:/usr/bin:/bin"},
        )
        assert answer.stderr == ""
        return answer.stdout.split()

    return complete


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["d"], {"diff", "doctor"}),
        (["ceilings", ""], {"record", "-h", "--help"}),
        (["ceilings", "record", "--fo"], {"--for-releases", "--force"}),
        (["diff", "--rename", "a=b", "--m"], {"--markdown"}),
        (["completion", "f"], {"fish"}),
        (["show", "c"], {"cats-faster"}),
        (["show", "--j"], {"--json"}),
        (["summary", "d"], set()),
        (["no-command", "x"], set()),
    ],
)
def test_bash_completes(complete, words, completed):
    assert set(complete("triton-claims", *words)) == completed


def test_bash_offers_every_command(complete):
    offered = set(complete("triton-claims", ""))
    assert {"list", "show", "diff", "history", "completion", "--version"} <= offered


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_find_no_fault(run, shell):
    script = run("completion", shell).out
    assert "--for-releases" in script
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not here")
    subprocess.run([shell, "-n", "-c", script], timeout=PATIENCE, check=True)


def test_the_ids_are_those_of_the_catalogue(run, project):
    assert project
    assert run("completion", "ids").out == "cats-faster\ndogs-no-tail\n"
