from __future__ import annotations

import os

import pytest

from triton_claims.servers import distribution
from triton_claims.servers.distribution import (
    PackageUnavailableError,
    debian_mirror,
    fetch_packages,
    newer_release,
    older_release,
)

APT = """\
#!/bin/sh
echo "$@" >>"{log}"
case "$*" in
    *print-uris*) echo "'http://mirror.invalid/debian/dists/now/InRelease' mirror_InRelease 0" ;;
    *update) {update} ;;
    *system.conf*download*) echo "E: no lists" >&2; exit 100 ;;
    *download*{name}) touch it.deb ;;
    *) echo "E: Unable to locate package" >&2; exit 100 ;;
esac
"""
EXTRACT = '#!/bin/sh\nmkdir -p "$3/usr" && touch "$3/usr/file"\n'


@pytest.fixture
def apt(tmp_path, monkeypatch):
    """Stages apt: the system has no lists, and one package is to be had."""
    folder = tmp_path / "bin"
    folder.mkdir()
    log = tmp_path / "log"

    def stage(name="it", update="true"):
        scripts = {
            "apt-get": APT.format(log=log, name=name, update=update),
            "dpkg-deb": EXTRACT,
            "dpkg-query": "#!/bin/sh\nexit 1\n",
        }
        for program, script in scripts.items():
            (folder / program).write_text(script)
            (folder / program).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        (tmp_path / "unpacked").mkdir()
        return tmp_path / "unpacked"

    stage.log = log
    return stage


def test_without_lists_on_the_system_own_ones_are_fetched(apt):
    directory = apt()
    fetch_packages(["it"], directory)
    assert [path.name for path in directory.iterdir()] == ["usr"]
    called = apt.log.read_text().splitlines()
    assert [call.split()[1] for call in called] == ["system.conf", "own.conf", "own.conf"]


@pytest.mark.parametrize("package", ["libpython3.12", "libtcmalloc-minimal4"])
def test_a_shared_library_may_have_a_newer_name(apt, package):
    directory = apt(name=f"{package}t64")
    fetch_packages([package], directory)
    assert (directory / "usr" / "file").exists()


def test_what_cannot_be_had_is_told_in_one_line(apt):
    with pytest.raises(PackageUnavailableError, match="Unable to locate") as problem:
        fetch_packages(["other"], apt())
    assert "\n" not in str(problem.value)


def test_without_a_network_it_is_told(apt):
    directory = apt(update="echo 'E: Could not resolve' >&2; exit 100")
    with pytest.raises(PackageUnavailableError, match="Could not resolve"):
        fetch_packages(["other"], directory)


def test_an_older_release_comes_from_the_systems_own_mirror(apt, monkeypatch):
    monkeypatch.setattr(distribution, "_os_release", lambda: {"VERSION_CODENAME": "now"})
    sources = []
    written = distribution.Path.write_text

    def write_text(path, text, **options):
        if path.name == "sources.list":
            sources.append(text)
        return written(path, text, **options)

    monkeypatch.setattr(distribution.Path, "write_text", write_text)
    fetch_packages(["it"], apt(), "elder")
    assert sources == ["deb http://mirror.invalid/debian elder main\n"]


def test_without_apt_it_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PackageUnavailableError, match="no apt-get here"):
        fetch_packages(["it"], tmp_path)


@pytest.mark.parametrize(
    ("system", "pythons", "codename"),
    [
        ("debian", ("3.12", "3.11", "3.10"), "bookworm"),
        ("ubuntu", ("3.12", "3.11", "3.10"), "noble"),
        ("ubuntu", ("3.11", "3.10"), "jammy"),
        ("debian", ("3.13",), None),
        ("fedora", ("3.12",), None),
    ],
)
def test_the_release_with_a_python_that_serves_is_known(monkeypatch, system, pythons, codename):
    monkeypatch.setattr(distribution, "_os_release", lambda: {"ID": system})
    found = older_release(pythons)
    assert (found.codename if found else None) == codename


@pytest.mark.parametrize(
    ("system", "glibc", "codename"),
    [
        ("debian", (2, 38), "trixie"),
        ("ubuntu", (2, 38), "noble"),
        ("ubuntu", (2, 40), None),
        ("debian", (9, 9), None),
        ("fedora", (2, 38), None),
    ],
)
def test_the_release_with_libraries_as_new_is_known(monkeypatch, system, glibc, codename):
    monkeypatch.setattr(distribution, "_os_release", lambda: {"ID": system})
    found = newer_release(glibc)
    assert (found.codename if found else None) == codename


def test_the_mirror_that_debian_is_configured_for_is_told(apt, monkeypatch):
    apt()
    system = {"ID": "debian", "VERSION_CODENAME": "now"}
    monkeypatch.setattr(distribution, "_os_release", lambda: system)
    assert debian_mirror() == "http://mirror.invalid/debian"


def test_another_distribution_names_no_mirror_of_debian(monkeypatch):
    monkeypatch.setattr(distribution, "_os_release", lambda: {"ID": "ubuntu"})
    assert debian_mirror() is None
