from __future__ import annotations

import pytest
from notes.conftest import Project

from triton_claims.errors import InputError
from triton_claims.notes.images import Images
from triton_claims.notes.releases import load_releases
from triton_claims.servers.targets import Target, parse_target, server_root


@pytest.fixture
def releases(tmp_path):
    return load_releases(Project(tmp_path / "project").releases)


@pytest.fixture
def installed(tmp_path):
    """A folder with a tritonserver in it."""

    def install(name="tritonserver"):
        binary = tmp_path / name / "bin" / "tritonserver"
        binary.parent.mkdir(parents=True)
        binary.touch()
        return tmp_path / name

    return install


def refusal(text, releases, **where):
    with pytest.raises(InputError) as caught:
        parse_target(text, releases, **where)
    told = str(caught.value)
    assert len(told.splitlines()) == 1
    return told


def test_a_wheel_is_named_by_its_release(releases):
    target = parse_target("wheel:24.10", releases)
    assert target == Target("wheel", "24.10", releases["24.10"])
    assert str(target) == "wheel:24.10"


def test_an_installation_is_named_by_its_folder(releases, installed):
    folder = installed()
    target = parse_target(f"install:{folder}/", releases)
    assert target == Target("install", str(folder))
    assert str(target) == f"install:{folder}"


def test_one_installation_has_one_name(releases, installed, monkeypatch):
    folder = installed()
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("HOME", str(folder.parent))
    names = ("tritonserver", "./tritonserver/", "~/tritonserver", str(folder))
    assert {str(parse_target(f"install:{name}", releases)) for name in names} == {
        f"install:{folder}"
    }


def test_a_folder_may_have_any_printable_name(releases, installed):
    folder = installed("my server: größer [new]")
    assert str(parse_target(f"install:{folder}", releases)) == f"install:{folder}"


def test_an_unpacked_wheel_is_an_installation(releases, installed, tmp_path):
    root = installed("unpacked/pytriton/tritonserver")
    assert server_root(tmp_path / "unpacked") == root
    assert server_root(root) == root
    assert server_root(tmp_path) is None
    assert str(parse_target(f"install:{tmp_path}/unpacked", releases)).endswith("/unpacked")


@pytest.mark.parametrize("text", ["", ":", "wheel", "wheel:", "wheel: ", "24.10", "wheel:\n", "\0"])
def test_what_is_no_target_is_refused_with_an_example(text, releases):
    assert refusal(text, releases) == (
        f"--target: {text!r} is no target: expected KIND:VALUE, such as wheel:24.10 or "
        "install:/opt/tritonserver"
    )


@pytest.mark.parametrize("kind", ["", "whell", "WHEEL", "wheel ", "docker", "wh\neel"])
def test_an_unknown_kind_is_refused(kind, releases):
    assert refusal(f"{kind}:24.10", releases, where="TARGET") == (
        f"TARGET: {kind!r} is no kind of target: expected one of wheel:, install:, ngc:, image:, "
        "url:, genai-perf:, vllm-backend:"
    )


IMAGES = Images(
    "registry.example", "vendor/server", (("py3", "{container}-py3"), ("sdk-py3", "{container}-s"))
)


def test_a_release_is_shipped_in_an_image_for_each_flavour(releases):
    target = parse_target("ngc:24.10", releases, IMAGES)
    assert str(target) == "ngc:24.10"
    assert target.release == releases["24.10"]
    assert target.usual_image == "registry.example/vendor/server:24.10-py3"
    assert dict(target.images)["sdk-py3"] == "registry.example/vendor/server:24.10-s"


def test_an_image_of_a_release_we_do_not_know_can_be_run_all_the_same(releases):
    target = parse_target("ngc:99.01", releases, IMAGES)
    assert target.release is None
    assert target.usual_image == "registry.example/vendor/server:99.01-py3"


@pytest.mark.parametrize(
    "container", ["2501", "25.1", "25.01-py3", "latest", "\uff12\uff15.\uff10\uff11"]
)
def test_what_is_no_container_version_is_refused(container, releases):
    assert "is no container version: expected YY.MM, such as ngc:" in refusal(
        f"ngc:{container}", releases, images=IMAGES
    )


def test_without_the_data_no_image_is_known(releases):
    assert "releases/images.toml is not there" in refusal("ngc:24.10", releases)


DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("reference", "flavour"),
    [
        ("tritonserver-local:24.10-py3", "py3"),
        ("localhost:5000/some/thing:1-sdk-py3", "sdk-py3"),
        (f"registry.example/a/b@{DIGEST}", "py3"),
        (f"a:x-py3@{DIGEST}", "py3"),
        ("a", "py3"),
    ],
)
def test_any_image_can_be_named(reference, flavour, releases):
    target = parse_target(f"image:{reference}", releases, IMAGES)
    assert str(target) == f"image:{reference}"
    assert target.images == ((flavour, reference),)
    assert target.usual_image == reference


@pytest.mark.parametrize("reference", ["UPPER", "a b", "a:", "a@sha256:12", "-a", "a//b", "a:b:c"])
def test_what_is_no_reference_is_refused(reference, releases):
    assert "is no reference of an image" in refusal(f"image:{reference}", releases)


@pytest.mark.parametrize(
    ("container", "why"),
    [
        ("25.01", "has no wheel with a server in it"),
        ("24.11", "is no release we know"),
        ("24.1", "is no release we know"),
        (" 24.10", "is no release we know"),
        ("2.51.0", "is no release we know"),
        ("24.10:x", "is no release we know"),
        ("x" * 1000, "is no release we know"),
    ],
)
def test_a_release_without_a_wheel_is_refused(container, why, releases):
    assert refusal(f"wheel:{container}", releases) == (
        f"--target: {container!r} {why}: expected one of 24.10"
    )


def test_a_folder_without_a_server_is_refused(releases, tmp_path):
    (tmp_path / "bin").mkdir()
    assert "holds no tritonserver: expected bin/tritonserver in it" in refusal(
        f"install:{tmp_path}", releases
    )
    (tmp_path / "bin" / "tritonserver").mkdir()
    assert "holds no tritonserver" in refusal(f"install:{tmp_path}", releases)
    assert "holds no tritonserver" in refusal("install:/dev/null", releases)


@pytest.mark.parametrize(
    ("folder", "why"),
    [("x" * 5000, "File name too long"), ("~nobody-of-that-name/x", "home directory")],
)
def test_a_folder_that_cannot_be_looked_at_is_refused(folder, why, releases):
    told = refusal(f"install:{folder}", releases)
    assert told.startswith("--target: cannot look at '")
    assert why in told


GENAI_PERF = """
[genai_perf]
version = "{version}"
sha256 = "{zeros}"
requirements = "genai-perf.txt"
pythons = ["3.11"]
source = "a measurement of ours"
"""
CLIENT = """
[client]
distribution = "tritonclient"
version = "{version}"
filename = "tritonclient-{version}-py3-none-any.whl"
sha256 = "{zeros}"
size = 14058766
glibc = "2.38"
source = "a measurement of ours"
"""


@pytest.fixture
def tools(tmp_path):
    """Releases with three versions of GenAI-Perf, and two with a Perf Analyzer."""
    project = Project(tmp_path / "project")
    project.add("releases/genai-perf.txt", "")
    middle = 'container = "24.12"\nserver = "2.53.0"\nsource = "a measurement of ours"\n'
    project.add("releases/24.12.toml", middle)
    for container, version in (("24.10", "0.0.7"), ("24.12", "0.0.9"), ("25.01", "0.0.10")):
        path = project.releases / f"{container}.toml"
        text = GENAI_PERF.format(version=version, zeros="0" * 64)
        if container != "24.10":
            server = {"24.12": "2.53.0", "25.01": "2.54.0"}[container]
            text += CLIENT.format(version=server, zeros="0" * 64)
        path.write_text(path.read_text() + text)
    return load_releases(project.releases)


@pytest.mark.parametrize(
    ("value", "genai_perf", "perf_analyzer"),
    [
        ("0.0.10", "25.01", "25.01"),
        ("0.0.9", "24.12", "24.12"),
        ("0.0.7", "24.10", "24.12"),  # its own release has none: the next newer one
        ("0.0.10+perf-analyzer:2.53.0", "25.01", "24.12"),
        ("0.0.7+perf-analyzer:2.54.0", "24.10", "25.01"),
    ],
)
def test_a_tool_is_named_by_its_version_and_perf_analyzers(value, genai_perf, perf_analyzer, tools):
    target = parse_target(f"genai-perf:{value}", tools)
    assert str(target) == f"genai-perf:{value}"
    assert target.is_tool
    assert not target.in_container
    assert {name: release.container for name, (_, release) in target.tools.items()} == {
        "genai-perf": genai_perf,
        "perf-analyzer": perf_analyzer,
    }


def test_a_server_has_no_tools(tools):
    target = parse_target("wheel:24.10", tools)
    assert (target.is_tool, target.tools) == (False, {})


@pytest.mark.parametrize("version", ["0.0.11", "v0.0.10", "0.0.10 ", "latest", "x" * 1000])
def test_an_unknown_version_of_the_tool_is_refused(version, tools):
    assert refusal(f"genai-perf:{version}", tools) == (
        f"--target: {version!r} is no GenAI-Perf we know: expected one of 0.0.7, 0.0.9, 0.0.10"
    )


@pytest.mark.parametrize(
    "beside", ["", "perf-analyzer", "perf-analyzer:", "perf-analyzer:2.51.0", "2.53.0", "+", "a:b"]
)
def test_what_is_no_perf_analyzer_is_refused(beside, tools):
    assert refusal(f"genai-perf:0.0.10+{beside}", tools) == (
        f"--target: {beside!r} is no Perf Analyzer we know: expected "
        "genai-perf:0.0.10+perf-analyzer:VERSION, of 2.53.0, 2.54.0"
    )


def test_without_data_no_tool_is_known(releases):
    assert refusal("genai-perf:0.0.10", releases) == (
        "--target: '0.0.10' is no GenAI-Perf we know: expected one of none"
    )


@pytest.mark.usefixtures("tools")
def test_a_tool_newer_than_every_perf_analyzer_needs_one_named(tmp_path):
    newest = tmp_path / "project" / "releases" / "25.01.toml"
    newest.write_text(newest.read_text().partition("\n[client]")[0])
    fewer = load_releases(newest.parent)
    assert refusal("genai-perf:0.0.10", fewer) == (
        "--target: no Perf Analyzer is known that is as new as GenAI-Perf 0.0.10: expected "
        "genai-perf:0.0.10+perf-analyzer:VERSION, of 2.53.0"
    )


@pytest.fixture
def backend(tmp_path):
    """A folder with the files of a vLLM backend, as far as a target looks at them."""
    folder = tmp_path / "vllm@home"
    (folder / "utils").mkdir(parents=True)
    (folder / "model.py").touch()
    return folder


def test_a_backend_is_named_by_its_folder_and_its_release(backend, tools):
    target = parse_target(f"vllm-backend:{backend}@25.01", tools)
    assert str(target) == f"vllm-backend:{backend}@25.01"
    assert (target.folder, target.release.container) == (backend, "25.01")
    assert (target.is_backend, target.is_server, target.is_tool) == (True, False, False)
    assert parse_target("wheel:24.10", tools).is_server


@pytest.mark.parametrize("release", ["", "@", "@25.99", "@2.54.0", "@25.01 ", "/@25.01/"])
def test_a_backend_must_say_of_which_release_it_is(release, backend, tools):
    told = refusal(f"vllm-backend:{backend}{release}", tools)
    assert "does not say of which release the backend is: expected vllm-backend:DIR@YY.MM" in told


@pytest.mark.parametrize("name", ["model.py", "utils"])
def test_a_folder_that_lacks_a_part_of_the_backend_is_refused(name, backend, tools):
    (backend / name).rename(backend / "other")
    told = refusal(f"vllm-backend:{backend}@25.01", tools)
    assert f"holds no vLLM backend: expected {name} in it" in told


def test_a_backend_in_a_place_that_cannot_be_looked_at_is_refused(tools):
    assert "cannot look at" in refusal(f"vllm-backend:{'x' * 5000}@25.01", tools)
    assert "holds no vLLM backend" in refusal("vllm-backend:/dev/null@25.01", tools)
