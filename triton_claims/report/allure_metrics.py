"""The measured figures as Allure's metrics, which it follows from run to run."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from triton_claims.verdicts.cell import Cell, Measurement
    from triton_claims.verdicts.ledger import Ledger


def allure_metrics(ledger: Ledger) -> str:
    """What Allure 3.18 reads as ``performance.json``: a JSON array, an object for each figure.

    Its ``key`` is the same in every run, so that Allure has a history of it; ``start`` and ``stop``
    are milliseconds since 1970, of the run's start and of that much later as the check took. Which
    way a figure is better is nowhere said: what is too much, the claims say.
    """
    started = round(datetime.fromisoformat(ledger.header["started"]).timestamp() * 1000)
    run = ledger.header["run"]
    metrics = []
    for cell in ledger.cells:
        for number, measurement in enumerate(cell.measurements):
            key = _key(cell, measurement)
            metrics.append(
                {
                    "id": f"{run} {key} {number}",
                    "key": key,
                    "value": measurement.value,
                    "start": started,
                    "stop": started + round(cell.seconds * 1000),
                    "title": f"{measurement.name} [{_place(cell)}]",
                    "unit": measurement.unit,
                    "group": cell.claim,
                    "groupTitle": cell.claim,
                }
            )
    return json.dumps(metrics, indent=1, ensure_ascii=False) + "\n"


def _key(cell: Cell, measurement: Measurement) -> str:
    return f"{cell.claim}: {measurement.name} [{_place(cell)}]"


def _place(cell: Cell) -> str:
    return ", ".join(filter(None, (cell.target, cell.gpu, cell.protocol)))
