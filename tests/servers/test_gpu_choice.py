"""What --gpu means, on staged machines."""

from __future__ import annotations

import pytest
from servers.staged_inventories import EIGHT, MIG, NONE

from triton_claims.errors import InputError
from triton_claims.servers.gpu_choice import choose_gpus
from triton_claims.servers.needs import Needs

UUID = {gpu.index: gpu.uuid for gpu in EIGHT.gpus}
ONE, PAIR = Needs(gpus=1), Needs(gpus=2)


def cells(choice, needs=ONE):
    return {cell.id: [gpu.index for gpu in cell.gpus] for cell in choice.cells_for(needs)}


BY_ARCHITECTURE = {"blackwell": [0, 1, 2, 3], "hopper": [4, 5], "ampere": [6, 7]}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([], BY_ARCHITECTURE),
        (["arch"], BY_ARCHITECTURE),
        (["all"], {UUID[each]: [each] for each in range(8)}),
        (["hopper"], {"hopper": [4, 5]}),
        ([UUID[6]], {UUID[6]: [6]}),
        ([UUID[6][:8]], {UUID[6]: [6]}),
        (["ampere", UUID[6], "ampere"], {"ampere": [6, 7], UUID[6]: [6]}),
        (["none"], {}),
        (["none", "none"], {}),
    ],
)
def test_choices(wanted, expected):
    choice = choose_gpus(EIGHT, wanted)
    assert cells(choice) == expected
    assert cells(choice, Needs()) == {}


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("volta", "'volta' is not here"),
        ("everything", "'everything' is not here"),
        ("", "'' is not here"),
        ("0", "'0' is not here"),
        ("GPU-ffff", "'GPU-ffff' is not here"),
        ("GPU-", "'GPU-' is the beginning of several"),
    ],
)
def test_what_is_not_here_is_told_with_what_is(wanted, words):
    with pytest.raises(InputError) as told:
        choose_gpus(EIGHT, [wanted])
    assert str(told.value).startswith(f"--gpu: {words}: expected arch, all, none")
    assert f"{UUID[4]} (H100, hopper, 9.0)" in str(told.value)


def test_none_leaves_no_room_for_others():
    with pytest.raises(InputError, match="'none' leaves no room"):
        choose_gpus(EIGHT, ["none", "hopper"])


def test_where_there_is_no_gpu_the_reason_goes_along():
    choice = choose_gpus(NONE, ["all"])
    assert choice.cells == ()
    assert choice.no_gpu == "there is no NVIDIA driver here"
    assert choose_gpus(EIGHT, ["none"]).no_gpu == "--gpu none was asked for"
    with pytest.raises(InputError, match=r"there is no GPU \(there is no NVIDIA driver here\)"):
        choose_gpus(NONE, ["hopper"])


def test_mig_devices_are_chosen_in_place_of_the_gpu_that_is_cut_up():
    mig = [MIG.gpus[1].uuid, MIG.gpus[2].uuid]
    assert [cell.id for cell in choose_gpus(MIG, ["all"]).cells] == [*mig, MIG.gpus[3].uuid]
    assert choose_gpus(MIG).candidates("hopper", ONE) == (*mig, MIG.gpus[3].uuid)
    assert [cell.id for cell in choose_gpus(MIG, ["MIG-01"]).cells] == [mig[1]]
    with pytest.raises(InputError):
        choose_gpus(MIG, [MIG.gpus[0].uuid])


def test_several_gpus_are_of_one_architecture_however_the_cells_are_spread():
    assert cells(choose_gpus(EIGHT), PAIR) == BY_ARCHITECTURE
    assert cells(choose_gpus(EIGHT, ["all"]), PAIR) == BY_ARCHITECTURE
    assert cells(choose_gpus(EIGHT, [UUID[0], UUID[4], UUID[5]]), PAIR) == {"hopper": [4, 5]}
    assert cells(choose_gpus(EIGHT), Needs(gpus=3)) == {"blackwell": [0, 1, 2, 3]}
    assert cells(choose_gpus(MIG), PAIR) == {}


def test_a_check_gets_the_gpus_of_its_kind_alone():
    choice = choose_gpus(EIGHT)
    assert cells(choice, Needs(gpus=1, architecture="hopper")) == {"hopper": [4, 5]}
    assert cells(choice, Needs(gpus=1, compute_capability=">=12.0")) == {"blackwell": [3]}
    assert cells(choice, Needs(gpus=1, compute_capability=">=9.0,<12.0")) == {
        "blackwell": [0, 1, 2],
        "hopper": [4, 5],
    }
    assert cells(choice, Needs(gpus=2, compute_capability=">10.0")) == {}
    assert choice.candidates("blackwell", Needs(gpus=1, compute_capability="==12.0")) == (UUID[3],)
    assert choice.candidates("cpu", ONE) == ()
