"""The command line: what is claimed, what a run came to, and what a run needs beforehand.

Exit codes: 0; 1 where the answer is bad news; 2 where the input is wrong, which one line on stderr
tells; 130 after Ctrl-C. The checks themselves are run by pytest.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from triton_claims import __version__
from triton_claims.errors import Blocked, InputError, TritonClaimsError
from triton_claims.notes.ceilings import load_ceilings
from triton_claims.notes.images import with_users_images
from triton_claims.notes.knowledge import Knowledge, find_root, load_knowledge, release_to_check
from triton_claims.report.ceilings_file import ceilings_text
from triton_claims.report.derived import replace_file
from triton_claims.report.junit import junit_xml
from triton_claims.report.sentence import count, sentences
from triton_claims.report.shards import read_shard, write_merged
from triton_claims.report.summary import summary_markdown
from triton_claims.report.table import aligned, table_lines
from triton_claims.secrets import redact
from triton_claims.servers import host, scratch
from triton_claims.servers.cache import cache_root
from triton_claims.servers.interpreters import find_interpreter, find_python
from triton_claims.servers.preparing import make_ready
from triton_claims.servers.targets import parse_target
from triton_claims.tools.genai_perf import make_tools_ready
from triton_claims.verdicts.acceptance import load_acceptances
from triton_claims.verdicts.ledger import read_ledger
from triton_claims.verdicts.merging import merge
from triton_claims.verdicts.outcome import Require

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, TextIO

    from triton_claims.notes.catalogue import Claim
    from triton_claims.notes.releases import Release, Releases
    from triton_claims.servers.docker_host import DockerHost
    from triton_claims.servers.targets import Target

BAD_NEWS = 1
BAD_INPUT = 2
INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """Leaves it to :func:`main` to tell what is wrong: in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: The command line without the program's name; this process's by default.

    Returns:
        The exit code.
    """
    try:
        options = _parser().parse_args(argv)
        code: int = options.command(options)
    except InputError as problem:
        _complain(str(problem))
        return BAD_INPUT
    except (TritonClaimsError, OSError) as problem:
        _complain(redact(str(problem)))
        return BAD_NEWS
    except KeyboardInterrupt:
        _complain("ended by Ctrl-C")
        return INTERRUPTED
    except SystemExit as end:  # --help and --version
        return int(end.code or 0)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="triton-claims",
        description="The claims of NVIDIA Triton's release notes; `make check` decides them.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"triton-claims {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Any, words: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=words, description=words, allow_abbrev=False)
        added.set_defaults(command=run)
        return added

    listing = command("list", _list, "shows a release's claims and where their checks are")
    listing.add_argument("--release", metavar="YY.MM", help="default: the newest with its notes")
    listing.add_argument("--json", action="store_true", help="as one JSON object")

    summary = command("summary", _summary, "shows what a ledger tells; exit code 1 if it's bad")
    summary.add_argument("ledger", metavar="LEDGER", type=Path, help="a run's ledger.jsonl")
    summary.add_argument(
        "-o", "--output", metavar="DIR", type=Path, help="writes summary.md and junit.xml there"
    )

    merging = command("merge", _merge, "makes one record of shards; exit code 1 if it's bad")
    merging.add_argument(
        "shards",
        metavar="DIR",
        nargs="+",
        type=Path,
        help="the reports of a run that did a part, or its ledger alone",
    )
    merging.add_argument(
        "-o", "--output", metavar="OUT", type=Path, required=True, help="a new or empty folder"
    )
    merging.add_argument(
        "--require",
        choices=[each.value for each in Require],
        help="fail unless every cell of the whole is decided, or confirmed",
    )
    merging.add_argument(
        "--allow-different-suites",
        action="store_true",
        help="take shards of different versions of the suite for one run",
    )

    ceilings = commands.add_parser(
        "ceilings", help="limits of latency and start-up time", allow_abbrev=False
    )
    words = "records limits from a run's ledger, for pytest's --ceilings"
    recording = ceilings.add_subparsers(required=True, metavar="ACTION").add_parser(
        "record", help=words, description=words, allow_abbrev=False
    )
    recording.set_defaults(command=_record_ceilings)
    recording.add_argument("ledger", metavar="LEDGER", type=Path, help="a run's ledger.jsonl")
    recording.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        default=Path("ceilings.toml"),
        help="default: ceilings.toml",
    )
    recording.add_argument(
        "--margin",
        metavar="SHARE",
        type=float,
        default=0.2,
        help="by how much the limits are wider than what was measured; default: 0.2",
    )
    recording.add_argument(
        "--for-releases",
        metavar="GLOB",
        help="the releases they are for, such as '*'; default: the one measured",
    )
    recording.add_argument("--force", action="store_true", help="overwrite the file")

    reporting = command("report", _report, "writes one page of HTML that shows ledgers")
    reporting.add_argument(
        "ledgers", metavar="LEDGER", nargs="+", type=Path, help="runs' ledgers, side by side"
    )
    reporting.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        required=True,
        help="index.html is written there",
    )
    reporting.add_argument(
        "--earlier", metavar="LEDGER", type=Path, help="a run before, which cells are held against"
    )

    fetch = command("fetch", _fetch, "makes targets ready, so that a run needs no network")
    fetch.add_argument(
        "target",
        metavar="TARGET",
        nargs="+",
        help="such as wheel:24.10, ngc:25.01 or genai-perf:0.0.10",
    )
    fetch.add_argument(
        "--image",
        metavar="FLAVOUR=REFERENCE",
        action="append",
        default=[],
        help="another image for a flavour of ngc:; repeatable",
    )
    fetch.add_argument(
        "--docker-host",
        metavar="URL|FILE",
        action="append",
        default=[],
        help="where images are to be; repeatable",
    )

    sweeping = command("sweep", _sweep, "clears up after runs that were killed")
    sweeping.add_argument(
        "--docker-host",
        metavar="URL|FILE",
        action="append",
        default=[],
        help="also there; repeatable",
    )
    command("doctor", _doctor, "tells what can't work on this machine")
    return parser


def _knowledge() -> Knowledge:
    return load_knowledge(find_root(Path.cwd()))


def _list(options: argparse.Namespace) -> int:
    knowledge = _knowledge()
    release = release_to_check(knowledge, options.release, where="--release")
    claims = [knowledge.catalogue[each] for each in release.claims]
    if options.json:
        _say_all(json.dumps(_listing(knowledge, release, claims), indent=2).splitlines())
        return 0
    rows = [("claim", "kind", "versions", "needs", "check")]
    for claim in claims:
        check = knowledge.checks.get(claim.id)
        where = f"{check.path}:{check.line}" if check else "unchecked"
        needs = ", ".join(claim.needs) or "-"
        rows.append((claim.id, str(claim.kind), claim.versions.describe(), needs, where))
    _say_all(aligned(rows))
    return 0


def _listing(knowledge: Knowledge, release: Release, claims: Sequence[Claim]) -> dict[str, Any]:
    listed = []
    for claim in claims:
        check = knowledge.checks.get(claim.id)
        since, until = claim.versions.since, claim.versions.until
        listed.append(
            {
                "id": claim.id,
                "kind": str(claim.kind),
                "statement": claim.statement,
                "since": str(since) if since else None,
                "until": str(until) if until else None,
                "needs": claim.needs,
                "check": {
                    "path": check.path.as_posix(),
                    "line": check.line,
                    "function": check.function,
                }
                if check
                else None,
            }
        )
    return {
        "release": {"container": release.container, "server": str(release.server)},
        "claims": listed,
    }


def _summary(options: argparse.Namespace) -> int:
    ledger = read_ledger(options.ledger)
    _say_all((*table_lines(ledger), "", *sentences(ledger)))
    if options.output is not None:
        try:
            options.output.mkdir(parents=True, exist_ok=True)
            for name, text in (
                ("summary.md", summary_markdown(ledger)),
                ("junit.xml", junit_xml(ledger)),
            ):
                (options.output / name).write_text(text, encoding="utf-8")
        except (OSError, ValueError) as problem:  # ValueError: a NUL byte in the path
            reason = getattr(problem, "strerror", None) or problem
            raise InputError(
                f"cannot write into {str(options.output)!r}: {reason}", where="--output"
            ) from None
    return 0 if ledger.passes else BAD_NEWS


def _report(options: argparse.Namespace) -> int:
    # Templates are slow to import, and no other command needs them.
    from triton_claims.report.page.facts import facts_of  # noqa: PLC0415
    from triton_claims.report.page.writing import page_html  # noqa: PLC0415

    ledgers = [read_ledger(path) for path in options.ledgers]
    earlier = read_ledger(options.earlier) if options.earlier is not None else None
    facts = facts_of(ledgers, _knowledge(), earlier)
    output: Path = options.output
    try:
        output.mkdir(parents=True, exist_ok=True)
        replace_file(output / "index.html", page_html(facts))
    except (OSError, ValueError) as problem:  # ValueError: a NUL byte in the path
        reason = getattr(problem, "strerror", None) or problem
        raise InputError(f"cannot write into {str(output)!r}: {reason}", where="--output") from None
    missing = sum(not embedded for embedded in facts["pictures"].values())
    if missing:
        _say(f"{count(missing, 'picture')} not beside the ledger: left out")
    _say(f"{count(len(facts['cells']), 'cell')} on one page: {output / 'index.html'}")
    return 0


def _merge(options: argparse.Namespace) -> int:
    shards = [read_shard(path) for path in options.shards]
    merged = merge(
        [shard.ledger for shard in shards],
        acceptances=load_acceptances(_knowledge()),
        require=Require(options.require) if options.require else None,
        allow_different_suites=options.allow_different_suites,
    )
    write_merged(options.output, merged, shards)
    _say_all((*table_lines(merged), "", *sentences(merged), ""))
    for shard in shards:
        if shard.missing:
            _say(f"{shard.ledger.path}: {count(shard.missing, 'picture')} missing, left out")
    _say(f"{count(len(shards), 'shard')} merged: {options.output}")
    return 0 if merged.passes else BAD_NEWS


def _record_ceilings(options: argparse.Namespace) -> int:
    margin = options.margin
    if not 0 <= margin < math.inf:
        raise InputError(f"found {margin}, expected a share such as 0.2", where="--margin")
    releases = options.for_releases
    if releases is not None and not re.fullmatch("[0-9.*?]{1,20}", releases):
        raise InputError(
            f"{releases!r} matches no release: expected a container version, or a glob such as "
            "'24.*' or '*'",
            where="--for-releases",
        )
    text = ceilings_text(
        read_ledger(options.ledger), _knowledge().releases, margin=margin, release=releases
    )
    output: Path = options.output
    try:
        if os.path.lexists(output) and not options.force:
            raise InputError(
                f"{str(output)!r} is there already: name another file, or overwrite it by --force",
                where="--output",
            )
        if output.is_dir():
            raise InputError(f"{str(output)!r} is a folder", where="--output")
        replace_file(output, text)
    except (OSError, ValueError) as problem:  # ValueError: a NUL byte in the path
        reason = getattr(problem, "strerror", None) or problem
        raise InputError(f"cannot write {str(output)!r}: {reason}", where="--output") from None
    recorded = load_ceilings(output)
    _say(
        f"{count(len(recorded.loads), 'load')} and {count(len(recorded.starts), 'start')} "
        f"limited: {output}"
    )
    return 0


def _fetch(options: argparse.Namespace) -> int:
    knowledge = _knowledge()
    images = with_users_images(knowledge.images, options.image) if knowledge.images else None
    targets = [
        parse_target(text, knowledge.releases, images, where="TARGET") for text in options.target
    ]
    hosts = [host for text in options.docker_host for host in _docker_hosts(text)]
    code = 0
    for target in dict.fromkeys(targets):
        for where in hosts if hosts and target.in_container else [None]:
            try:
                words = _made_ready(target, where)
            except InputError:
                raise
            except TritonClaimsError as problem:
                _complain(redact(f"{target}: {problem}"))
                code = BAD_NEWS
            else:
                _say(redact(f"{target} is ready: {words}"))
    return code


def _made_ready(target: Target, where: DockerHost | None) -> str:
    if target.is_tool:
        return make_tools_ready(target, _progress).describe()
    if target.is_backend:
        return "nothing has to be made ready for its files"
    ready = make_ready(target, _progress, host=where)
    return f"{ready.origin}, models on {ready.model_python}"


def _docker_hosts(text: str) -> tuple[DockerHost, ...]:
    # Docker's library is slow to import, and most commands need none of it.
    from triton_claims.servers.docker_hosts_file import read_docker_hosts  # noqa: PLC0415

    return read_docker_hosts(text)


def _sweep(options: argparse.Namespace) -> int:
    swept = scratch.sweep()
    for text in options.docker_host:
        from triton_claims.servers.container_traces import sweep_host  # noqa: PLC0415 - see above

        for docker_host in _docker_hosts(text):
            swept += sweep_host(docker_host)
    _say_all(f"cleared up after the run {run}" for run in swept)
    if not swept:
        _say("there was nothing to clear up")
    return 0


def _doctor(_options: argparse.Namespace) -> int:
    obstacles = host.obstacles()
    for line in obstacles:
        _complain(line)
    if obstacles:
        return BAD_NEWS
    code = 0
    _say(f"cache: {cache_root()}")
    # Servers with the same stubs get the same Python.
    wheels: dict[tuple[str, ...], list[str]] = {}
    releases = _knowledge().releases
    for release in releases.values():
        if release.wheel is not None:
            wheels.setdefault(release.wheel.stubs, []).append(f"wheel:{release.container}")
    for stubs, targets in wheels.items():
        named = targets[0] if len(targets) == 1 else f"{targets[0]} to {targets[-1]}"
        try:
            python = find_interpreter(stubs, progress=_progress)
        except Blocked as problem:
            _complain(f"{named}: {problem}")
            code = BAD_NEWS
        else:
            _say(f"{named}: the models run on Python {python.release}, {python.executable}")
    _say_all(_tools(releases))
    if code == 0:
        _say("everything the embedded servers need is here")
    return code


def _tools(releases: Releases) -> Iterator[str]:
    """What there is besides servers; the lack of it keeps none from working."""
    if any(release.client for release in releases.values()):
        yield _load_engine(releases)
    pythons: dict[tuple[str, ...], list[str]] = {}
    for release in releases.values():
        if release.genai_perf is not None:
            target = f"genai-perf:{release.genai_perf.version}"
            pythons.setdefault(release.genai_perf.pythons, []).append(target)
    for versions, targets in pythons.items():
        named = targets[0] if len(targets) == 1 else f"{targets[0]} to {targets[-1]}"
        try:
            python = find_python(versions, "GenAI-Perf", progress=_progress)
        except Blocked as missing:
            yield redact(f"{named}: cannot run here: {missing}")
        else:
            runs = "runs" if len(targets) == 1 else "run"
            yield f"{named}: {runs} on Python {python.release}, {python.executable}"


def _load_engine(releases: Releases) -> str:
    """What puts loads on servers here; the lack of Perf Analyzer keeps nothing from working."""
    # Slow to import, and no other command needs them.
    from triton_claims.servers.load_engines import load_engine  # noqa: PLC0415
    from triton_claims.servers.loads import LOADS  # noqa: PLC0415

    try:
        engine = load_engine("perf_analyzer", releases, _progress)
    except Blocked as missing:
        return redact(f"loads: put on servers by our own client alone: {missing}")
    name = engine.name_for(next(iter(LOADS.values())))
    return f"loads: put on servers by {name} where they are for it, else by our own client"


def _progress(line: str) -> None:
    _say(redact(line))


def _say(line: str) -> None:
    """Prints a line; whoever reads no further has seen enough, and the exit code is the answer."""
    try:
        print(_plain(line, sys.stdout), flush=True)  # noqa: T201 - its purpose
    except OSError as problem:
        # What the buffer still holds must not be tried again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(problem, BrokenPipeError):
            raise


def _say_all(lines: Any) -> None:
    for line in lines:
        _say(line)


def _complain(line: str) -> None:
    print(f"triton-claims: error: {_plain(line, sys.stderr)}", file=sys.stderr)  # noqa: T201


def _plain(line: str, stream: TextIO | None) -> str:
    """One line, whatever is in it: a file's name or a ledger may hold anything."""
    shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in line)
    encoding = getattr(stream, "encoding", None) or "utf-8"  # there may be no stdout at all
    return shown.encode(encoding, "backslashreplace").decode(encoding)
