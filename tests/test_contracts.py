"""What the project promises about itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from triton_claims.notes.knowledge import load_knowledge

ROOT = Path(__file__).resolve().parents[1]


def files(*patterns):
    """The project's own files: those git tracks or would."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", *patterns],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    found = [ROOT / name for name in listed if (ROOT / name).is_file()]
    assert found
    return found


def test_imports_run_one_way():
    answer = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("schema", files("*.schema.json"), ids=lambda path: path.name)
def test_schemas_are_schemas(schema):
    Draft202012Validator.check_schema(json.loads(schema.read_text(encoding="utf-8")))


def test_no_note_is_quoted():
    # The data keep digests; a line as long as a note's would be its text.
    for path in files("releases/[0-9]*.toml"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not re.match(r"(text|note|quote)\s*=", line), (path, line)


def test_every_release_and_claim_has_a_source():
    knowledge = load_knowledge(ROOT)
    assert all(release.source for release in knowledge.releases.values())
    assert all(claim.sources for claim in knowledge.catalogue.values())


def test_code_has_no_release_numbers_in_it():
    version = re.compile(r"""["'](?:\d\d\.\d\d|2\.\d\d\.\d)["']""")
    for path in files("triton_claims/*.py", "fixtures/*.py", "suites/*.py"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            assert not version.search(line), f"{path}:{number}: {line}"


def test_readme_counts_what_there_is():
    knowledge = load_knowledge(ROOT)
    release = knowledge.releases.newest_with_notes()
    checked = [claim for claim in release.claims if claim in knowledge.checks]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    sentence = f"{len(checked)} of the {len(release.claims)} claims of {release.container} have"
    assert sentence in readme
    wheels = [each for each in knowledge.releases.values() if each.wheel]
    assert f"for {len(wheels)} releases" in readme


def test_readme_options_are_those_there_are():
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "--help", "-p", "fixtures.plugin"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for option in (
        *("--release", "--target", "--gpu", "--claim", "--require", "--reports"),
        *("--baseline", "--load-engine", "--ceilings"),
        *("--docker-host", "--docker-label", "--docker-option", "--docker-models", "--image"),
    ):
        assert f"{option}=" in answer
        assert f"`{option} " in readme
