from __future__ import annotations

import pytest

from triton_claims.errors import InputError
from triton_claims.notes.releases import load_releases
from triton_claims.notes.versions import ServerVersion


def load_error(project):
    with pytest.raises(InputError) as caught:
        load_releases(project.releases)
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


def test_releases_are_a_mapping_from_the_oldest_container_on(project):
    releases = load_releases(project.releases)
    assert list(releases) == ["24.10", "25.01"]
    assert len(releases) == 2
    assert releases["25.01"].server == ServerVersion(2, 54, 0)
    assert "24.11" not in releases
    assert releases.by_server(ServerVersion.parse("2.51.0dev")) is releases["24.10"]
    assert releases.by_server(ServerVersion(2, 52, 0)) is None
    assert releases.newest_with_notes().container == "25.01"
    assert releases.newest_with_wheel().container == "24.10"


def test_a_wheel_is_read_with_its_stubs(project):
    wheel = load_releases(project.releases)["24.10"].wheel
    assert wheel is not None
    assert (wheel.distribution, wheel.version, wheel.size) == ("nvidia-pytriton", "0.7.0", 55369373)
    assert wheel.stubs == ("3.10", "3.11")


def test_notes_keep_their_place_and_their_lines(project):
    release = load_releases(project.releases)["25.01"]
    first, parent, below = release.notes
    assert (first.section, first.position, first.parent, first.origin) == (
        "features",
        1,
        None,
        "release-notes",
    )
    assert (parent.line, parent.claim_lines) == (11, (16, 17))
    assert below.parent == 1
    assert release.claims == ("cats-faster", "dogs-no-tail")
    assert release.path == project.new


def test_the_digest_of_the_notes_heeds_what_they_say_and_where(project):
    digest = load_releases(project.releases)["25.01"].notes_digest
    text = project.new.read_text()
    head, first, *rest = text.split("[[note]]")

    project.new.write_text("[[note]]".join([head, *rest[:1], *rest[1:], first]))
    assert load_releases(project.releases)["25.01"].notes_digest == digest, "order in the file"
    project.new.write_text(text.replace('claims = ["cats-faster"]', 'claims = ["dogs-no-tail"]'))
    assert load_releases(project.releases)["25.01"].notes_digest == digest, "mapping"
    project.new.write_text(text.replace('"features"\nposition = 1', '"features"\nposition = 2'))
    assert load_releases(project.releases)["25.01"].notes_digest != digest, "place"
    project.new.write_text("[[note]]".join([head, *rest]))
    assert load_releases(project.releases)["25.01"].notes_digest != digest, "a note dropped"


def test_the_catalogue_and_the_acceptances_are_no_releases(project):
    project.add("releases/acceptances.toml", "anything = 1\n")
    project.add("releases/schema/x.schema.json", "{}")
    assert list(load_releases(project.releases)) == ["24.10", "25.01"]


def test_a_file_name_that_differs_from_its_container_is_refused(project):
    project.new.rename(project.releases / "25.02.toml")
    assert load_error(project) == (
        f"{project.releases / '25.02.toml'}:1: container: found '25.01', expected '25.02' as the "
        "file's name says"
    )


def test_two_releases_with_one_container_are_refused(project):
    line = project.replace(project.new, '"25.01"', '"24.10"')
    assert load_error(project) == (
        f"{project.new}:{line}: container: found '24.10', which 24.10.toml has already"
    )


def test_two_releases_with_one_server_are_refused(project):
    line = project.replace(project.new, '"2.54.0"', '"2.51.0"')
    assert load_error(project) == (
        f"{project.new}:{line}: server: found '2.51.0', which 24.10.toml has already"
    )


@pytest.mark.parametrize(
    ("old", "new", "shift", "reason"),
    [
        (
            '"2.54.0"',
            "2.54",
            0,
            "server: found 2.54, expected the server version in that container",
        ),
        ('"2.54.0"', '"2.54"', 0, "server: found '2.54', expected the server version"),
        ('"25.01"', '"25.13"', 0, "container: found '25.13', expected the container version as"),
        ('server = "2.54.0"\n', "", -1, "found no key server, expected the server version in that"),
        ("position = 1", "position = 0", 0, "note#1.position: found 0, expected its position"),
        ("position = 1", "position = 1.0", 0, "note#1.position: found 1.0, expected its position"),
        (
            "position = 1",
            "position = true",
            0,
            "note#1.position: found true, expected its position",
        ),
        ("position = 1", "postion = 1", 0, "note#1.postion: found an unknown key, expected one of"),
        ("sha256:", "md5:", 0, "note#1.digest: found 'md5:"),
        (
            '["cats-faster"]',
            '"cats-faster"',
            0,
            "note#1.claims: found 'cats-faster', expected the ids",
        ),
        ('    "cats-faster",', '    "Cats",', 0, "note#2.claims#2: found 'Cats', expected the id"),
        ('["cats-faster"]', '["a", "a"]', 0, "note#1.claims: found a list of 2, expected the ids"),
        ("parent = 1", 'origin = "hearsay"', 0, "note#3.origin: found 'hearsay', expected one of"),
        (
            "parent = 1",
            "parent = 2",
            0,
            "note#3.parent: found 2, expected the position of a note in",
        ),
        ("parent = 1\n", "", 0, "note#3.position: found the place of the note in line 11 again"),
        ('section = "features"\n', "", -1, "note#1: found no key section, expected the section"),
        ("[[note]]", "[note]", 6, "found no valid TOML: "),
        ('"a measurement of ours"', '""', 0, "source: found '', expected where the two versions"),
    ],
)
def test_a_fault_is_told_with_line_key_and_reason(project, old, new, shift, reason):
    line = project.replace(project.new, old, new) + shift
    text = load_error(project)
    assert text.startswith(f"{project.new}:{line}: "), text
    assert reason in text


def test_a_digest_that_stands_twice_is_refused(project):
    text = project.new.read_text()
    digests = [line for line in text.splitlines() if line.startswith("digest")]
    line = project.replace(project.new, digests[2], digests[0])
    assert load_error(project) == (
        f"{project.new}:{line}: note#3.digest: found the digest of the note in line 5 again"
    )


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('version = "0.7.0"', 'version = "0.6.0"', "wheel.filename: found 'nvidia_pytriton-0.7.0"),
        ("size = 55369373", "size = 0", "wheel.size: found 0, expected the file's size in bytes"),
        ("size = 55369373", "size = 1e9", "wheel.size: found 1000000000.0, expected the file's"),
        (
            '"3.10", "3.11"',
            '"3.10", "4.0"',
            "wheel.stubs#2: found '4.0', expected a Python version",
        ),
        (
            '["3.10", "3.11"]',
            "[]",
            "wheel.stubs: found an empty list, expected the Python versions",
        ),
        ("0" * 64, "0" * 63, "wheel.sha256: found '0000"),
    ],
)
def test_a_faulty_wheel_is_told(project, old, new, reason):
    project.replace(project.old, old, new)
    text = load_error(project)
    assert text.startswith(f"{project.old}:")
    assert reason in text


CLIENT = """
[client]
distribution = "tritonclient"
version = "2.51.0"
filename = "tritonclient-2.51.0-py3-none-any.whl"
sha256 = "{}"
size = 14058766
glibc = "2.38"
source = "a measurement of ours"
""".format("1" * 64)


def test_the_client_of_the_newest_release_that_has_one_is_found(project):
    with pytest.raises(InputError, match="found no release with a client"):
        load_releases(project.releases).newest_client()
    project.old.write_text(project.old.read_text() + CLIENT)
    found = load_releases(project.releases).newest_client()
    assert (found.version, found.glibc, found.size) == ("2.51.0", "2.38", 14058766)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('version = "2.51', 'version = "2.50', "client.filename: found 'tritonclient-2.51.0-py3"),
        ('glibc = "2.38"', 'glibc = "new"', "client.glibc: found 'new', expected the oldest glibc"),
        ("1" * 64, "1" * 63, "client.sha256: found '1111"),
    ],
)
def test_a_faulty_client_is_told(project, old, new, reason):
    project.old.write_text(project.old.read_text() + CLIENT)
    project.replace(project.old, old, new)
    text = load_error(project)
    assert text.startswith(f"{project.old}:")
    assert reason in text


GENAI_PERF = """
[genai_perf]
version = "0.0.7"
sha256 = "{}"
requirements = "genai-perf.txt"
pythons = ["3.10", "3.11"]
source = "a measurement of ours"
""".format("1" * 64)


def test_a_release_tells_of_its_genai_perf(project):
    project.old.write_text(project.old.read_text() + GENAI_PERF)
    requirements = project.add("releases/genai-perf.txt", "")
    found = load_releases(project.releases)["24.10"].genai_perf
    assert (found.version, found.pythons) == ("0.0.7", ("3.10", "3.11"))
    assert found.requirements == requirements
    assert load_releases(project.releases)["25.01"].genai_perf is None


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"0.0.7"', '"newest"', "genai_perf.version: found 'newest', expected its version"),
        ("1" * 64, "1" * 63, "genai_perf.sha256: found '1111"),
        ('"genai-perf.txt"', '"../it.txt"', "genai_perf.requirements: found '../it.txt'"),
        ('"genai-perf.txt"', '"other.txt"', "genai_perf.requirements: found 'other.txt', expected"),
        ('pythons = ["3.10", "3.11"]', "pythons = []", "genai_perf.pythons: found an empty list"),
        ('pythons = ["3.10"', 'pythons = ["py3"', "genai_perf.pythons#1: found 'py3'"),
        ("requirements =", "requirement =", "genai_perf.requirement: found an unknown key"),
    ],
)
def test_a_faulty_genai_perf_is_told(project, old, new, reason):
    project.add("releases/genai-perf.txt", "")
    project.old.write_text(project.old.read_text() + GENAI_PERF)
    line = project.replace(project.old, old, new)
    text = load_error(project)
    assert text.startswith(f"{project.old}:{line}: ")
    assert reason in text


def test_one_genai_perf_is_of_one_release(project):
    project.add("releases/genai-perf.txt", "")
    for path in (project.old, project.new):
        path.write_text(path.read_text() + GENAI_PERF)
    assert "genai_perf.version: found '0.0.7', which 24.10.toml has already" in load_error(project)


def test_several_faults_are_counted_and_the_first_is_told(project):
    project.replace(project.new, '"2.54.0"', "1")
    project.replace(project.new, '["cats-faster"]', "2")
    text = load_error(project)
    assert text.startswith(f"{project.new}:2: server: found 1, expected the server version")
    assert text.endswith("(and 1 more)")


def test_no_release_at_all_is_no_empty_success(project):
    project.old.unlink()
    project.new.unlink()
    assert load_error(project) == (
        f"{project.releases}: found no release, expected files such as 25.01.toml"
    )


def test_the_newest_release_with_something_must_exist(project):
    project.old.unlink()
    with pytest.raises(InputError, match="found no release with a wheel"):
        load_releases(project.releases).newest_with_wheel()
