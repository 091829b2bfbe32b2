"""The check of the known issue with NumPy 2, on a server whose models are not what it thinks."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("suites-numpy-known-issue")

CLAIM = "python-numpy2-empty-tensors"
MODEL = "model_repository/numpy_tensors/1/model.py"
RELEASE = ("--release=24.10",)

#: With NumPy 2 outputs go by a way on which even servers with the fault keep their data.
SAME = 'pb_utils.Tensor("SAME" + suffix, array)'
REVERSED = 'pb_utils.Tensor("REVERSED" + suffix, array[::-1])'
BY_DLPACK = [
    (MODEL, whole, whole.replace("pb_utils.Tensor", "tensor_by_a_safe_way", 1))
    for whole in (SAME, REVERSED)
]
SAFE_WAY = (
    MODEL,
    "class TritonPythonModel:",
    "def tensor_by_a_safe_way(name, array):\n"
    '    if np.__version__.startswith("1."):\n'
    "        return pb_utils.Tensor(name, array)\n"
    "    return pb_utils.Tensor.from_dlpack(name, array.copy())\n\n\n"
    "class TritonPythonModel:",
)


def test_tensors_that_keep_their_data_are_noticed(run_altered):
    cell = run_altered(CLAIM, edits=[*BY_DLPACK, SAFE_WAY], options=RELEASE).cell(CLAIM)
    assert cell.verdict.value == "refuted", cell.reason
    assert "tensors came without its data" in cell.reason


def test_a_control_that_fails_breaks_the_check(run_altered):
    edits = [(MODEL, "array[::-1]", "array")]
    cell = run_altered(CLAIM, edits=edits, options=RELEASE).cell(CLAIM)
    assert cell.verdict.value == "error", cell.reason
    assert "the check's control failed, with NumPy 1:" in cell.reason
