"""Upstream's notes, read from Markdown: sections, bullets, and the sentences of running text.

Two shapes of ``docs/introduction/release_notes.md`` are known (a bullet on one line with headings
in bold, and a converter's wrapped lines full of escapes), and the bodies of GitHub's releases.

What is a note:

- The first heading, unless it is that of a known section, names the release: note 1 of the section
  ``title``; the sentences below it follow.
- Each bullet of a section, from 1, without those that say nothing. A bullet is all its own
  paragraphs and code; bullets below it are notes of their own below it. Deeper ones count among
  these, for a note has one parent.
- Each sentence of running text is a candidate: data may map one, or several in a row, or none.
  Introductions to a list and mere pointers elsewhere are marked as such.

Tables, HTML and code outside bullets are no notes; where they stand is told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from triton_claims.errors import InputError
from triton_claims.notes.digest import normalise, note_digest, readable
from triton_claims.notes.markdown import blocks_of, first_line, read_markdown

if TYPE_CHECKING:
    from pathlib import Path

    from markdown_it.tree import SyntaxTreeNode

TITLE = "title"
INTRODUCTION = "introduction"
CONTENTS = "container contents"
_BEFORE_HEADINGS = "overview"
_MOST = 999
"""The most notes of a file; the data have no higher position, and upstream's have about 70."""

#: Headings that mean one section under several names; all others are a section by their own name.
_SECTIONS = (
    (re.compile(r"contents of\b.*\bcontainer"), CONTENTS),
    (re.compile(r"(?:new )?(?:key )?features(?: and .*)?"), "key features"),
    (re.compile(r"known issues(?: and .*)?"), "known issues"),
)
_BOLD_LINE = re.compile(r"(\*\*|__)(?=\S)([^*\n]{1,120}?)\1:?")
_ALERT = re.compile(r"\[!(?:NOTE|TIP|IMPORTANT|WARNING|CAUTION)\][ \t]*\n?", re.IGNORECASE)
_CONTAINER = re.compile(r"\b(?:release|container)\s+([0-9]{2}\.(?:0[1-9]|1[0-2]))\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!vs\.)\s+(?=[^\sa-z(])")
# Few and narrow: a sentence that is left out by mistake is a promise that nobody checks.
_LEAD_IN = re.compile(r":$|\b(?:includes?|contains?|has) the following(?: [\w-]+){0,6}\.$")
_POINTER = re.compile(
    r"(?:for (?:a (?:complete |full )?list of|(?:more|further|additional) [a-z]+)\b"
    r"(?:[^.;:]|\.(?=\S))*, )?(?:please )?(?:see|refer to)\b",
    re.IGNORECASE,
)
_RELEASE_PAGE = re.compile(r"\bhttps?://[^\s)>\]]*/releases?\b[^\s)>\]]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NoteText:
    """One note of a file, with its text.

    Args:
        section: The section it stands in, as the data spell it.
        position: Its position there from 1, or below its parent; of a sentence: among those of the
            section.
        parent: For a bullet below another one: that one's position in the section.
        text: Its own text as it was written.
        line: The line of the file it begins in.
        paragraph: For a sentence of running text: which paragraph it is of; None for the rest.
        promises: Whether a sentence says more than that a list follows or where to read on.
    """

    section: str
    position: int
    parent: int | None
    text: str
    line: int
    paragraph: int | None = None
    promises: bool = True

    @property
    def digest(self) -> str:
        """The digest of its text."""
        return note_digest(self.text)

    @property
    def place(self) -> str:
        """Its place for people: ``known issues 22.1``, ``driver requirements, sentence 2``."""
        return spell_place(
            self.section, self.position, self.parent, sentence=self.paragraph is not None
        )


@dataclass(frozen=True, slots=True)
class ParsedNotes:
    """The notes of one file.

    Args:
        path: The file.
        notes: Its notes, in its order.
        container: The release that its title names; None where there is no such title.
        pointer: Where it points to, if it holds no notes but that.
        unread: What is no note and may hold some: its line and what it is.
    """

    path: Path
    notes: tuple[NoteText, ...]
    container: str | None
    pointer: str | None
    unread: tuple[tuple[int, str], ...] = ()

    @property
    def listed(self) -> tuple[NoteText, ...]:
        """The notes that stand for themselves: the title and the bullets."""
        return tuple(note for note in self.notes if note.paragraph is None)


def spell_place(section: str, position: int, parent: int | None, *, sentence: bool = False) -> str:
    """Spell a note's place for people."""
    if sentence:
        return f"{section}, sentence {position}"
    return f"{section} {position}" if parent is None else f"{section} {parent}.{position}"


def parse_notes(path: Path) -> ParsedNotes:
    """Read a file of notes.

    Raises:
        InputError: It cannot be read, is no text in UTF-8, has a comment without an end, or holds
            neither notes nor a pointer to them.
    """
    return parse_text(read_markdown(path), path)


def parse_text(text: str, path: Path) -> ParsedNotes:
    r"""Read notes from a text whose line ends are ``\n``.

    Args:
        text: The Markdown.
        path: What it is called.

    Raises:
        InputError: As :func:`parse_notes` tells.
    """
    reader = _Reader()
    reader.read(blocks_of(text, str(path)))
    notes = tuple(reader.notes)
    if len(notes) > _MOST:
        raise InputError(
            f"found {len(notes)} bullets and sentences, expected those of one release: at most "
            f"{_MOST}",
            where=f"{path}:{notes[_MOST].line}",
        )
    title = next((each for each in notes if each.section == TITLE), None)
    named = _CONTAINER.search(readable(title.text)) if title else None
    pointer = None if any(_is_of_a_section(note) for note in notes) else _pointer(notes, path)
    return ParsedNotes(path, notes, named[1] if named else None, pointer, tuple(reader.unread))


def _is_of_a_section(note: NoteText) -> bool:
    """Whether it is a note proper: any but the title and the running text before the sections."""
    if note.section == TITLE:
        return note.paragraph is None and note.position > 1
    return note.paragraph is None or note.section != _BEFORE_HEADINGS


def _pointer(notes: tuple[NoteText, ...], path: Path) -> str:
    """Where a file without notes points to.

    Raises:
        InputError: Nowhere.
    """
    # The title links to a page of documentation, the text below it to that of the releases.
    pages = [page for note in notes if note.paragraph for page in _RELEASE_PAGE.findall(note.text)]
    if not pages:
        raise InputError(
            "found no notes, expected bullets below headings such as 'Known Issues', or a pointer "
            "to the page that has them",
            where=f"{path}:1",
        )
    return str(pages[-1])


class _Reader:
    """Walks the blocks of a file in their order."""

    def __init__(self) -> None:
        self.notes: list[NoteText] = []
        self.unread: list[tuple[int, str]] = []
        self._section = _BEFORE_HEADINGS
        self._headings = 0
        self._paragraphs = 0
        self._counts: dict[tuple[str, int | None, bool], int] = {}

    def read(self, node: SyntaxTreeNode) -> None:
        for block in node.children:
            if block.type == "heading":
                self._heading(_own_text(block), first_line(block))
            elif block.type == "paragraph":
                text = _own_text(block)
                bold = _BOLD_LINE.fullmatch(text.strip())
                if bold and node.is_root:
                    self._heading(bold[2], first_line(block))
                else:
                    self._prose(text, first_line(block))
            elif block.type in {"bullet_list", "ordered_list"}:
                for item in block.children:
                    self._bullet(item, None)
            elif block.type == "blockquote":
                self.read(block)
            else:
                self._leave_out(block)

    def _heading(self, text: str, line: int) -> None:
        self._headings += 1
        section = _section_of(text)
        if self._headings == 1 and section not in {known for _, known in _SECTIONS}:
            self._section = TITLE
            self._add(TITLE, None, text, line)
        elif section:
            self._section = section

    def _prose(self, text: str, line: int) -> None:
        alert = _ALERT.match(text)
        if alert:
            line += alert[0].count("\n")
            text = text[alert.end() :]
        section = INTRODUCTION if self._section == CONTENTS else self._section
        self._paragraphs += 1
        at = 0
        for end in [*(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]:
            self._add(section, None, text[at:end], line + text.count("\n", 0, at), sentence=True)
            at = end

    def _bullet(self, item: SyntaxTreeNode, parent: int | None) -> None:
        """Reads a bullet, and then those below it, which count below the outermost one."""
        own = [block for block in item.children if block.type not in _LISTS]
        for block in own:
            if block.type == "html_block":
                self._leave_out(block)
        text = "\n\n".join(filter(None, map(_own_text, own)))
        added = self._add(self._section, parent, text, first_line(item))
        outer = parent if parent is not None else added
        for block in item.children:
            if block.type in _LISTS:
                for inner in block.children:
                    self._bullet(inner, outer)

    def _add(
        self, section: str, parent: int | None, text: str, line: int, *, sentence: bool = False
    ) -> int | None:
        """Adds a note that says something; gives its position."""
        if not normalise(text):
            return None
        kind = (section, parent, sentence)
        position = self._counts[kind] = self._counts.get(kind, 0) + 1
        promises = True
        if sentence:
            plain = readable(text)
            promises = not (_LEAD_IN.search(plain) or _POINTER.match(plain))
        self.notes.append(
            NoteText(
                section=section,
                position=position,
                parent=parent,
                text=text.strip(),
                line=line,
                paragraph=self._paragraphs if sentence else None,
                promises=promises,
            )
        )
        return position

    def _leave_out(self, block: SyntaxTreeNode) -> None:
        what = {"table": "a table", "html_block": "HTML", "fence": "code", "code_block": "code"}
        if block.type == "html_block" and block.content.lstrip().startswith("<!--"):
            return
        if block.type in what:
            self.unread.append((first_line(block), what[block.type]))


_LISTS = frozenset({"bullet_list", "ordered_list"})


def _own_text(block: SyntaxTreeNode) -> str:
    """The text of a block and of what is inside it; HTML is none."""
    if block.type == "html_block":
        return ""
    if block.type in {"inline", "fence", "code_block"}:
        return block.content
    return "\n\n".join(filter(None, (_own_text(inner) for inner in block.children)))


def _section_of(heading: str) -> str:
    """The name of a section as the data spell it: a few lower-case words."""
    name = " ".join(re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", readable(heading).lower()))
    for pattern, section in _SECTIONS:
        if pattern.fullmatch(name):
            return section
    # As the schema has it: it begins with a letter, and has at most six words.
    match = re.search(r"(?<![a-z0-9-])[a-z][a-z0-9]*(?:[ -][a-z0-9]+){0,5}", name)
    return match[0] if match else ""
