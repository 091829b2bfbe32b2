"""Pictures of what was measured: beside the ledger, in Allure and behind a link of the summary."""

from __future__ import annotations

CHECK = """
    import pytest


    @pytest.mark.claim("server-version")
    def test_always(server, evidence):
        evidence.picture("first [sight]", "<svg>1</svg>")
        evidence.picture("second", "<svg>2</svg>")
"""


def test_pictures_go_with_their_cell(project):
    project.check(CHECK)
    stale = project.reports / "pictures" / "of-an-earlier-run.svg"
    stale.parent.mkdir(parents=True)
    stale.touch()
    target = project.stage("good")
    project.run(f"--target={target}").assert_outcomes(passed=1)

    (cell,) = project.ledger().cells
    assert [each.title for each in cell.pictures] == ["first [sight]", "second"]
    files = [project.reports / each.file for each in cell.pictures]
    assert [path.read_text(encoding="utf-8") for path in files] == ["<svg>1</svg>", "<svg>2</svg>"]
    assert sorted(stale.parent.iterdir()) == sorted(files)

    summary = (project.reports / "summary.md").read_text(encoding="utf-8")
    for picture in cell.pictures:
        assert f"]({picture.file})" in summary
    assert r"[first \[sight\]](pictures/server-version-" in summary

    attached = {
        (each["name"], each["type"]) for each in project.allure()["server-version"]["attachments"]
    }
    assert {("first [sight]", "image/svg+xml"), ("second", "image/svg+xml")} <= attached
