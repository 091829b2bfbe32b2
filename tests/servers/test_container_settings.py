from __future__ import annotations

import pytest

from triton_claims.errors import InputError
from triton_claims.servers.container_settings import ContainerSettings, parse_settings

DEFAULTS = {"shm_size": "1g", "init": True}


def test_defaults_give_python_models_their_shared_memory():
    assert ContainerSettings().arguments() == DEFAULTS
    assert parse_settings([]) == ContainerSettings()


@pytest.mark.parametrize(
    ("options", "given"),
    [
        (["shm_size=2g"], {"shm_size": "2g"}),
        (["init=false"], {"init": False}),
        (["user=1000"], {"user": 1000}),
        (["user=1000:1000"], {"user": "1000:1000"}),
        (["mem_limit=8g", "mem_limit=9g"], {"mem_limit": "9g"}),
        (["cap_add=SYS_PTRACE", "cap_add=IPC_LOCK"], {"cap_add": ["SYS_PTRACE", "IPC_LOCK"]}),
        (['cap_add=["SYS_PTRACE"]'], {"cap_add": ["SYS_PTRACE"]}),
        (['tmpfs={"/a": "size=1m", "/b": ""}'], {"tmpfs": {"/a": "size=1m", "/b": ""}}),
        (['sysctls={"net.core.somaxconn": 99}'], {"sysctls": {"net.core.somaxconn": 99}}),
        (["hostname=a=b"], {"hostname": "a=b"}),
    ],
)
def test_options_reach_dockers_library(options, given):
    settings = parse_settings(options)
    assert settings.arguments() == {**DEFAULTS, **given}
    hash(settings)  # they are a part of what is looked up


def test_limits_come_several_times():
    limits = parse_settings(
        ["ulimits=memlock=-1", "ulimits=nofile=1024:2048", 'ulimits=["stack=67108864"]']
    ).arguments()["ulimits"]
    assert [(each.name, each.soft, each.hard) for each in limits] == [
        ("memlock", -1, -1),
        ("nofile", 1024, 2048),
        ("stack", 67108864, 67108864),
    ]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("shm_size", "expected NAME=VALUE, such as shm_size=2g"),
        ("shm_size=", "expected NAME=VALUE"),
        ("shmsize=2g", "expected a name of Docker's Python library, such as shm_size"),
        ("=2g", "is no option for containers"),
        ("name=mine", "'name' is settled by the suite and can't be given"),
        ("network_mode=host", "is settled by the suite"),
        ("labels=a", "is settled by the suite"),
        ("ulimits=memlock", "'memlock' is no limit: expected NAME=SOFT[:HARD]"),
        ("ulimits=memlock=much", "is no limit"),
        ("ulimits==1", "is no limit"),
        ("ulimits=[5]", "is no limit"),
        ("shm_size=much", "'shm_size' can't be 'much': "),
        ("mem_limit=8q", "'mem_limit' can't be '8q': "),
        ("tmpfs=/a", "'tmpfs' can't be '/a': "),
        ("pids_limit=few", "'pids_limit' can't be 'few': "),
        ("nano_cpus=1.5", "'nano_cpus' can't be 1.5: "),
    ],
)
def test_what_is_no_option_is_one_line(option, words):
    with pytest.raises(InputError) as caught:
        parse_settings([option])
    told = str(caught.value)
    assert told.startswith("--docker-option: ")
    assert words in told
    assert len(told.splitlines()) == 1


def test_models_are_mounted_or_copied():
    assert [parse_settings([], how).models for how in (None, "mount", "copy", "auto")] == [
        *("auto", "mount", "copy", "auto")
    ]
    with pytest.raises(InputError, match="--docker-models: 'link' is unknown"):
        parse_settings([], "link")


def test_the_same_for_docker_run():
    settings = parse_settings(
        [
            "mem_limit=8g",
            "ulimits=memlock=-1",
            "ulimits=nofile=1:2",
            "cap_add=SYS_PTRACE",
            'tmpfs={"/a": "size=1m", "/b": ""}',
            'sysctls={"a": 1}',
            "privileged=true",
        ]
    )
    assert settings.command_line_options() == [
        "--shm-size=1g",
        "--init=true",
        "--cap-add=SYS_PTRACE",
        "--memory=8g",
        "--privileged=true",
        "--sysctl=a=1",
        "--tmpfs=/a:size=1m",
        "--tmpfs=/b",
        "--ulimit=memlock=-1",
        "--ulimit=nofile=1:2",
    ]
