"""The page as a file: what is in it, and what can never get into it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from report.staged_runs import KILLED, MIXED, grand
from verdicts.samples import cell, ledger, write

from triton_claims.notes.knowledge import load_knowledge
from triton_claims.report.page.facts import facts_of
from triton_claims.report.page.writing import page_html
from triton_claims.verdicts.cell import Picture, Piece
from triton_claims.verdicts.ledger import read_ledger
from triton_claims.verdicts.verdict import Verdict

ROOT = Path(__file__).resolve().parents[2]
SVG = "<svg xmlns='http://www.w3.org/2000/svg'/>"


@pytest.fixture(scope="module")
def knowledge():
    return load_knowledge(ROOT)


@pytest.fixture
def page(knowledge):
    def page(*ledgers, **options):
        return page_html(facts_of(ledgers, knowledge, **options))

    return page


def embedded(html):
    return json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1])


def test_it_has_every_cell_and_every_claim_without_a_check(page):
    facts = embedded(page(MIXED))
    assert len(facts["cells"]) == len(MIXED.cells)
    assert {"cows-purple", "cows-moo"} <= {claim["id"] for claim in facts["claims"]}
    assert facts["counts"]["unchecked"] == 2
    assert facts["passes"] is False


def test_a_run_that_was_killed_does_not_pass(page):
    html = page(KILLED)
    assert "The run fails" in html
    assert "truncated: it has no footer" in html


def test_what_a_server_says_is_never_markup(page):
    evil = "</script><script>alert(1)</script><!--\u2028"
    told = ledger(cell(reason=evil, evidence=(Piece(evil, evil),), target=f"image:{evil}"))
    html = page(told)
    assert html.count("<script") == 2
    assert "alert(1)</script>" not in html
    assert embedded(html)["cells"][0]["reason"] == evil


def test_it_names_nothing_outside_of_itself(page):
    html = page(MIXED)
    assert not re.search(r"""(?:src|href|url\()\s*=?\s*["']?(?:https?:)?//""", html)
    assert "default-src 'none'" in html


def test_claims_of_the_catalogue_are_told_in_full(page, knowledge):
    claim = knowledge.catalogue["correlation-id-string"]
    facts = embedded(page(ledger(cell(claim=claim.id))))
    (told,) = (each for each in facts["claims"] if each["id"] == claim.id)
    assert told["statement"] == claim.statement
    assert told["section"] == "key features"
    assert told["area"] == "python_backend"
    assert told["check"].startswith("suites/python_backend/test_correlation_id.py:")


def test_pictures_come_along(page, tmp_path):
    pictures = (Picture("a line", "pictures/line.svg"), Picture("lost", "pictures/gone.svg"))
    write(tmp_path / "ledger.jsonl", ledger(cell(pictures=pictures)))
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "line.svg").write_text(SVG)
    facts = embedded(page(read_ledger(tmp_path / "ledger.jsonl")))
    assert facts["pictures"]["0/pictures/line.svg"].startswith("data:image/svg+xml;base64,")
    assert facts["pictures"]["0/pictures/gone.svg"] == ""


def test_several_runs_stand_side_by_side(page):
    other = replace(MIXED, header={**MIXED.header, "run": "another"})
    facts = embedded(page(MIXED, other))
    assert len(facts["columns"]) == 4
    assert len(facts["cells"]) == 2 * len(MIXED.cells)
    assert [run["run"] for run in facts["runs"]] == [MIXED.header["run"], "another"]


def test_cells_are_held_against_an_earlier_run(page):
    before = ledger(cell(verdict=Verdict.REFUTED), cell(claim="gone-since"))
    now = ledger(cell(), cell(claim="new-since"))
    facts = embedded(page(now, earlier=before))
    told = {each["claim"]: each["before"] for each in facts["cells"]}
    assert told == {"cats-faster": "refuted", "new-since": "not there"}
    assert facts["vanished"] == ["gone-since wheel:24.10 cpu grpc: was confirmed"]


def test_a_picture_is_no_file_of_somebody_else_s(page, tmp_path):
    (tmp_path / "secret.svg").write_text(SVG)
    (tmp_path / "run" / "pictures").mkdir(parents=True)
    (tmp_path / "run" / "pictures" / "link.svg").symlink_to(tmp_path / "secret.svg")
    names = ("../secret.svg", "pictures/link.svg", "/dev/zero")
    pictures = tuple(Picture("a picture", name) for name in names)
    write(tmp_path / "run" / "ledger.jsonl", ledger(cell(pictures=pictures)))
    facts = embedded(page(read_ledger(tmp_path / "run" / "ledger.jsonl")))
    assert set(facts["pictures"].values()) == {""}


def test_thousands_of_cells_make_a_page_that_can_be_mailed(page):
    html = page(grand(5000))
    assert len(embedded(html)["cells"]) == 5000
    assert len(html) < 5_000_000


def test_columns_stand_as_targets_were_named(page):
    told = ledger(cell(target="install:/opt/tritonserver"), cell(claim="dogs-tail"))
    facts = embedded(page(told))
    assert [each["target"] for each in facts["columns"]] == [
        "wheel:24.10",
        "install:/opt/tritonserver",
    ]
    assert [each["column"] for each in facts["cells"]] == [1, 0]


def test_a_cell_without_a_target_is_shown(page):
    assert len(embedded(page(ledger(cell(target="", gpu=""))))["cells"]) == 1
