"""What counts as worse, for each pair of verdicts."""

from __future__ import annotations

import pytest
from verdicts.samples import HEADER, cell, ledger

from triton_claims.errors import InputError
from triton_claims.verdicts.changes import Change, change_of, compare
from triton_claims.verdicts.ledger import Ledger
from triton_claims.verdicts.verdict import Verdict

LETTERS = {"c": "confirmed", "b": "baseline", "s": "blocked", "r": "refuted", "p": "premature"}
LETTERS |= {"u": "undecided", "e": "error", "R": "refuted", "P": "premature"}  # capitals: accepted

#: The verdict before down, the verdict now across.
#: = unchanged, - regressed, + improved, s became blocked, ~ changed
TABLE = """\
  c b s r p u e R P
c = ~ s - - - - ~ ~
b ~ = s - - - - ~ ~
s + + = - - - - ~ ~
r + + s = ~ ~ ~ ~ ~
p + + s ~ = ~ ~ ~ ~
u + + s - - = ~ ~ ~
e + + s - - ~ = ~ ~
R + + s - - - - = ~
P + + s - - - - ~ ="""
SIGNS = {
    "=": Change.UNCHANGED,
    "-": Change.REGRESSED,
    "+": Change.IMPROVED,
    "s": Change.BLOCKED,
    "~": Change.CHANGED,
}


def of(letter, **different):
    accepted = "looked into" if letter.isupper() else None
    return cell(verdict=Verdict(LETTERS[letter]), accepted=accepted, **different)


def pairs():
    head, *rows = (line.split() for line in TABLE.splitlines())
    return [(row[0], new, sign) for row in rows for new, sign in zip(head, row[1:], strict=True)]


@pytest.mark.parametrize(("old", "new", "sign"), pairs())
def test_each_pair_of_verdicts(old, new, sign):
    assert change_of(of(old), of(new)) is SIGNS[sign]


def test_what_is_new_and_fails_is_bad_and_what_vanished_is_not():
    same = of("c", protocol="http")
    assert compare(ledger(same), ledger(same, of("r"))).are_bad
    assert not compare(ledger(same), ledger(same, of("R"))).are_bad
    assert not compare(ledger(same, of("c")), ledger(same)).are_bad


def test_a_run_that_was_cut_off_is_bad_though_no_cell_is():
    same = of("c")
    assert compare(ledger(same), Ledger(HEADER, (same,))).are_bad
    assert not compare(Ledger(HEADER, (same,)), ledger(same)).are_bad


def test_another_server_behind_the_same_target_is_told():
    changes = compare(ledger(of("c")), ledger(of("c", server_version="2.54.0")))
    assert changes.versions == {"wheel:24.10": ("2.51.0", "2.54.0")}
    assert changes.counts["unchanged"] == 1


def test_runs_without_a_cell_in_common_are_not_compared():
    with pytest.raises(InputError, match=r"no cell in common: wheel:24.10 before, b now; .*--rena"):
        compare(ledger(of("c")), ledger(of("r", target="b")))


def test_a_target_may_stand_for_another():
    old, new = ledger(of("c")), ledger(of("r", target="b"))
    changes = compare(old, new, {"wheel:24.10": "b"})
    assert [(each.change, each.cell.target) for each in changes.cells] == [(Change.REGRESSED, "b")]


@pytest.mark.parametrize("renamed", [{"x": "b"}, {"wheel:24.10": "x"}])
def test_what_is_renamed_must_be_there(renamed):
    with pytest.raises(InputError, match="'x' is no target of"):
        compare(ledger(of("c")), ledger(of("r", target="b")), renamed)


def test_two_targets_do_not_become_one():
    old = ledger(of("c"), of("c", target="b"))
    with pytest.raises(InputError, match="become one"):
        compare(old, ledger(of("r", target="b")), {"wheel:24.10": "b"})
