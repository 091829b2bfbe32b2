"""Reports of shards, read and put together: files, and what must not be touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from verdicts.samples import cell, write
from verdicts.test_merging import shard

from triton_claims.errors import InputError
from triton_claims.report.derived import DERIVED, replace_file
from triton_claims.report.shards import MANIFEST, read_shard, write_merged
from triton_claims.report.summary import summary_markdown
from triton_claims.verdicts.cell import Measurement, Picture
from triton_claims.verdicts.ledger import read_ledger
from triton_claims.verdicts.merging import merge


@pytest.fixture
def reports(tmp_path):
    """Writes the reports of a run: ``reports("run-1", {"logs/x.log": "text"}, cell(...), ...)``."""

    def make(run, files=(), *cells):
        folder = tmp_path / "shards" / run
        write(folder / "ledger.jsonl", shard(run, *(cells or [cell(claim=run)])))
        for name, text in dict(files).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        return folder

    return make


def merge_into(out, *folders):
    shards = [read_shard(folder) for folder in folders]
    merged = merge([each.ledger for each in shards])
    write_merged(out, merged, shards)
    return merged


def refusal(function, *arguments):
    with pytest.raises(InputError) as caught:
        function(*arguments)
    return str(caught.value)


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


def drawn(claim, file):
    return cell(claim=claim, pictures=(Picture("memory", file),))


def test_everything_of_all_shards_is_there(reports, tmp_path):
    one = reports(
        "run-1",
        {
            "logs/server.log": "one",
            "pictures/same.svg": "<svg>1</svg>",
            "allure-results/aaaa-result.json": "{}",
            "allure-results/environment.properties": "run=run-1",
            "allure-results/executor.json": "{}",
            "allure-results/categories.json": '[{"name": "both"}, {"name": "one"}]',
            "allure-results/history/old.json": "{}",
            "summary.md": "old",
            "of the user": "",
        },
        drawn("cats", "pictures/same.svg"),
    )
    two = reports(
        "run-2",
        {
            "logs/server.log": "two",
            "logs/deep/server.log": "three",
            "pictures/same.svg": "<svg>2</svg>",
            "allure-results/bbbb-result.json": "{}",
            "allure-results/categories.json": '[{"name": "two"}, {"name": "both"}]',
        },
        drawn("dogs", "pictures/same.svg"),
    )
    out = tmp_path / "new" / "merged"
    merged = merge_into(out, one, two)

    found = files(out)
    for name, text in {
        "logs/run-1/server.log": "one",
        "logs/run-2/server.log": "two",
        "logs/run-2/deep/server.log": "three",
        "pictures/run-1/same.svg": "<svg>1</svg>",
        "pictures/run-2/same.svg": "<svg>2</svg>",
        "allure-results/aaaa-result.json": "{}",
        "allure-results/bbbb-result.json": "{}",
        **{name: make(merged) for name, make in DERIVED.items()},
    }.items():
        assert found.pop(name) == text
    assert [each["name"] for each in json.loads(found.pop("allure-results/categories.json"))] == [
        *("both", "one", "two"),
    ]
    assert sorted(found) == ["ledger.jsonl", MANIFEST]
    assert read_ledger(out / "ledger.jsonl") == merged
    for each in merged.cells:
        assert (out / each.pictures[0].file).is_file()
        assert f"]({each.pictures[0].file})" in summary_markdown(merged)
    environment = DERIVED["allure-results/environment.properties"](merged)
    assert "shard.1=run-1: suites\nshard.2=run-2: suites\n" in environment


def test_a_ledger_alone_is_a_shard_without_pictures(reports, tmp_path):
    one = reports("run-1", {"pictures/x.svg": "<svg/>"}, drawn("cats", "pictures/x.svg"))
    assert (read_shard(one).missing, read_shard(one / "ledger.jsonl").missing) == (0, 1)
    merged = merge_into(tmp_path / "out", one / "ledger.jsonl")
    assert merged.cells[0].pictures == ()
    assert not (tmp_path / "out" / "pictures").exists()


@pytest.mark.parametrize("file", ["pictures/x.svg", f"pictures/{'long' * 100}"])
def test_a_picture_that_is_not_there_is_not_linked(reports, file):
    gone = reports("run-1", {}, drawn("cats", file))
    found = read_shard(gone)
    assert (found.missing, found.ledger.cells[0].pictures) == (1, ())


@pytest.mark.parametrize(
    "file",
    ["/etc/passwd", "../x.svg", "pictures/../../x.svg", "x.svg", "pictures", "", "pictures/\0"],
)
def test_a_picture_is_in_its_folder(reports, file):
    folder = reports("run-1", {}, drawn("cats", file))
    assert refusal(read_shard, folder) == (
        f"{folder / 'ledger.jsonl'}:3: pictures: found {file!r}, expected a file in pictures/"
    )


def test_links_out_of_a_shard_are_not_followed(reports, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    folder = reports("run-1", {"logs/server.log": "one"}, drawn("cats", "pictures/x.svg"))
    (folder / "pictures").symlink_to(tmp_path)
    (tmp_path / "x.svg").symlink_to(secret)
    (folder / "logs" / "link.log").symlink_to(secret)
    (folder / "allure-results").mkdir()
    (folder / "allure-results" / "link-result.json").symlink_to(secret)
    merged = merge_into(tmp_path / "out", folder)
    assert merged.cells[0].pictures == ()
    assert "hunter2" not in files(tmp_path / "out").values()
    assert "logs/run-1/server.log" in files(tmp_path / "out")


def test_shards_that_measured_something_are_merged(reports, tmp_path):
    figures = (Measurement("p99", 0.25, "s"),)
    told = {name: f"of {name}" for name in ("one", "two")}
    shards = [
        reports(
            f"run-{name}",
            {f"allure-results/{file}": text for file in OF_ONE_RUN},
            cell(claim=name, measurements=figures),
        )
        for name, text in told.items()
    ]
    merge_into(tmp_path / "out", *shards)
    merged = json.loads(files(tmp_path / "out")["allure-results/performance.json"])
    assert [each["group"] for each in merged] == ["one", "two"]


OF_ONE_RUN = ("performance.json", "environment.properties", "executor.json")


def test_what_cannot_be_made_of_a_ledger_costs_no_earlier_merge(reports, tmp_path, monkeypatch):
    shards = [reports("run-1"), reports("run-2")]
    merge_into(tmp_path / "out", *shards)
    before = files(tmp_path / "out")
    monkeypatch.setattr(
        "triton_claims.report.shards.DERIVED", {**DERIVED, "summary.md": lambda _ledger: 1 / 0}
    )
    with pytest.raises(ZeroDivisionError):
        merge_into(tmp_path / "out", *shards)
    assert files(tmp_path / "out") == before


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path):
    replace_file(tmp_path / "x.txt", "caf\udce9")
    assert (tmp_path / "x.txt").read_text(encoding="utf-8") == "caf\\udce9"
    with pytest.raises(TypeError):
        replace_file(tmp_path / "y.txt", None)
    assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]


def test_results_of_one_name_are_one_where_they_are_the_same(reports, tmp_path):
    name = "allure-results/aaaa-result.json"
    one, two = reports("run-1", {name: "{}"}), reports("run-2", {name: "{}"})
    merge_into(tmp_path / "out", one, two)
    assert files(tmp_path / "out")[name] == "{}"
    (two / name).write_text("[]")
    told = refusal(merge_into, tmp_path / "other", one, two)
    assert told.startswith(f"{two / name}: differs from {one / name}: ")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("text", ["{}", "no JSON", "", "\N{PILE OF POO}"])
def test_categories_that_are_none_are_refused(reports, tmp_path, text):
    one = reports("run-1", {"allure-results/categories.json": text})
    told = refusal(merge_into, tmp_path / "out", one)
    assert told.startswith(f"{one / 'allure-results/categories.json'}: found something else")
    assert not (tmp_path / "out").exists()


# -- the folder of the merge


def test_a_merge_replaces_an_earlier_one_and_nothing_else(reports, tmp_path):
    out = tmp_path / "out"
    one = reports("run-1", {"logs/a/1.log": "1", "allure-results/aaaa-result.json": "{}"})
    two = reports("run-2", {"logs/2.log": "2"})
    merge_into(out, one)
    (out / "of the user").write_text("mine")
    (out / "allure-results" / "executor.json").write_text("mine, too")
    merge_into(out, two)
    mine = {"of the user": "mine", "allure-results/executor.json": "mine, too"}
    found = files(out)
    assert {name: found.pop(name) for name in mine} == mine
    merge_into(tmp_path / "fresh", two)
    assert found == files(tmp_path / "fresh")
    assert sorted(path.name for path in (out / "logs").iterdir()) == ["run-2"]
    merge_into(out, two, one)
    assert len(read_ledger(out / "ledger.jsonl").cells) == 2


def test_a_folder_with_something_else_is_left_as_it_is(reports):
    one = reports("run-1")
    before = files(one)
    assert refusal(merge_into, one, one).endswith(
        f"{str(one)!r} is neither empty nor an earlier merge's: expected a folder for the merge "
        "alone"
    )
    assert files(one) == before


def test_a_file_that_came_since_is_not_overwritten(reports, tmp_path):
    out = tmp_path / "out"
    merge_into(out, reports("run-1"))
    (out / "logs" / "run-2").mkdir(parents=True)
    (out / "logs" / "run-2" / "2.log").write_text("mine")
    before = files(out)
    told = refusal(merge_into, out, reports("run-2", {"logs/2.log": "2"}))
    assert told == f"{out}: holds a file 'logs/run-2/2.log' that no merge wrote: move it away"
    assert files(out) == before


@pytest.mark.parametrize(
    "manifest", ["{}", '["../stranger"]', '["/etc/x"]', '[".."]', "[1]", '["a\\u0000"]', "no JSON"]
)
def test_a_damaged_manifest_deletes_nothing(reports, tmp_path, manifest):
    out, stranger = tmp_path / "out", tmp_path / "stranger"
    stranger.touch()
    merge_into(out, reports("run-1"))
    (out / MANIFEST).write_text(manifest)
    before = files(out)
    assert refusal(merge_into, out, reports("run-2")).startswith(f"{out / MANIFEST}: found ")
    assert files(out) == before
    assert stranger.exists()


def test_a_link_in_the_folder_leads_no_deletion_out_of_it(reports, tmp_path):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    merge_into(out, reports("run-1", {"logs/1.log": "1"}))
    elsewhere.mkdir()
    (out / "logs" / "run-1").rename(elsewhere / "run-1")
    (out / "logs" / "run-1").symlink_to(elsewhere / "run-1")
    assert "expected a file of this folder" in refusal(merge_into, out, reports("run-2"))
    assert (elsewhere / "run-1" / "1.log").exists()


def test_a_place_that_cannot_be_written_to_is_refused(reports, tmp_path):
    one, file = reports("run-1"), tmp_path / "file"
    file.touch()
    for out in (file, file / "x", tmp_path / "a\0b", tmp_path / ("long" * 100)):
        assert refusal(merge_into, out, one).startswith("--output: cannot write into ")


def test_what_is_no_shard_is_refused(tmp_path):
    for path, told in {
        tmp_path: f"{tmp_path}/ledger.jsonl: cannot be read: No such file or directory",
        tmp_path / "gone": f"{tmp_path}/gone: cannot be read: No such file or directory",
        Path("long" * 100): f"{'long' * 100}: cannot be read: File name too long",
    }.items():
        assert refusal(read_shard, path) == told
