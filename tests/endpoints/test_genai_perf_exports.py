"""GenAI-Perf's exports: their structure is what its versions write, the figures are ours."""

from __future__ import annotations

import json

import pytest

from triton_claims.endpoints.genai_perf_exports import (
    find_one,
    read_metrics,
    read_recorded_requests,
    read_sweep,
)
from triton_claims.errors import BrokenError

METRICS = {
    "request_throughput": {"unit": "requests/sec", "avg": 10.5},
    "time_to_first_token": {"unit": "ms", "avg": 5.0, "p50": 4.5, "min": 4.0, "max": 7.0},
    "input_config": {"model": ["m"], "formatted_model_name": "m"},
}
CSV = """\
Metric,avg,min,max,p99,p95,p90,p75,p50,p25
Time To First Token (ms),"1,005.27",4.70,7.44,7.09,5.73,5.60,5.41,5.14,4.92
Time To Second Token (ms),N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A,N/A
Output Sequence Length,43.20,39.00,50.00,49.81,49.05,45.40,44.00,42.50,42.00

Metric,Value
Output Token Throughput (per sec),"4,418.42"
Request Count (count),20.00
"""


def event(content):
    return "data: " + json.dumps({"choices": [{"delta": {"content": content}}]}) + "\n\n"


def record(outputs, inputs=None, times=None):
    return {
        "timestamp": 1000,
        "request_inputs": inputs or {"payload": "{}"},
        "response_timestamps": times or [2000 + 1000 * n for n in range(len(outputs))],
        "response_outputs": outputs,
    }


@pytest.fixture
def write(tmp_path):
    def write(content, name="profile_export.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def requests(*records):
    return {"experiments": [{"experiment": {}, "requests": list(records)}], "version": ""}


def test_requests_to_an_openai_endpoint(write):
    outputs = [{"response": each} for each in (event(None), event("a"), event("b") + event("c"))]
    path = write(requests(record([*outputs, {"response": "data: [DONE]\n\n"}])))
    (request,) = read_recorded_requests(path)
    assert request.texts == ("a", "b", "c")
    assert request.at == 1000
    assert request.response_times == (2000, 3000, 4000, 5000)
    assert request.seconds_between[0] == pytest.approx(1e-6)
    assert request.inputs == {"payload": "{}"}
    assert request.responses[-1] == "data: [DONE]\n\n"


def test_a_whole_answer_of_an_openai_endpoint(write):
    body = json.dumps({"choices": [{"message": {"content": "all"}}]})
    (request,) = read_recorded_requests(write(requests(record([{"response": body}]))))
    assert request.texts == ("all",)


def test_requests_to_triton_end_with_an_empty_response(write):
    outputs = [{"text_output": "Hello"}, {"text_output": "\x05\0\0\0 you"}, {"text_output": ""}, {}]
    (request,) = read_recorded_requests(
        write(requests(record(outputs, {"text_input": "hi", "stream": True})))
    )
    assert request.responses == ("Hello", "\x05\0\0\0 you", "", "")
    assert request.texts == ("Hello", "\x05\0\0\0 you")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no JSON:"),
        ("[]", "is no JSON object"),
        ("{}", "is no record of requests"),
        (requests({}), "is no record of requests"),
        (requests(), "records no request"),
        (requests(record([1])), "is no record of requests"),
    ],
)
def test_what_is_no_record_is_told(write, content, message):
    with pytest.raises(BrokenError, match=message):
        read_recorded_requests(write(content))


def test_metrics_by_name(write):
    metrics = read_metrics(write(METRICS))
    assert list(metrics) == ["request_throughput", "time_to_first_token"]
    assert len(metrics) == 2
    assert metrics["time_to_first_token"].unit == "ms"
    assert metrics["time_to_first_token"].statistics["p50"] == 4.5
    assert metrics["request_throughput"].average == 10.5
    assert "time_to_second_token" not in metrics
    with pytest.raises(BrokenError, match="has no metric time_to_second_token, only request_thr"):
        metrics["time_to_second_token"]


def test_the_same_from_the_table(write):
    metrics = read_metrics(write(CSV, "profile_export_genai_perf.csv"))
    assert metrics["time_to_first_token"].average == 1005.27
    assert metrics["time_to_first_token"].unit == "ms"
    assert metrics["output_sequence_length"].unit is None
    assert metrics["output_sequence_length"].statistics["max"] == 50.0
    assert metrics["output_token_throughput"].average == 4418.42
    assert metrics["request_count"].average == 20.0
    assert metrics["time_to_second_token"].statistics == {}
    with pytest.raises(BrokenError, match="time_to_second_token has no avg"):
        _ = metrics["time_to_second_token"].average


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ({"input_config": {}}, "x.json", "holds no metric"),
        ({"a": 1}, "x.json", "holds no metrics"),
        ({"a": {"avg": "much"}}, "x.json", "holds no metrics"),
        ("", "x.csv", "holds no metric"),
        ("Metric,avg\nA (ms),much\n", "x.csv", "holds no metrics"),
        ("Metric,avg\nA (ms),1,2\n", "x.csv", "holds no metrics"),
    ],
)
def test_what_are_no_metrics_is_told(write, content, name, message):
    with pytest.raises(BrokenError, match=message):
        read_metrics(write(content, name))


def test_a_sweep_has_a_row_for_each_load(write):
    table = "Config Name,Concurrency\nm_2,4\nm_0,1\n\nConfig Name,GPU\n"
    rows = read_sweep(write(table, "analyze_export_genai_perf.csv"))
    assert [row["Concurrency"] for row in rows] == ["4", "1"]


@pytest.mark.parametrize("content", ["", "Config Name\n", "a,b\n1\n"])
def test_what_is_no_sweep_is_told(write, content):
    with pytest.raises(BrokenError, match="holds no table"):
        read_sweep(write(content, "analyze_export_genai_perf.csv"))


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(BrokenError, match="cannot be read"):
        read_metrics(tmp_path / "x.json")


def test_the_one_file_of_a_name(tmp_path):
    with pytest.raises(BrokenError, match=r"expected one file a.json below .*, found 0"):
        find_one(tmp_path, "a.json")
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
    (tmp_path / "x" / "a.json").touch()
    assert find_one(tmp_path, "a.json") == tmp_path / "x" / "a.json"
    (tmp_path / "y" / "a.json").touch()
    with pytest.raises(BrokenError, match="found 2"):
        find_one(tmp_path, "a.json")
