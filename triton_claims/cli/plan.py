"""The command that tells what a run would decide, and starts nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from triton_claims.cli.commands import BAD_NEWS, json_lines, knowledge_here
from triton_claims.cli.saying import say_all
from triton_claims.errors import InputError
from triton_claims.notes.ceilings import load_ceilings
from triton_claims.notes.choosing import chosen_claims
from triton_claims.notes.images import with_users_images
from triton_claims.notes.knowledge import release_to_check
from triton_claims.report.plan import plan_lines, plan_object, plan_run
from triton_claims.servers.gpu_choice import choose_gpus
from triton_claims.servers.gpu_inventory import inventory_here
from triton_claims.servers.staged_gpus import imagined, read_staged
from triton_claims.servers.targets import parse_target
from triton_claims.verdicts.ledger import read_ledger

if TYPE_CHECKING:
    import argparse

    from triton_claims.cli.commands import AddCommand
    from triton_claims.servers.gpus import Inventory


def add_commands(command: AddCommand) -> None:
    """Adds ``plan``."""
    plan = command(
        "plan", _plan, "tells what a run would decide, and starts nothing; exit code 1 if nothing"
    )
    plan.add_argument(
        "--target",
        metavar="KIND:VALUE",
        action="append",
        default=[],
        help="as for pytest; repeatable; default: the newest embedded server",
    )
    plan.add_argument("--release", metavar="YY.MM", help="default: the newest with its notes")
    plan.add_argument(
        "--claim", metavar="ID-GLOB", action="append", default=[], help="only these; repeatable"
    )
    machine = plan.add_mutually_exclusive_group()
    machine.add_argument(
        "--gpu-of",
        metavar="ARCHITECTURE:NUMBER,...",
        help="a machine with these GPUs, such as blackwell:2,hopper:1, each of the architecture's "
        "first compute capability; default: the GPUs of this machine",
    )
    machine.add_argument(
        "--gpus", metavar="FILE", type=Path, help="a machine with the GPUs of a staged inventory"
    )
    plan.add_argument(
        "--gpu",
        metavar="CHOICE",
        action="append",
        default=[],
        help="which of them, as for pytest; repeatable",
    )
    plan.add_argument(
        "--image",
        metavar="FLAVOUR=REFERENCE",
        action="append",
        default=[],
        help="another image for a flavour of ngc:; repeatable",
    )
    plan.add_argument(
        "--baseline", metavar="KIND:VALUE", help="the server that others would be compared with"
    )
    plan.add_argument(
        "--ceilings", metavar="FILE", type=Path, help="the limits that would be given"
    )
    plan.add_argument(
        "--like", metavar="LEDGER", type=Path, help="a run before, for how long cells take"
    )
    plan.add_argument("--json", action="store_true", help="as one JSON object")


def _plan(options: argparse.Namespace) -> int:
    knowledge = knowledge_here()
    images = with_users_images(knowledge.images, options.image) if knowledge.images else None
    release = release_to_check(knowledge, options.release, where="--release")
    default = f"wheel:{knowledge.releases.newest_with_wheel().container}"
    targets = [
        parse_target(text, knowledge.releases, images) for text in options.target or [default]
    ]
    if options.baseline is not None:
        baseline = parse_target(options.baseline, knowledge.releases, images, where="--baseline")
        if not baseline.is_server:
            raise InputError(
                f"'{baseline}' is no server to compare others with", where="--baseline"
            )
    if options.ceilings is not None:
        load_ceilings(options.ceilings)
    given = {name for name in ("baseline", "ceilings") if getattr(options, name) is not None}
    run = plan_run(
        knowledge,
        release,
        {str(target): target for target in targets},
        choose_gpus(_inventory(options), options.gpu),
        claims=chosen_claims(options.claim, release.claims, where="--claim"),
        options=frozenset(given),
        images=images,
        like=read_ledger(options.like) if options.like is not None else None,
    )
    say_all(json_lines(plan_object(run)) if options.json else plan_lines(run))
    return 0 if run.running else BAD_NEWS


def _inventory(options: argparse.Namespace) -> Inventory:
    if options.gpu_of is not None:
        return imagined(options.gpu_of, where="--gpu-of")
    return read_staged(options.gpus) if options.gpus is not None else inventory_here()
