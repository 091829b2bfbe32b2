"""Releases: the data of ``releases/*.toml``, one file a release.

A release says which container and server version belong together, which wheel carries that server,
and which claims each of its notes maps to. Five files of that folder are no releases: the
catalogue of claims, what is asked of every release, the accepted verdicts, the images and what
endpoints are made of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from triton_claims.errors import InputError
from triton_claims.notes.structure import check_structure
from triton_claims.notes.tomlfile import Document
from triton_claims.notes.versions import ServerVersion

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NO_RELEASES = frozenset(
    {
        "acceptances.toml",
        "claims.toml",
        "endpoints.toml",
        "every-release.toml",
        "images.toml",
    }
)

#: What begins a value that a scaffold left to be written.
TO_BE_WRITTEN = "TO BE WRITTEN"

#: What stands in the place of a section for a claim that no note promises.
ASKED_OF_EVERY_RELEASE = "asked of every release"


@dataclass(frozen=True, slots=True)
class Wheel:
    """The wheel that carries the release's server.

    Args:
        distribution: The distribution's name.
        version: The wheel's own version; unlike the server's.
        filename: The file's name.
        sha256: The file's digest, 64 hexadecimal digits.
        size: The file's size in bytes.
        stubs: The Python versions its Python backend has a stub for, ``("3.8", ...)``.
        source: How the pairing of wheel and server is known.
    """

    distribution: str
    version: str
    filename: str
    sha256: str
    size: int
    stubs: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class ClientPackage:
    """The wheel of the release's client, for what it brings along beside Python: Perf Analyzer.

    Args:
        distribution: The distribution's name.
        version: The client's version.
        filename: The file's name.
        sha256: The file's digest, 64 hexadecimal digits.
        size: The file's size in bytes.
        glibc: The oldest glibc that its programs run with, such as ``2.38``.
        source: How that is known.
    """

    distribution: str
    version: str
    filename: str
    sha256: str
    size: int
    glibc: str
    source: str


@dataclass(frozen=True, slots=True)
class GenAiPerfPackage:
    """The GenAI-Perf of the release's SDK, as the package index has it.

    Args:
        version: Its version, such as ``0.0.10``.
        sha256: Its wheel's digest, 64 hexadecimal digits.
        requirements: The file that pins all it needs, with hashes, for each of its Pythons.
        pythons: The Python versions that the file is for, ``("3.10", ...)``.
        source: How it is known which release brought it.
    """

    version: str
    sha256: str
    requirements: Path
    pythons: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Note:
    """One bullet, or one falsifiable sentence, of a release's notes. Its text is not kept.

    Args:
        section: The section it stands in.
        position: Its position there, from 1; among its siblings where it has a parent.
        digest: :func:`triton_claims.notes.digest.note_digest` of its text.
        claims: The ids of the claims drawn from it.
        parent: For a bullet below another one: that one's position in the section.
        origin: ``release-notes`` or ``announcement``.
        line: The line of its ``[[note]]`` in the release's file.
        claim_lines: The lines of its claims there, in the same order.
        no_claim: Why no claim is drawn from it, where that is so.
    """

    section: str
    position: int
    digest: str
    claims: tuple[str, ...]
    parent: int | None
    origin: str
    line: int
    claim_lines: tuple[int, ...] = field(default=(), repr=False, compare=False)
    no_claim: str | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """One release of Triton.

    Args:
        container: The container version, ``YY.MM``.
        server: The server version inside it.
        wheel: The wheel that carries this server, where there is one.
        notes: Its notes, in the file's order; empty where they are not mapped.
        source: Where the two versions are known from.
        path: The file.
        client: The wheel of its client, where its programs are used.
        genai_perf: Its GenAI-Perf, where it is known.
        standing: The claims that are asked of every release: the id of each, and where it comes
            from.
    """

    container: str
    server: ServerVersion
    wheel: Wheel | None
    notes: tuple[Note, ...]
    source: str
    path: Path
    client: ClientPackage | None = None
    genai_perf: GenAiPerfPackage | None = None
    standing: tuple[tuple[str, str], ...] = ()

    @property
    def claims(self) -> tuple[str, ...]:
        """The ids of its claims, each once: of its notes, and then those asked of every release.

        There are none where its notes are not mapped.
        """
        if not self.notes:
            return ()
        noted = (claim for note in self.notes for claim in note.claims)
        return tuple(dict.fromkeys((*noted, *dict(self.standing))))

    def origin_of(self, claim: str) -> str:
        """Where one of its claims comes from: the section of the notes, or why it is asked."""
        sections = (note.section for note in self.notes if claim in note.claims)
        return next(sections, dict(self.standing).get(claim, ASKED_OF_EVERY_RELEASE))

    @property
    def notes_digest(self) -> str:
        """``sha256:`` and 64 digits over the notes' places and digests.

        It changes when a note is added, dropped, moved or reworded; the order in the file and the
        mapping to claims do not matter.
        """
        lines = sorted(
            f"{note.origin}\t{note.section}\t{note.parent or ''}\t{note.position}\t{note.digest}\n"
            for note in self.notes
        )
        return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"


class Releases(Mapping[str, Release]):
    """All releases by container version, oldest first.

    Args:
        releases: The releases.
        directory: The folder they come from, for messages.
    """

    def __init__(self, releases: tuple[Release, ...], directory: Path) -> None:
        ordered = sorted(releases, key=lambda release: release.container)
        self._by_container = {release.container: release for release in ordered}
        self._directory = directory

    def __getitem__(self, container: str) -> Release:
        """Give the release of a container version."""
        return self._by_container[container]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the container versions, oldest first."""
        return iter(self._by_container)

    def __len__(self) -> int:
        """Count the releases."""
        return len(self._by_container)

    def by_server(self, version: ServerVersion) -> Release | None:
        """Give the release of a server version, if it is among them."""
        return next((release for release in self.values() if release.server == version), None)

    def container_of(self, server: str | None) -> str | None:
        """Give the container version of what a server says of itself; None where it is unknown.

        Args:
            server: The version that it reports.
        """
        try:
            release = self.by_server(ServerVersion.parse(server or ""))
        except ValueError:
            return None
        return release.container if release else None

    def newest_with_notes(self) -> Release:
        """Give the newest release whose notes are mapped.

        Raises:
            InputError: No release has notes.
        """
        return self._newest([release for release in self.values() if release.notes], "notes")

    def newest_with_wheel(self) -> Release:
        """Give the newest release whose server comes as a wheel.

        Raises:
            InputError: No release has a wheel.
        """
        return self._newest([release for release in self.values() if release.wheel], "a wheel")

    def newest_client(self) -> ClientPackage:
        """Give the client of the newest release whose client's programs are used.

        Raises:
            InputError: No release has such a client.
        """
        clients = [release.client for release in self.values() if release.client]
        if not clients:
            raise InputError(
                "found no release with a client, expected at least one", where=str(self._directory)
            )
        return clients[-1]

    def _newest(self, releases: list[Release], wanted: str) -> Release:
        if not releases:
            raise InputError(
                f"found no release with {wanted}, expected at least one", where=str(self._directory)
            )
        return releases[-1]


def load_releases(directory: Path, standing: tuple[tuple[str, str], ...] = ()) -> Releases:
    """Read all releases of a folder.

    Args:
        directory: The folder.
        standing: The claims that are asked of every release: the id of each, and where it comes
            from.

    Raises:
        InputError: There is none, or one of them is not as it should be.
    """
    paths = sorted(path for path in directory.glob("*.toml") if path.name not in _NO_RELEASES)
    if not paths:
        raise InputError(
            "found no release, expected files such as 25.01.toml", where=str(directory)
        )
    releases: list[Release] = []
    for path in paths:
        document = Document(path)
        release = _read_release(document, standing)
        _check_unique(document, release, releases)
        if path.stem != release.container:
            raise document.error(
                f"found {release.container!r}, expected {path.stem!r} as the file's name says",
                "container",
            )
        releases.append(release)
    return Releases(tuple(releases), directory)


def load_release(path: Path) -> Release:
    """Read one release's file alone, without holding it against others.

    Raises:
        InputError: It is not as it should be.
    """
    return _read_release(Document(path), ())


def _check_unique(document: Document, release: Release, others: list[Release]) -> None:
    for other in others:
        if other.container == release.container:
            raise document.error(
                f"found {release.container!r}, which {other.path.name} has already", "container"
            )
        if other.server == release.server:
            raise document.error(
                f"found '{release.server}', which {other.path.name} has already", "server"
            )
        if release.genai_perf and other.genai_perf:
            version = release.genai_perf.version
            if version == other.genai_perf.version:
                raise document.error(
                    f"found {version!r}, which {other.path.name} has already",
                    "genai_perf",
                    "version",
                )


def _read_release(document: Document, standing: tuple[tuple[str, str], ...]) -> Release:
    _check_written(document)
    check_structure(document, "release")
    data = document.data
    return Release(
        container=data["container"],
        server=ServerVersion.parse(data["server"]),
        wheel=_read_wheel(document),
        notes=_read_notes(document),
        source=data["source"],
        path=document.path,
        client=_read_client(document),
        genai_perf=_read_genai_perf(document),
        standing=standing,
    )


def _check_written(document: Document) -> None:
    """Refuse what a scaffold left open, before the schema does in general words."""
    steps = {
        "server": "write the version of that container's server, such as 2.54.0: upstream's "
        "server repository has it in TRITON_VERSION, and a server tells it in GET /v2",
        "source": "write where the versions are known from: a file of upstream and its commit, or "
        "a measurement",
    }
    for key, step in steps.items():
        if str(document.data.get(key, "")).startswith(TO_BE_WRITTEN):
            raise document.error(f"found what is still to be written; next: {step}", key)


def _read_wheel(document: Document) -> Wheel | None:
    data = _read_file(document, "wheel")
    return None if data is None else Wheel(**{**data, "stubs": tuple(data["stubs"])})


def _read_client(document: Document) -> ClientPackage | None:
    data = _read_file(document, "client")
    return None if data is None else ClientPackage(**data)


def _read_genai_perf(document: Document) -> GenAiPerfPackage | None:
    data: dict[str, Any] | None = document.data.get("genai_perf")
    if data is None:
        return None
    requirements = document.path.parent / data["requirements"]
    if not requirements.is_file():
        raise document.error(
            f"found {data['requirements']!r}, expected a file in {document.path.parent}",
            "genai_perf",
            "requirements",
        )
    return GenAiPerfPackage(
        **{**data, "requirements": requirements, "pythons": tuple(data["pythons"])}
    )


def _read_file(document: Document, table: str) -> dict[str, Any] | None:
    data: dict[str, Any] | None = document.data.get(table)
    if data is None:
        return None
    start = f"{data['distribution'].replace('-', '_')}-{data['version']}-"
    if not data["filename"].startswith(start):
        raise document.error(
            f"found {data['filename']!r}, expected a name that starts with {start!r}",
            table,
            "filename",
        )
    return data


def _read_notes(document: Document) -> tuple[Note, ...]:
    entries: list[dict[str, Any]] = document.data.get("note", [])
    tops = {_place(entry) for entry in entries if "parent" not in entry}
    seen_places: dict[tuple[str, str, int | None, int], int] = {}
    seen_digests: dict[str, int] = {}
    notes = []
    for index, entry in enumerate(entries):
        origin, section, position = _place(entry)
        parent = entry.get("parent")
        line = document.line_of("note", index)
        first = seen_places.setdefault((origin, section, parent, position), line)
        if first != line:
            raise document.error(
                f"found the place of the note in line {first} again", "note", index, "position"
            )
        first = seen_digests.setdefault(entry["digest"], line)
        if first != line:
            raise document.error(
                f"found the digest of the note in line {first} again", "note", index, "digest"
            )
        if parent is not None and (origin, section, parent) not in tops:
            raise document.error(
                f"found {parent}, expected the position of a note in {section!r}",
                "note",
                index,
                "parent",
            )
        notes.append(
            Note(
                section=section,
                position=position,
                digest=entry["digest"],
                claims=tuple(entry["claims"]),
                parent=parent,
                origin=origin,
                line=line,
                claim_lines=tuple(
                    document.line_of("note", index, "claims", at)
                    for at in range(len(entry["claims"]))
                ),
                no_claim=entry.get("no_claim"),
            )
        )
    return tuple(notes)


def _place(entry: dict[str, Any]) -> tuple[str, str, int]:
    return entry.get("origin", "release-notes"), entry["section"], entry["position"]
