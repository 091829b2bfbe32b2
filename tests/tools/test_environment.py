"""The environments of GenAI-Perf, with stand-ins for it and for what it needs."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from triton_claims.errors import Blocked
from triton_claims.servers import interpreters
from triton_claims.servers.cache import cache_root
from triton_claims.tools.environment import genai_perf_environment


@pytest.fixture
def packages(staged_releases):
    """Every GenAI-Perf, by version."""
    known = (release.genai_perf for release in staged_releases.values())
    return {package.version: package for package in known if package}


def ask(environment, program):
    answer = subprocess.run(
        [environment.python, "-c", program], capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


def environments():
    return sorted(path.name for path in (cache_root() / "environments").iterdir())


def test_it_holds_genai_perf_and_sees_what_that_needs(packages):
    made = genai_perf_environment(packages["0.0.10"])
    assert made.version == "0.0.10"
    assert ask(made, "import genai_perf.main, needed; print(needed.BY)") == "GenAI-Perf"
    told = "import platform; from importlib.metadata import version; "
    told += "print(platform.python_version(), version('genai_perf'))"
    assert ask(made, told) == f"{made.release} 0.0.10"


def test_neither_pip_nor_the_suites_packages_are_in_it(packages):
    made = genai_perf_environment(packages["0.0.10"])
    find = "import importlib.util as u; print([u.find_spec(n) for n in ('pip', 'pytest')])"
    assert ask(made, find) == "[None, None]"
    assert {path.name[:6] for path in made.python.parent.iterdir()} == {"python"}


def test_what_versions_need_is_installed_once(packages):
    told = []
    made = [genai_perf_environment(each, progress=told.append) for each in packages.values()]
    assert len({each.folder for each in made}) == len(packages) == 3
    assert sum("making an environment" in line for line in told) == 1
    assert sum("adding GenAI-Perf" in line for line in told) == 3
    told.clear()
    assert genai_perf_environment(packages["0.0.8"], progress=told.append) == made[0]
    assert told == []


def test_two_that_want_it_at_once_make_it_once(packages):
    told = []
    with ThreadPoolExecutor(2) as threads:
        made = list(
            threads.map(
                lambda _: genai_perf_environment(packages["0.0.9"], progress=told.append), range(2)
            )
        )
    assert made[0] == made[1]
    assert sum("making an environment" in line for line in told) == 1


def test_the_cache_may_be_moved(packages, tmp_path, monkeypatch):
    genai_perf_environment(packages["0.0.10"])
    (tmp_path / "cache").rename(tmp_path / "elsewhere")
    monkeypatch.setenv("TRITON_CLAIMS_CACHE", str(tmp_path / "elsewhere"))
    told = []
    made = genai_perf_environment(packages["0.0.10"], progress=told.append)
    assert told == []
    assert ask(made, "import needed; print(needed.BY)") == "GenAI-Perf"


def test_it_is_compiled_when_it_is_made_and_errors_name_where_it_is(packages):
    made = genai_perf_environment(packages["0.0.10"])
    assert list(made.folder.rglob("genai_perf/__pycache__/main.*.pyc"))
    where = ask(made, "from genai_perf.main import main; print(main.__code__.co_filename)")
    assert Path(where).is_relative_to(made.folder)
    assert Path(where).is_file()


def test_other_packages_than_the_pinned_ones_are_not_taken(packages):
    other = replace(packages["0.0.10"], sha256="0" * 64)
    with pytest.raises(Blocked, match="another SHA-256 than the one pinned"):
        genai_perf_environment(other)
    # what was made by then is whole, and the rest left nothing
    assert [name.split("-")[2] for name in environments() if not name.startswith(".")] == [
        "packages"
    ]
    assert not [name for name in environments() if ".building-" in name]


def test_without_a_network_it_is_blocked_with_what_to_do(packages):
    for wheel in (cache_root() / "downloads").glob("needed-*"):
        wheel.unlink()
    with pytest.raises(
        Blocked, match=r"can't be fetched: .*needed.*connect once, or put the wheel"
    ):
        genai_perf_environment(packages["0.0.10"])


def test_where_no_python_is_for_it_it_is_blocked_with_what_to_do(packages, monkeypatch):
    monkeypatch.setattr(interpreters, "older_release", lambda _pythons: None)
    with pytest.raises(Blocked) as caught:
        genai_perf_environment(replace(packages["0.0.10"], pythons=("3.99",)))
    assert caught.value.reason.startswith("GenAI-Perf 0.0.10 runs on Python 3.99, and here is: Py")
    assert caught.value.unblock == "install Python 3.99"


def test_other_pins_make_another_environment(packages):
    package = packages["0.0.10"]
    made = genai_perf_environment(package)
    with package.requirements.open("a") as file:
        file.write(f"# changed{os.linesep}")
    assert genai_perf_environment(package).folder != made.folder
