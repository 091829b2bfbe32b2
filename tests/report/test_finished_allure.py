"""What scripts/finish-allure-report makes of a page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ANALYTICS = """
<script async src="https://www.googletagmanager.com/gtag/js?id=G-1"></script>
<script>
  window.dataLayer = window.dataLayer || [];
  gtag('config', 'G-1', {});
</script>
"""
KEPT = "<script>const kept = 1;</script>"
PAGE = f"<html><head><title>A</title>{ANALYTICS}</head><body>{KEPT}</body></html>"


@pytest.fixture
def finish(tmp_path):
    page = tmp_path / "index.html"

    def run(text):
        page.write_text(text, encoding="utf-8")
        script = ROOT / "scripts" / "finish-allure-report"
        command = [sys.executable, str(script), str(page)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        return ended, page.read_text(encoding="utf-8")

    return run


def test_analytics_go_and_names_come(finish):
    ended, text = finish(PAGE)
    assert ended.returncode == 0, ended.stderr
    assert "google" not in text
    assert "gtag" not in text
    assert KEPT in text
    assert (ROOT / "reports" / "allure-accessible.js").read_text(encoding="utf-8") in text


def test_what_is_finished_stays(finish):
    _, once = finish(PAGE)
    ended, twice = finish(once)
    assert ended.returncode == 0, ended.stderr
    assert twice == once


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<p>no page</p>", "is no report of Allure"),
        (PAGE.replace("gtag/js", "other").replace("async src", "async data"), "still has"),
    ],
    ids=["no report", "analytics of another kind"],
)
def test_what_cannot_be_finished_is_said_and_left(finish, text, said):
    ended, left = finish(text)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert left == text
