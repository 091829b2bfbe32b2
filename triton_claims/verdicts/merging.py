"""Shards: runs that each decided a part of the cells, and the one ledger that is made of theirs."""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import sha256
from math import fsum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from triton_claims.errors import InputError
from triton_claims.verdicts.acceptance import stale_acceptances
from triton_claims.verdicts.ledger import Ledger
from triton_claims.verdicts.outcome import Require, counts_of, outcome_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from triton_claims.verdicts.acceptance import Acceptance
    from triton_claims.verdicts.cell import Cell, Unchecked

#: A run's id becomes a folder's name.
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
#: What tells servers of one target id apart; None where a shard does not know it.
_IDENTITY = ("server_version", "sha256", "digest")


def merge(
    shards: Sequence[Ledger],
    *,
    acceptances: Iterable[Acceptance] = (),
    require: Require | None = None,
    allow_different_suites: bool = False,
) -> Ledger:
    """Makes one ledger of those of several runs; in which order they are given does not matter.

    A shard that was cut off is joined, but then the whole is incomplete. What the shards insisted
    on by ``--require`` is not judged again; acceptances are judged by the cells of all of them.

    Args:
        shards: The ledgers, at least one.
        acceptances: The failing cells that were looked into.
        require: What is insisted on for the whole.
        allow_different_suites: Whether they may come from different versions of the suite.

    Raises:
        InputError: They are not parts of one run: with the places that contradict each other.
    """
    for shard in shards:
        _refuse_what_is_no_shard(shard)
    _refuse_different_runs(shards, allow_different_suites=allow_different_suites)
    _refuse_twin_cells(shards)
    targets = _targets(shards)
    _refuse_different_servers(shards)
    ordered = sorted(shards, key=lambda each: (each.header["started"], each.header["run"]))
    cells = tuple(_of_shard(cell, each.header["run"]) for each in ordered for cell in each.cells)
    unchecked = _unchecked(ordered)
    outside = sum(each.footer["outside_checks"] for each in ordered if each.footer)
    outcome = outcome_of(
        cells,
        stale=stale_acceptances(acceptances, cells),
        require=require,
        outside=outside,
    )
    cut_off = [
        f"{each.header['run']} ({each.truncation.removeprefix('truncated: ')})"
        for each in ordered
        if each.truncation
    ]
    footer = {
        "complete": not cut_off,
        "interrupted": f"{len(cut_off)} of {len(ordered)} shards incomplete: {', '.join(cut_off)}"
        if cut_off
        else None,
        "counts": counts_of(cells, len(unchecked)),
        "planned": sum(
            each.footer["planned"] if each.footer else len(each.cells) for each in ordered
        ),
        "failures": list(outcome.failures),
        "outside_checks": outside,
        **_cost([each.footer for each in ordered if each.footer]),
    }
    return Ledger(_header(ordered, targets), cells, unchecked, footer)


def place_in_merge(file: str, run: str) -> str:
    """Where a shard's file goes: ``pictures/x.svg`` becomes ``pictures/RUN/x.svg``.

    Args:
        file: Its path from the folder of the shard's ledger.
        run: The shard's run.
    """
    folder, *rest = PurePosixPath(file).parts
    return PurePosixPath(folder, run, *rest).as_posix()


# -- what is refused


def _refuse_what_is_no_shard(shard: Ledger) -> None:
    header, footer = shard.header, shard.footer
    if "shards" in header:
        raise InputError(
            "is the ledger of a merge: expected those of the runs that it was made of",
            where=shard.where(),
        )
    if not _RUN.fullmatch(header["run"]):
        raise InputError(
            f"run: found {header['run'][:40]!r}, expected letters, digits, '.', '_' and '-' alone",
            where=shard.where(),
        )
    if footer is None:
        return
    if "outside_checks" not in footer:
        raise InputError(
            "its footer has no 'outside_checks', it is an older suite's: run the shard again",
            where=shard.where(),
        )
    counted = {name: number for name, number in footer["counts"].items() if number}
    found = counts_of(shard.cells, len(shard.unchecked))
    if counted != {name: number for name, number in found.items() if number}:
        raise InputError(
            f"is damaged: its footer counts {_in_words(counted)}, but it holds {_in_words(found)}",
            where=shard.where(),
        )


def _in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "nothing"


def _refuse_different_runs(shards: Sequence[Ledger], *, allow_different_suites: bool) -> None:
    first = shards[0]
    facts = {
        "release": _release,
        "notes": _notes,
        "the baseline": _baseline,
        "the load engine": _load_engine,
    }
    if not allow_different_suites:
        facts["suite"] = _suite
    runs: dict[str, Ledger] = {}
    for shard in shards:
        run = shard.header["run"]
        if run in runs:
            raise InputError(
                f"the run {run} is in {runs[run].where()} already: expected each shard once",
                where=shard.where(),
            )
        runs[run] = shard
        for name, fact in facts.items():
            mine, theirs = fact(shard), fact(first)
            if mine != theirs:
                hint = ", or --allow-different-suites" if fact is _suite else ""
                raise InputError(
                    f"found {name} {mine}, but {theirs} in {first.where()}: expected shards of one "
                    f"run{hint}",
                    where=shard.where(),
                )


def _release(shard: Ledger) -> str:
    release = shard.header["release"]
    return f"{release['container']} (server {release['server']})"


def _notes(shard: Ledger) -> str:
    return str(shard.header["notes_digest"])


def _baseline(shard: Ledger) -> str:
    return str(shard.header.get("baseline", {}).get("target", "none"))


def _load_engine(shard: Ledger) -> str:
    return str(shard.header.get("load_engine", "auto"))


def _suite(shard: Ledger) -> str:
    return f"{shard.header['suite_version']} at {shard.header['suite_commit'] or 'no commit'}"


def _refuse_twin_cells(shards: Sequence[Ledger]) -> None:
    seen: dict[tuple[str, str, str, str], tuple[Ledger, int]] = {}
    for shard in shards:
        for index, cell in enumerate(shard.cells):
            twin, place = seen.setdefault(cell.key, (shard, index))
            if twin is not shard:
                raise InputError(
                    f"the cell {' '.join(filter(None, cell.key))!r} stands in {twin.where(place)} "
                    "already: expected each cell in one shard",
                    where=shard.where(index),
                )


def _targets(shards: Sequence[Ledger]) -> dict[str, dict[str, Any]]:
    """What is known of each target, and of the baseline, by all shards together.

    Raises:
        InputError: Two shards know different servers under one id.
    """
    targets: dict[str, dict[str, Any]] = {}
    told: dict[tuple[str, str], Ledger] = {}
    for shard in shards:
        for mine in _servers(shard):
            known = targets.setdefault(mine["target"], {})
            for name, value in mine.items():
                if known.get(name) is None:
                    known[name] = value
                if value is None:
                    continue
                teller = told.setdefault((mine["target"], name), shard)
                if name in _IDENTITY and value != known[name]:
                    raise InputError(
                        f"{mine['target']} is a server with {name} {value}, but in "
                        f"{teller.where()} one with {known[name]}: expected one server for a "
                        "target",
                        where=shard.where(),
                    )
    return targets


def _servers(shard: Ledger) -> list[dict[str, Any]]:
    baseline = shard.header.get("baseline")
    return [*shard.header["targets"], *([baseline] if baseline else [])]


def _refuse_different_servers(shards: Sequence[Ledger]) -> None:
    """Where a header does not know the server, its own answers may tell."""
    answered: dict[str, tuple[Ledger, int]] = {}
    for shard in shards:
        # The tools of one target may be of two releases, and their versions are in the header.
        tools = {each["target"] for each in shard.header["targets"] if "tools" in each}
        for index, cell in enumerate(shard.cells):
            if cell.server_version is None or cell.target in tools:
                continue
            other, place = answered.setdefault(cell.target, (shard, index))
            version = other.cells[place].server_version
            if other is not shard and version != cell.server_version:
                raise InputError(
                    f"{cell.target} said that it is server {cell.server_version}, but in "
                    f"{other.where(place)} it said {version}: expected one server for a target",
                    where=shard.where(index),
                )


# -- what is joined


def _of_shard(cell: Cell, run: str) -> Cell:
    pictures = tuple(replace(each, file=place_in_merge(each.file, run)) for each in cell.pictures)
    return replace(cell, shard=run, pictures=pictures)


def _unchecked(shards: Sequence[Ledger]) -> tuple[Unchecked, ...]:
    """The claims that no shard has a cell of, and of which all say that there is no check."""
    decided = {cell.claim for shard in shards for cell in shard.cells}
    # A shard that was killed early may not have come to list them all.
    telling = [shard for shard in shards if shard.cells or shard.footer] or shards
    everywhere = set.intersection(*({each.claim for each in shard.unchecked} for shard in telling))
    return tuple(claim for claim in telling[0].unchecked if claim.claim in everywhere - decided)


def _header(shards: Sequence[Ledger], targets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    headers = [shard.header for shard in shards]
    runs = [header["run"] for header in headers]
    versions = sorted({header["suite_version"] for header in headers})
    commits = sorted({header["suite_commit"] or "no commit" for header in headers})
    in_order = dict.fromkeys(each["target"] for header in headers for each in header["targets"])
    return {
        "run": f"merge-{sha256(' '.join(sorted(runs)).encode()).hexdigest()[:12]}",
        "started": headers[0]["started"],
        "release": headers[0]["release"],
        "targets": [dict(targets[target]) for target in in_order],
        "suite_version": ", ".join(versions),
        "suite_commit": headers[0]["suite_commit"] if len(commits) == 1 else ", ".join(commits),
        "notes_digest": headers[0]["notes_digest"],
        "options": [],
        **_comparing(headers, targets),
        "host": {
            name: value
            for name, value in headers[0]["host"].items()
            if all(name in each["host"] and each["host"][name] == value for each in headers)
        },
        **_gpus(headers),
        "shards": [
            {
                **{
                    name: shard.header[name]
                    for name in ("run", "started", "suite_version", "suite_commit")
                },
                "options": shard.header["options"],
                "host": shard.header["host"],
                "gpus": shard.header.get("gpus", {}).get("origin"),
                "targets": [each["target"] for each in shard.header["targets"]],
                "cells": len(shard.cells),
                "complete": shard.truncation is None,
                "seconds": shard.footer["seconds"] if shard.footer else None,
            }
            for shard in shards
        ],
    }


def _comparing(
    headers: Sequence[Mapping[str, Any]], targets: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """What all shards compared with, and by which loads."""
    first = headers[0]
    comparing = {name: first[name] for name in ("baseline", "load_engine") if name in first}
    if "baseline" in comparing:
        comparing["baseline"] = dict(targets[comparing["baseline"]["target"]])
    return comparing


def _gpus(headers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The GPUs of all shards; whoever told of some is named, so that none passes for real."""
    told = [header["gpus"] for header in headers if "gpus" in header]
    if not told:
        return {}
    devices: list[Any] = []
    for each in told:
        devices += (device for device in each["devices"] if device not in devices)
    return {
        "gpus": {
            "origin": ", ".join(dict.fromkeys(each["origin"] for each in told)),
            "reason": "; ".join(dict.fromkeys(each["reason"] for each in told if each["reason"])),
            "devices": devices,
        }
    }


def _cost(footers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all shards cost together; nothing is known of those that have no footer."""
    lost_hosts = sorted({host for footer in footers for host in footer.get("lost_hosts", ())})
    shares = [
        (footer["overhead"], footer["seconds"] - footer["preparation"])
        for footer in footers
        if footer["overhead"] is not None
    ]
    rest = fsum(weight for _, weight in shares)
    overhead = fsum(share * weight for share, weight in shares) / rest if rest > 0 else None
    return {
        **({"lost_hosts": lost_hosts} if lost_hosts else {}),
        "server_starts": sum(footer["server_starts"] for footer in footers),
        "specifications": sum(footer["specifications"] for footer in footers),
        "seconds": round(fsum(footer["seconds"] for footer in footers), 3),
        "longest_shard": max((footer["seconds"] for footer in footers), default=0),
        "preparation": round(fsum(footer["preparation"] for footer in footers), 3),
        "overhead": None if overhead is None else round(min(1.0, max(0.0, overhead)), 4),
    }
