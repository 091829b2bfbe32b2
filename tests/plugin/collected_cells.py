"""A pytest plugin that tells the cells of a collection, and what each lacks."""

from __future__ import annotations

import json
import os
from pathlib import Path

from fixtures.judging import CELL
from fixtures.selection import UNMET


def pytest_collection_finish(session):
    told = []
    for item in session.items:
        if (cell := item.stash.get(CELL, None)) is not None:
            reasons = [each.reason for each in item.stash[UNMET]]
            told.append([cell.claim.id, cell.target, cell.gpu, cell.protocol, reasons])
    Path(os.environ["COLLECTED_CELLS"]).write_text(json.dumps(told), encoding="utf-8")
