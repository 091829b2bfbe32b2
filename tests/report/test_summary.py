from __future__ import annotations

import re
from dataclasses import replace

import pytest
from report.staged_runs import KILLED, MIXED
from verdicts.samples import HEADER, UNCHECKED, cell, ledger

from triton_claims.report.summary import LONGEST, summary_markdown
from triton_claims.verdicts.cell import Unchecked
from triton_claims.verdicts.verdict import Verdict


def details(summary, title):
    """The lines of one part that opens on a click."""
    part = re.search(rf"<summary>{title}</summary>\n\n(.*?)\n\n</details>", summary, re.DOTALL)
    assert part
    return part[1].split("\n")


def seen(reason):
    (line,) = details(summary_markdown(ledger(cell(reason=reason))), "What was seen")
    return line.partition("confirmed: ")[2]


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("a | b", r"a \| b"),
        ("<details>", "&lt;details>"),
        ("a & b &lt;", "a &amp; b &amp;lt;"),
        ("**bold** _it_ ~no~", r"\*\*bold\*\* \_it\_ \~no\~"),
        ("`code`", r"\`code\`"),
        ("[a](b) $x$", r"\[a\](b) \$x\$"),
        (r"a\|b", r"a\\\|b"),
        ("two\nlines\r\n\tand \u2028 more", "two lines and more"),
        ("\x1b[31mred\x00", "\N{REPLACEMENT CHARACTER}\\[31mred\N{REPLACEMENT CHARACTER}"),
        ("\udcff", "\N{REPLACEMENT CHARACTER}"),
        ("# café 🐈", "# café 🐈"),
        ("x" * 400, "x" * 400),
        ("x" * 401, "x" * 400 + " ..."),
    ],
)
def test_a_reason_is_shown_as_it_is_on_one_line(reason, shown):
    assert seen(reason) == shown


def test_whatever_a_ledger_holds_the_table_keeps_its_columns():
    strange = cell(claim="a|b\n|c|", target="x:`y`\n# z", gpu="<b>", protocol=None)
    lines = summary_markdown(ledger(strange)).split("\n")
    head = next(number for number, line in enumerate(lines) if line.startswith("| claim |"))
    row = lines[head + 2]
    assert len(re.findall(r"(?<!\\)\|", row)) == len(re.findall(r"\|", lines[head]))
    assert lines[head + 3] == ""


def test_the_header_of_a_ledger_is_escaped_too():
    header = {**HEADER, "release": {"container": "<25>", "server": "*"}, "host": {"a_b": "<c>"}}
    summary = summary_markdown(replace(KILLED, header=header))
    assert summary.startswith("# Claims of Triton &lt;25> (server \\*)\n")
    assert "- host.a\\_b: &lt;c>" in summary


def test_what_somebody_has_to_look_at_comes_first():
    told = details(summary_markdown(MIXED), "What was seen")
    verdicts = [re.split(r", |: ", line)[1] for line in told]
    assert verdicts[:4] == ["refuted", "premature", "undecided", "error"]
    assert len(told) == len(MIXED.cells)


def test_an_accepted_cell_stays_visible_with_its_reason():
    accepted = cell(verdict=Verdict.REFUTED, accepted="The note is wrong.", reason="no tail")
    summary = summary_markdown(ledger(accepted))
    assert "| refuted, accepted |" in summary
    assert "refuted, accepted: The note is wrong.: no tail" in summary


@pytest.mark.parametrize("letter", ["x", "é", "🐈", "|", "<"])
def test_the_summary_of_a_huge_run_fits_and_says_what_is_missing(letter):
    cells = [
        cell(claim=f"claim-{number}", target=f"install:/{letter * 40}", reason=letter * 500)
        for number in range(5000)
    ]
    cells[-1] = replace(cells[-1], verdict=Verdict.REFUTED)
    unchecked = [Unchecked(f"other-{number}", "fix", letter * 300) for number in range(5000)]
    summary = summary_markdown(ledger(*cells, unchecked=unchecked))
    assert len(summary.encode()) <= LONGEST < 2**20
    assert re.search(r"\n\([0-9]+ more: the ledger has them\)\n", summary)
    assert "The run fails: 1 refuted." in summary
    assert details(summary, "What was seen")[0].startswith("- **claim-4999** on ")


def test_5000_plain_cells_lose_nothing_of_the_rest():
    cells = [cell(claim=f"claim-{number}", reason="x" * 100) for number in range(5000)]
    summary = summary_markdown(ledger(*cells, unchecked=[UNCHECKED]))
    assert len(summary.encode()) <= LONGEST
    assert summary.count("<details>") == summary.count("</details>") == 3
    assert "- suite: 0.1.0" in summary
    assert summary.endswith("</details>\n")
    assert len(re.findall(r"(?m)^\| claim-", summary)) == 5000
    *shown, _, more = details(summary, "What was seen")
    assert more == f"({5000 - len(shown)} more: the ledger has them)"


def test_a_small_summary_is_not_cut():
    assert "more: the ledger" not in summary_markdown(MIXED)
    assert "(cut:" not in summary_markdown(MIXED)
