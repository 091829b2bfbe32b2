"""The files that GenAI-Perf leaves: what it measured, and the requests it measured that from.

``profile_export.json`` is Perf Analyzer's record of every request; ``profile_export_genai_perf``,
as ``.json`` and as ``.csv``, holds the metrics that GenAI-Perf made of it. Each version names and
lays them out alike; newer ones add metrics, and ``analyze`` with its table.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Any

from triton_claims.endpoints.openai_answers import DONE, text_in
from triton_claims.errors import BrokenError

if TYPE_CHECKING:
    from pathlib import Path

REQUESTS = "profile_export.json"
METRICS_JSON = "profile_export_genai_perf.json"
METRICS_CSV = "profile_export_genai_perf.csv"
SWEEP = "analyze_export_genai_perf.csv"

_EVENT = "data: "
_OUTPUT = "text_output"
_AVERAGE = "avg"
# What stands in the JSON file beside the metrics.
_NO_METRIC = "input_config"


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request as Perf Analyzer recorded it.

    Attributes:
        at: When it was sent, nanoseconds since the epoch.
        inputs: What was sent: for an OpenAI endpoint its ``payload``, else tensors by name.
        response_times: When each response came, nanoseconds since the epoch.
        responses: Each response as it was recorded: for an OpenAI endpoint what came over the wire,
            for Triton the text; empty where a response held none, as the last of each stream does.
    """

    at: int
    inputs: Mapping[str, Any]
    response_times: tuple[int, ...]
    responses: tuple[str, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The model's text in each response; one that holds none is left out."""
        found = (text for response in self.responses for text in _texts(response))
        return tuple(text for text in found if text)

    @property
    def seconds_between(self) -> tuple[float, ...]:
        """Seconds from each response to the next: the first is from the first to the second."""
        return tuple((after - before) / 1e9 for before, after in pairwise(self.response_times))


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric.

    Attributes:
        name: Its name, such as ``request_count``.
        unit: Its unit as it is written there, which is not always right: 0.0.8 gives tokens in
            ``requests/sec``. None where none is written.
        statistics: Its figures in that unit by name: ``avg``, ``min``, ``max``, ``p50`` ...
    """

    name: str
    unit: str | None
    statistics: Mapping[str, float]

    @property
    def average(self) -> float:
        """The average, or the only figure.

        Raises:
            BrokenError: There is none.
        """
        try:
            return self.statistics[_AVERAGE]
        except KeyError:
            raise BrokenError(f"the metric {self.name} has no {_AVERAGE}") from None


class Metrics(Mapping[str, Metric]):
    """The metrics of one profile by name.

    Args:
        metrics: The metrics.
        path: The file they were read from, for messages.
    """

    def __init__(self, metrics: Mapping[str, Metric], path: Path) -> None:
        self._metrics = metrics
        self._path = path

    def __getitem__(self, name: str) -> Metric:
        """Gives a metric.

        Raises:
            BrokenError: It is not there; ask with ``in`` where that is what is claimed.
        """
        if name not in self._metrics:
            raise BrokenError(
                f"{self._path} has no metric {name}, only {', '.join(self._metrics) or 'nothing'}"
            )
        return self._metrics[name]

    def __contains__(self, name: object) -> bool:
        """Whether there is such a metric."""
        return name in self._metrics

    def __iter__(self) -> Iterator[str]:
        """Iterates over the names."""
        return iter(self._metrics)

    def __len__(self) -> int:
        """Counts the metrics."""
        return len(self._metrics)


def find_one(folder: Path, name: str) -> Path:
    """Finds the one file of a name below a folder.

    Raises:
        BrokenError: There is none, or more than one.
    """
    found = sorted(folder.rglob(name))
    if len(found) != 1:
        raise BrokenError(f"expected one file {name} below {folder}, found {len(found)}")
    return found[0]


def read_recorded_requests(path: Path) -> tuple[RecordedRequest, ...]:
    """Reads ``profile_export.json``.

    Raises:
        BrokenError: It is not there, or not as expected; or it holds no request.
    """
    data = _json(path)
    try:
        requests = tuple(
            RecordedRequest(
                at=int(each["timestamp"]),
                inputs=dict(each["request_inputs"]),
                response_times=tuple(map(int, each["response_timestamps"])),
                responses=tuple(map(_response, each["response_outputs"])),
            )
            for experiment in data["experiments"]
            for each in experiment["requests"]
        )
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise BrokenError(f"{path} is no record of requests: {problem!r}") from problem
    if not requests:
        raise BrokenError(f"{path} records no request")
    return requests


def read_metrics(path: Path) -> Metrics:
    """Reads ``profile_export_genai_perf.json``, or the same as ``.csv``.

    Raises:
        BrokenError: It is not there, not as expected, or holds no metric.
    """
    found = _csv_metrics(path) if path.suffix == ".csv" else _json_metrics(path)
    if not found:
        raise BrokenError(f"{path} holds no metric")
    return Metrics({metric.name: metric for metric in found}, path)


def read_sweep(path: Path) -> tuple[Mapping[str, str], ...]:
    """Reads ``analyze_export_genai_perf.csv``: what ``analyze`` found at each load.

    Returns:
        Its rows in the file's order, by the names of the columns, such as ``Concurrency``; of its
        tables the first, as the second is about GPUs.

    Raises:
        BrokenError: It is not there, not as expected, or holds no row.
    """
    table = list(takewhile(bool, csv.reader(_text(path).splitlines())))
    columns, rows = (table or [[]])[0], table[1:]
    if not rows or any(len(row) != len(columns) for row in rows):
        raise BrokenError(f"{path} holds no table with as many cells in each row as columns")
    return tuple(dict(zip(columns, row, strict=True)) for row in rows)


def _json_metrics(path: Path) -> list[Metric]:
    try:
        return [
            Metric(
                name,
                each.get("unit"),
                {which: float(figure) for which, figure in each.items() if which != "unit"},
            )
            for name, each in _json(path).items()
            if name != _NO_METRIC
        ]
    except (TypeError, ValueError, AttributeError) as problem:
        raise BrokenError(f"{path} holds no metrics: {problem!r}") from problem


def _csv_metrics(path: Path) -> list[Metric]:
    """Two tables: of metrics with statistics, and of those with one value."""
    metrics = []
    columns: list[str] = []
    try:
        for row in csv.reader(_text(path).splitlines()):
            if not row:
                columns = []
            elif not columns:
                columns = row
            else:
                name, _, unit = row[0].partition(" (")
                figures = {
                    _AVERAGE if column == "Value" else column: float(figure.replace(",", ""))
                    for column, figure in zip(columns[1:], row[1:], strict=True)
                    if figure != "N/A"
                }
                key = name.strip().lower().replace(" ", "_")
                metrics.append(Metric(key, unit.rstrip(")") or None, figures))
    except (ValueError, IndexError) as problem:
        raise BrokenError(f"{path} holds no metrics: {problem!r}") from problem
    return metrics


def _response(output: Mapping[str, Any]) -> str:
    """A response as recorded; none of its tensors are there where it held nothing."""
    return str(output.get("response", output.get(_OUTPUT, "")))


def _texts(response: str) -> Iterator[str]:
    """The text in each event of a response; the response itself where it has no events."""
    if response.startswith(_EVENT):
        for line in response.splitlines():
            data = line.removeprefix(_EVENT).strip()
            if data and data != DONE:
                yield text_in(data)
    elif response.startswith("{"):
        yield text_in(response)
    else:
        yield response


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_text(path))
    except ValueError as problem:
        raise BrokenError(f"{path} is no JSON: {problem}") from problem
    if not isinstance(value, dict):
        raise BrokenError(f"{path} is no JSON object")
    return value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as problem:
        raise BrokenError(f"{path} cannot be read: {problem}") from problem
