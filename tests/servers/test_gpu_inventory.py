"""Which GPUs are there, who tells of them, and which of them the caller lets us use."""

from __future__ import annotations

import pytest
from servers.staged_inventories import EIGHT, MIG
from servers.staged_nvml import StagedNvml

from triton_claims.errors import InputError
from triton_claims.servers.gpu_inventory import (
    inventory_here,
    parse_nvidia_smi,
    read_nvml,
    visible,
)
from triton_claims.servers.staged_gpus import STAGED_VARIABLE, read_staged

H100 = {"uuid": "GPU-aa", "name": "H100", "capability": (9, 0), "memory": 2**36, "mig": 0}
L4 = {"uuid": "GPU-bb", "name": "L4", "capability": (8, 9), "memory": 2**34}
GB10 = {"uuid": "GPU-cc", "name": "GB10", "capability": (12, 1)}  # shares the machine's memory
CUT_UP = {
    **H100,
    "mig": 1,
    "parts": {
        0: {"uuid": "MIG-a0", "name": "H100 MIG 3g.40gb", "memory": 2**35},
        2: {"uuid": "MIG-a2", "name": "H100 MIG 3g.40gb", "memory": 2**35},
    },
}


# -- NVML


def test_nvml_tells_what_there_is():
    library = StagedNvml([H100, L4, GB10])
    inventory = read_nvml(library)
    assert (inventory.origin, inventory.reason) == ("NVML", "")
    told = [(g.uuid, g.architecture, g.memory_bytes, g.driver, g.index) for g in inventory.usable]
    assert told == [
        ("GPU-aa", "hopper", 2**36, "570.86", 0),
        ("GPU-bb", "ada", 2**34, "570.86", 1),
        ("GPU-cc", "blackwell", 0, "570.86", 2),
    ]
    assert library.open == 0


def test_nvml_tells_of_mig_devices():
    inventory = read_nvml(StagedNvml([CUT_UP, L4]))
    assert [gpu.uuid for gpu in inventory.gpus] == ["GPU-aa", "MIG-a0", "MIG-a2", "GPU-bb"]
    assert [gpu.uuid for gpu in inventory.usable] == ["MIG-a0", "MIG-a2", "GPU-bb"]
    second = inventory.usable[1]
    assert (second.architecture, second.mig_parent, second.mig_index) == ("hopper", "GPU-aa", 2)


@pytest.mark.parametrize(
    ("library", "reason"),
    [
        (StagedNvml(fails=StagedNvml.NVMLError(12)), "no NVIDIA driver here: libnvidia-ml.so.1"),
        (StagedNvml(fails=StagedNvml.NVMLError(9)), "installed here and not loaded"),
        (StagedNvml(fails=StagedNvml.NVMLError(18, "mismatch")), "driver fails: mismatch"),
        (StagedNvml(count_fails=StagedNvml.NVMLError(999, "Unknown")), "driver fails: Unknown"),
        (StagedNvml(), "NVIDIA's driver knows no GPU"),
        (StagedNvml([{**H100, "mig": 1}]), "GPU-aa is in MIG mode and has no MIG devices"),
    ],
)
def test_where_nvml_has_no_gpu_it_says_why(library, reason):
    inventory = read_nvml(library)
    assert inventory.usable == ()
    assert reason in inventory.reason
    assert library.open == 0


def test_a_gpu_that_does_not_answer_leaves_the_others():
    lost = StagedNvml.NVMLError(15, "GPU is lost")
    inventory = read_nvml(StagedNvml([lost, L4]))
    assert [(gpu.uuid, gpu.index) for gpu in inventory.usable] == [("GPU-bb", 1)]
    assert inventory.reason == "the GPU at index 0 does not answer: GPU is lost"


def test_the_real_library_has_gpus_or_a_reason():
    inventory = read_nvml()
    assert inventory.origin == "NVML"
    assert inventory.usable or inventory.reason


# -- nvidia-smi

QUERY = """\
0, GPU-aa, 9.0, 81559, 570.86.10, Enabled, NVIDIA H100 80GB HBM3
1, GPU-bb, 8.9, 23034, 570.86.10, [N/A], NVIDIA L4
2, GPU-cc, 12.1, [N/A], 570.86.10, [N/A], NVIDIA GB10, the small one
"""
LISTING = """\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aa)
  MIG 3g.40gb     Device  0: (UUID: MIG-a0)
  MIG 1c.3g.40gb  Device  1: (UUID: MIG-a1)
GPU 1: NVIDIA L4 (UUID: GPU-bb)
GPU 2: NVIDIA GB10, the small one (UUID: GPU-cc)
"""


def test_what_nvidia_smi_prints_is_read():
    inventory = parse_nvidia_smi(QUERY, LISTING)
    assert (inventory.origin, inventory.reason) == ("nvidia-smi", "")
    assert [gpu.uuid for gpu in inventory.usable] == ["MIG-a0", "MIG-a1", "GPU-bb", "GPU-cc"]
    part, _, plain, small = inventory.usable
    assert (part.name, part.memory_bytes) == ("NVIDIA H100 80GB HBM3 MIG 3g.40gb", 40 * 2**30)
    assert (part.mig_parent, part.mig_index, part.architecture) == ("GPU-aa", 0, "hopper")
    assert (plain.memory_bytes, plain.driver, plain.index) == (23034 * 2**20, "570.86.10", 1)
    assert (small.name, small.memory_bytes) == ("NVIDIA GB10, the small one", 0)


def test_without_the_list_a_gpu_that_is_cut_up_has_no_parts():
    inventory = parse_nvidia_smi(QUERY)
    assert [gpu.uuid for gpu in inventory.usable] == ["GPU-bb", "GPU-cc"]
    assert "GPU-aa is in MIG mode and has no MIG devices" in inventory.reason


@pytest.mark.parametrize(
    "text",
    [
        "No devices were found\n",
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure\n"
        "that the latest driver is installed\n",
        'Field "compute_cap" is not a valid field to query.\n',
        "Failed to initialize NVML: Driver/library version mismatch",
        "0, GPU-aa, nine, 81559, 570.86.10, Enabled, H100",
        "a, b, c, d, e, f, g",
        ",,,,,,",
    ],
)
def test_what_nvidia_smi_complains_of_is_the_reason(text):
    inventory = parse_nvidia_smi(text)
    assert inventory.gpus == ()
    assert inventory.reason == f"nvidia-smi says {text.splitlines()[0]!r}"


def test_silence_is_told():
    assert parse_nvidia_smi("\n").reason == "nvidia-smi says nothing"


# -- CUDA_VISIBLE_DEVICES and NVIDIA_VISIBLE_DEVICES

NO, ALL = [], list(range(8))
UUID = {gpu.index: gpu.uuid for gpu in EIGHT.gpus}


def left(environ, inventory=EIGHT, **options):
    return [gpu.index for gpu in visible(inventory, environ, **options).usable]


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        (None, ALL),
        ("", NO),
        (" ", NO),
        ("-1", NO),
        ("none", NO),
        ("all", NO),  # CUDA knows no such word
        ("0", [0]),
        ("2,1", [1, 2]),
        (" 4 , 5 ", [4, 5]),
        ("1,1", [1]),
        ("0,2,-1,1", [0, 2]),  # what comes after an entry that names nothing is hidden
        ("0,8,1", [0]),
        ("0,,1", [0]),
        ("0,nonsense,1", [0]),
        (UUID[3], [3]),
        (UUID[3][:8], [3]),
        (f"{UUID[3]},1", [1, 3]),
        ("GPU-", NO),  # the beginning of several
        ("GPU-ffff,1", NO),
        ("0:0", NO),  # only the toolkit's
    ],
)
def test_cuda_visible_devices(text, indices):
    assert left({} if text is None else {"CUDA_VISIBLE_DEVICES": text}) == indices


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        (None, ALL),
        ("all", ALL),
        ("", NO),
        ("void", NO),
        ("none", NO),
        ("2,1", [1, 2]),
        (f"{UUID[3]},7", [3, 7]),
        ("GPU-ffff,1", [1]),
    ],
)
def test_nvidia_visible_devices(text, indices):
    environ = {} if text is None else {"NVIDIA_VISIBLE_DEVICES": text}
    assert left(environ) == indices
    # Inside of a container the toolkit has done so, and numbered what is left anew.
    assert left(environ, in_container=True) == ALL


def test_both_have_a_say():
    environ = {"NVIDIA_VISIBLE_DEVICES": "0,1", "CUDA_VISIBLE_DEVICES": "1,2"}
    assert left(environ) == [1]
    assert left(environ, in_container=True) == [1, 2]


@pytest.mark.parametrize(
    ("variable", "text", "uuids"),
    [
        ("CUDA_VISIBLE_DEVICES", "0", ["MIG-00cdef01", "MIG-01cdef01"]),
        ("CUDA_VISIBLE_DEVICES", "1", ["GPU-1111aaaa"]),
        ("CUDA_VISIBLE_DEVICES", "2", []),  # parts have no number of their own
        ("CUDA_VISIBLE_DEVICES", "MIG-01", ["MIG-01cdef01"]),
        ("CUDA_VISIBLE_DEVICES", MIG.gpus[0].uuid, ["MIG-00cdef01", "MIG-01cdef01"]),
        ("NVIDIA_VISIBLE_DEVICES", "0:1,1", ["MIG-01cdef01", "GPU-1111aaaa"]),
        ("NVIDIA_VISIBLE_DEVICES", "0:2", []),
        ("NVIDIA_VISIBLE_DEVICES", "all", ["MIG-00cdef01", "MIG-01cdef01", "GPU-1111aaaa"]),
    ],
)
def test_mig_devices_are_named_by_uuid_or_with_their_gpu(variable, text, uuids):
    usable = visible(MIG, {variable: text}).usable
    assert [gpu.uuid[:12] for gpu in usable] == uuids


def test_what_is_hidden_is_told():
    assert visible(EIGHT, {"CUDA_VISIBLE_DEVICES": "0"}).reason == (
        "CUDA_VISIBLE_DEVICES=0 hides 7 of 8 GPUs"
    )
    assert not visible(EIGHT, {"NVIDIA_VISIBLE_DEVICES": "all"}).reason


# -- staged

STAGED = """
[[gpu]]
uuid = "GPU-0000"
compute_capability = "10.0"
name = "B200"
memory_mib = 1024
driver = "570.86"

[[gpu]]
uuid = "GPU-1111"
compute_capability = "9.0"
mig_mode = true

[[gpu]]
uuid = "MIG-1111"
compute_capability = "9.0"
mig_parent = "GPU-1111"

[[gpu]]
uuid = "MIG-2222"
compute_capability = "9.0"
mig_parent = "GPU-1111"

[[gpu]]
uuid = "GPU-3333"
compute_capability = "7.5"
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "gpus.toml"
    path.write_text(STAGED, encoding="utf-8")
    return path


def test_a_staged_inventory_says_that_it_is_one(file):
    inventory = inventory_here({STAGED_VARIABLE: str(file)})
    assert inventory.origin == "staged"
    first, *_, last = inventory.gpus
    assert (first.name, first.memory_bytes, first.driver) == ("B200", 2**30, "570.86")
    assert [(g.uuid, g.index, g.mig_index) for g in inventory.usable] == [
        ("GPU-0000", 0, None),
        ("MIG-1111", 1, 0),
        ("MIG-2222", 1, 1),
        ("GPU-3333", 2, None),
    ]
    assert last.architecture == "turing"


def test_the_caller_s_variables_act_on_a_staged_inventory(file):
    environ = {STAGED_VARIABLE: str(file), "NVIDIA_VISIBLE_DEVICES": "0"}
    assert [gpu.uuid for gpu in inventory_here(environ).usable] == ["GPU-0000"]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('uuid = "GPU-0000"', 'uuid = "0000"', 3, "expected GPU-... or MIG-..."),
        ('"GPU-3333"', '"GPU-0000"', 25, "each once"),
        ('"10.0"', '"10"', 4, "such as '9.0'"),
        ('compute_capability = "10.0"', "", 2, "expected a key compute_capability"),
        ("memory_mib = 1024", 'memory_mib = "1024"', 6, "expected an integer"),
        ("mig_mode = true", "mig_mode = 1", 12, "expected true or false"),
        ("mig_mode = true", "", 17, "with mig_mode = true"),
        ('"MIG-2222"', '"GPU-2222"', 22, "expected of MIG-... alone"),
        ('driver = "570.86"', 'colour = "570.86"', 7, "not known"),
        ("[[gpu]]", "[[cpu]]", 2, "expected [[gpu]]"),
        ("[[gpu]]", "[[gpu", 2, "no valid TOML"),
    ],
)
def test_a_staged_inventory_that_is_wrong_is_told_with_its_place(file, old, new, line, words):
    file.write_text(STAGED.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError) as told:
        read_staged(file)
    assert str(told.value).startswith(f"{file}:{line}: "), told.value
    assert words in str(told.value)


def test_a_staged_inventory_that_is_missing_is_told(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        inventory_here({STAGED_VARIABLE: str(tmp_path / "missing.toml")})
