"""What a check needs beyond its target, and what of it is not there."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from triton_claims.errors import InputError
from triton_claims.servers.gpus import ARCHITECTURES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from triton_claims.servers.gpus import Gpu

_COMPARISONS = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
_BOUND = re.compile(r"\s*(>=|<=|==|>|<)\s*([0-9]{1,2})\.([0-9])\s*")
#: The systems that a server can run on, and the machines that are none of the usual ones.
SYSTEMS = ("linux", "windows")
PLATFORMS = ("jetson",)
_KEYWORDS = ("gpus", "compute_capability", "architecture", "mig", "image", "os", "platform")


@dataclass(frozen=True, slots=True)
class Needs:
    """What a check needs.

    Attributes:
        gpus: How many GPUs; 0 for none.
        compute_capability: Bounds on their compute capability, such as ``>=9.0,<12.0``.
        architecture: Their architecture's name.
        mig: Whether it must be a MIG device: a part of a GPU.
        image: The flavour of image that its target must be, such as ``vllm-python-py3``.
        os: The system that the server must run on: ``linux`` or ``windows``.
        platform: The machine that it must run on: ``jetson``.
    """

    gpus: int = 0
    compute_capability: str = ""
    architecture: str | None = None
    mig: bool = False
    image: str | None = None
    os: str | None = None
    platform: str | None = None

    def fits(self, gpu: Gpu) -> bool:
        """Whether a GPU is of the kind that the check needs."""
        if self.architecture is not None and gpu.architecture != self.architecture:
            return False
        if self.mig and gpu.mig_parent is None:
            return False
        return all(
            _COMPARISONS[match[1]](gpu.compute_capability, (int(match[2]), int(match[3])))
            for match in map(_BOUND.fullmatch, filter(None, self.compute_capability.split(",")))
            if match  # always: read_needs has seen to it
        )

    def wanted_gpus(self) -> str:
        """The GPUs needed, in words."""
        kind = "MIG device" if self.mig else "GPU"
        words = f"a {kind}" if self.gpus == 1 else f"{self.gpus} {kind}s"
        if self.architecture is not None:
            words += f" of architecture {self.architecture}"
        if self.compute_capability:
            words += f" with compute capability {self.compute_capability}"
        return words


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is for a cell.

    Attributes:
        gpus: The GPUs that the cell may lease from; none at ``cpu``.
        other_gpus: Those that were chosen for the run, and may not do.
        no_gpu: Why there are no more.
        images: The flavours of image that the target can be; None where nobody can tell from
            outside, as of an installation.
        os: The system that the server runs on; None where nobody can tell.
        target: The target's id.
        platform: The machine it runs on: ``jetson``, or empty for a usual one; None where nobody
            can tell.
    """

    gpus: tuple[Gpu, ...]
    other_gpus: tuple[Gpu, ...]
    no_gpu: str
    images: frozenset[str] | None
    os: str | None
    target: str
    platform: str | None = ""


@dataclass(frozen=True, slots=True)
class Unmet:
    """A need that is not met.

    Attributes:
        reason: What is missing.
        unblock: What would make the check run.
    """

    reason: str
    unblock: str


def read_needs(marks: Sequence[tuple[tuple[Any, ...], Mapping[str, Any]]]) -> Needs:
    """Reads ``needs`` marks: ``needs("gpu", compute_capability=">=10.0", image="py3")``.

    Each keyword may be left out. Whoever asks for a kind of GPU asks for one.

    Args:
        marks: The arguments and keywords of each mark.

    Raises:
        InputError: A mark asks for what nobody knows, or two ask for different things.
    """
    asked: dict[str, Any] = {}
    wants_gpu = False
    for arguments, keywords in marks:
        if (
            any(each != "gpu" for each in arguments)
            or set(keywords) - set(_KEYWORDS)
            or not (arguments or keywords)
        ):
            raise InputError(
                f"mark needs takes some of 'gpu', {', '.join(f'{key}=' for key in _KEYWORDS)}"
            )
        for key, value in keywords.items():
            if asked.setdefault(key, value) != value:
                raise InputError(f"marks need {key}={asked[key]!r} and {key}={value!r}")
            _check(key, value)
        wants_gpu = wants_gpu or bool(arguments)
    if wants_gpu or {"compute_capability", "architecture", "mig"} & set(asked):
        asked.setdefault("gpus", 1)
    return Needs(**asked)


def _check(key: str, value: object) -> None:
    if key == "gpus":
        right, expected = type(value) is int and value >= 1, "a number of 1 or more"
    elif key == "compute_capability":
        right = isinstance(value, str) and all(map(_BOUND.fullmatch, value.split(",")))
        expected = "bounds such as '>=9.0' or '>=8.0,<10.0'"
    elif key == "architecture":
        right, expected = value in ARCHITECTURES, "one of " + ", ".join(ARCHITECTURES)
    elif key == "mig":
        right, expected = value is True, "True"
    elif key == "os":
        right, expected = value in SYSTEMS, " or ".join(SYSTEMS)
    elif key == "platform":
        right, expected = value in PLATFORMS, " or ".join(PLATFORMS)
    else:
        right, expected = isinstance(value, str) and bool(value), "the flavour of an image"
    if not right:
        raise InputError(f"mark needs has {key}={value!r}: expected {expected}")


def unmet(needs: Needs, facts: Facts) -> list[Unmet]:
    """What a check needs and a cell does not have; nothing where it can run."""
    missing: list[Unmet] = []
    if sum(map(needs.fits, facts.gpus)) < needs.gpus:
        wanted = needs.wanted_gpus()
        missing.append(
            Unmet(
                f"the check needs {wanted}: {_what_gpus(needs, facts)}",
                f"run on a machine that has {wanted}, and let --gpu choose it",
            )
        )
    if needs.image is not None and facts.images is not None and needs.image not in facts.images:
        missing.append(
            Unmet(
                f"the check needs the image {needs.image}, and {facts.target} is "
                + (f"one of {', '.join(sorted(facts.images))}" if facts.images else "no image"),
                f"name a target that is the image {needs.image}",
            )
        )
    for name, needed, found in (
        ("os", needs.os, facts.os),
        ("platform", needs.platform, facts.platform),
    ):
        if needed is None or needed == found:
            continue
        there = (
            f"nobody says what {facts.target} runs on"
            if found is None
            else f"{facts.target} runs on {found or 'another machine'}"
        )
        missing.append(
            Unmet(
                f"the check needs a server on {needed}, and {there}",
                f"name a target that runs on {needed}: url:http://HOST:8000#{name}={needed}",
            )
        )
    return missing


def _what_gpus(needs: Needs, facts: Facts) -> str:
    there = dict.fromkeys((*facts.gpus, *facts.other_gpus))
    words = ["there is " + ", ".join(map(str, there))] if there else []
    if needs.gpus > 1 and there:
        words.append("several must be of one architecture, and no MIG devices")
    if facts.no_gpu:
        words.append(facts.no_gpu)
    return "; ".join(words) or "there is none"
