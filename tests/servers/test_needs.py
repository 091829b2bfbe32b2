"""What checks need, and what of it is not there."""

from __future__ import annotations

import pytest
from servers.staged_inventories import EIGHT, MIG

from triton_claims.errors import InputError
from triton_claims.servers.needs import Facts, Needs, read_needs, unmet


def needs(*arguments, **keywords):
    return read_needs([(arguments, keywords)])


def facts(gpus=(), other_gpus=(), no_gpu="", images=frozenset(), os="linux"):
    return Facts(tuple(gpus), tuple(other_gpus), no_gpu, images, os, "wheel:x")


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ([], Needs()),
        ([(("gpu",), {})], Needs(gpus=1)),
        ([((), {"gpus": 2})], Needs(gpus=2)),
        ([(("gpu",), {"gpus": 2})], Needs(gpus=2)),
        ([(("gpu",), {}), ((), {"gpus": 2})], Needs(gpus=2)),
        ([((), {"gpus": 2}), (("gpu",), {})], Needs(gpus=2)),
        ([((), {"architecture": "hopper"})], Needs(gpus=1, architecture="hopper")),
        (
            [((), {"compute_capability": ">=8.0,<10.0"})],
            Needs(gpus=1, compute_capability=">=8.0,<10.0"),
        ),
        ([((), {"image": "py3", "os": "linux"})], Needs(image="py3", os="linux")),
    ],
)
def test_marks(marks, expected):
    assert read_needs(marks) == expected


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [
        (("luck",), {}),
        ((["gpu"],), {}),
        ((), {}),
        ((), {"gpu": 1}),
        ((), {"gpus": 0}),
        ((), {"gpus": True}),
        ((), {"gpus": "2"}),
        ((), {"compute_capability": "9.0"}),
        ((), {"compute_capability": ">=9"}),
        ((), {"compute_capability": ">=9.0,"}),
        ((), {"compute_capability": 9.0}),
        ((), {"architecture": "Hopper"}),
        ((), {"architecture": ["hopper"]}),
        ((), {"image": ""}),
        ((), {"os": "beos"}),
        ((), {"os": {}}),
    ],
)
def test_marks_that_make_no_sense_are_told(arguments, keywords):
    with pytest.raises(InputError, match="mark needs"):
        needs(*arguments, **keywords)


def test_marks_that_contradict_each_other_are_told():
    with pytest.raises(InputError, match="gpus=2 and gpus=3"):
        read_needs([((), {"gpus": 2}), ((), {"gpus": 3})])


HOPPER = EIGHT.usable[4]


@pytest.mark.parametrize(
    ("bounds", "fits"),
    [
        (">=9.0", True),
        (">9.0", False),
        ("<=9.0", True),
        ("<9.0", False),
        ("==9.0", True),
        (">=8.0,<10.0", True),
        (">=8.0, <9.0", False),
        ("<10.0", True),  # by number, not by letter
    ],
)
def test_bounds_on_the_compute_capability(bounds, fits):
    assert needs(compute_capability=bounds).fits(HOPPER) is fits


def test_nothing_is_unmet_where_all_is_there():
    asked = needs("gpu", gpus=2, architecture="hopper", image="py3", os="linux")
    assert unmet(asked, facts(EIGHT.usable[4:6], images=frozenset({"py3"}))) == []
    assert unmet(Needs(), facts()) == []


def reasons(asked, there):
    return [each.reason for each in unmet(asked, there)]


def test_a_gpu_that_is_not_there_is_told_with_why():
    (missing,) = unmet(needs("gpu"), facts(no_gpu="there is no driver"))
    assert missing.reason == "the check needs a GPU: there is no driver"
    assert missing.unblock == "run on a machine that has a GPU, and let --gpu choose it"


def test_gpus_of_another_kind_are_told_with_what_is_there():
    there = facts(other_gpus=[HOPPER], no_gpu="CUDA_VISIBLE_DEVICES=0 hides 7 of 8 GPUs")
    assert reasons(needs(architecture="blackwell", compute_capability=">=10.0"), there) == [
        "the check needs a GPU of architecture blackwell with compute capability >=10.0: "
        f"there is {HOPPER}; CUDA_VISIBLE_DEVICES=0 hides 7 of 8 GPUs"
    ]


@pytest.mark.parametrize("others", [EIGHT.usable[3:5], MIG.usable[:2]], ids=["mixed", "MIG"])
def test_gpus_that_cannot_be_used_together_do_not_count(others):
    (reason,) = reasons(needs(gpus=2), facts(other_gpus=others))
    assert reason.startswith("the check needs 2 GPUs: there is ")
    assert reason.endswith("several must be of one architecture, and no MIG devices")


def test_images():
    asked = needs(image="vllm-python-py3")
    assert reasons(asked, facts()) == [
        "the check needs the image vllm-python-py3, and wheel:x is no image"
    ]
    assert reasons(asked, facts(images=frozenset({"py3", "min"}))) == [
        "the check needs the image vllm-python-py3, and wheel:x is one of min, py3"
    ]
    assert reasons(asked, facts(images=frozenset({"vllm-python-py3"}))) == []
    assert reasons(asked, facts(images=None)) == []


def test_systems():
    asked = needs(os="windows")
    assert reasons(asked, facts()) == [
        "the check needs a server on windows, and wheel:x runs on linux"
    ]
    assert reasons(asked, facts(os="windows")) == []
    assert "nobody says what" in reasons(asked, facts(os=None))[0]


def test_all_that_is_missing_is_told():
    assert len(unmet(needs("gpu", image="py3", os="windows"), facts())) == 3
