"""Renders notes as Markdown in the shapes that upstream's have, for tests."""

from __future__ import annotations

import re
import textwrap

HEADINGS = {
    "container contents": "Contents of the Kettle Shop container",
    "introduction": "Contents of the Kettle Shop container",
    "key features": "Key Features and Enhancements",
    "known issues": "Known Issues",
}


def render(notes, *, wrapped, bold=False, mark="-"):
    """Markdown of notes as the parser gives them, or of anything with their fields."""
    blocks = []
    heading = None
    for note in notes:
        if note.section == "title":
            blocks.append(f"# {note.text}" if note.paragraph is None else _filled(note, wrapped))
            continue
        wanted = HEADINGS.get(note.section, note.section.capitalize())
        if wanted != heading:
            heading = wanted
            blocks.append(f"## **{heading}**" if bold else f"## {heading}")
        if note.paragraph is not None:
            blocks.append(_filled(note, wrapped))
            continue
        indent = "    " if note.parent is not None else ""
        start = f"{indent}{mark}   " if wrapped else f"{indent}{mark} "
        blocks.append(_filled(note, wrapped, start, " " * len(start)))
    return "\n\n".join(blocks) + "\n"


def _filled(note, wrapped, first="", rest=""):
    text = " ".join(note.text.split())
    if not wrapped:
        return first + text
    text = re.sub(r"(?<!\\)([`\"'])", r"\\\1", text)
    lines = textwrap.wrap(text, 72, break_long_words=False, break_on_hyphens=False)
    # A line that would begin a block of its own is joined to the one before.
    joined = lines[:1]
    for line in lines[1:]:
        if re.match(r"[-+*#>=~|\d]|\\[<>]", line):
            joined[-1] += f" {line}"
        else:
            joined.append(line)
    return first + f"\n{rest}".join(joined)
