"""The matrix of claims and versions."""

from __future__ import annotations

import pytest
from verdicts.samples import cell, ledger

from triton_claims.report.matrix import matrix_lines
from triton_claims.verdicts.verdict import Verdict

REFUTED = {"verdict": Verdict.REFUTED, "protocol": None}


@pytest.mark.parametrize("accepted", [("known", None), (None, "known"), ("known", "known")])
def test_what_is_accepted_in_one_place_alone_is_not_shown_as_accepted(accepted):
    told = ledger(
        cell(**REFUTED, target="wheel:24.10", accepted=accepted[0]),
        cell(**REFUTED, target="ngc:24.10", accepted=accepted[1]),
    )
    (row,) = [line for line in matrix_lines(told) if line.startswith("| cats-faster")]
    sign = row.split("|")[2].strip()
    assert sign == ("r" if None not in accepted else "R")
