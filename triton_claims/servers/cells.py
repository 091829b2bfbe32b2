"""Which cells a check gets, and what is missing for each: before anything is started."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

from triton_claims.servers.needs import Facts, Unmet, unmet
from triton_claims.servers.targets import GENAI_PERF

if TYPE_CHECKING:
    from collections.abc import Mapping

    from triton_claims.notes.releases import Release, Releases
    from triton_claims.servers.gpu_choice import GpuChoice
    from triton_claims.servers.needs import Needs
    from triton_claims.servers.targets import Target

#: What JetPack writes its version to.
_JETSON = Path("/etc/nv_tegra_release")


def targets_for(
    targets: Mapping[str, Target], *, wants_tool: bool, wants_backend: bool
) -> list[str]:
    """The targets that a check runs on; where there are none, one that stands for them.

    Args:
        targets: Those of the run, by id.
        wants_tool: Whether the check is one of a tool.
        wants_backend: Whether the files of a backend do for it.
    """
    fitting = [
        name
        for name, target in targets.items()
        if (target.is_tool if wants_tool else target.is_server)
        or (wants_backend and target.is_backend)
    ]
    return fitting or list(targets)[:1]


def is_told_of(target: Target, *, wants_tool: bool, wants_backend: bool) -> bool:
    """Whether a check has a cell on a target at all.

    A check of tools is told once, as blocked, where the run has servers alone. A check of servers
    is not told of at all where it has tools or files of a backend alone.
    """
    return not ((target.is_tool and not wants_tool) or (target.is_backend and not wants_backend))


def missing_for(needs: Needs, gpu: str, choice: GpuChoice, target: Target) -> list[Unmet]:
    """What a check needs and a cell does not have.

    Args:
        needs: What the check needs.
        gpu: The id of the cell's GPU.
        choice: The GPUs of the run.
        target: The cell's target.
    """
    return unmet(needs, _facts(needs, gpu, choice, target))


def _facts(needs: Needs, gpu: str, choice: GpuChoice, target: Target) -> Facts:
    remote = target.remote
    if remote is not None:
        return Facts(
            gpus=(),
            other_gpus=(),
            no_gpu="those of a server that somebody else runs cannot be chosen from here",
            images=frozenset(),
            os=remote.os,
            target=str(target),
            platform=remote.platform,
        )
    return Facts(
        gpus=next((cell.gpus for cell in choice.cells_for(needs) if cell.id == gpu), ()),
        other_gpus=choice.gpus,
        no_gpu=choice.no_gpu,
        images=images_of(target),
        os=platform.system().lower(),
        target=str(target),
        platform="jetson" if _JETSON.exists() else "",
    )


def images_of(target: Target) -> frozenset[str] | None:
    """The flavours of image that a target can be."""
    # An installation may well be what is inside an image: the check finds out what it has.
    return None if target.kind == "install" else frozenset(dict(target.images))


def missing_tool(releases: Releases, release: Release) -> Unmet:
    """What a check of tools lacks in a run on servers alone.

    Args:
        releases: The releases known.
        release: The one whose notes are checked.
    """
    packages = [each.genai_perf for each in releases.values() if each.genai_perf]
    package = release.genai_perf or (packages[-1] if packages else None)
    version = package.version if package else "VERSION"
    return Unmet(
        "the check is one of a tool, and the run has servers alone",
        f"--target {GENAI_PERF}:{version}",
    )
