"""Which notes of one file are those of another: the same ones, and those that were reworded."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from triton_claims.notes.digest import normalise, readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from triton_claims.notes.parsing import NoteText, ParsedNotes

ALIKE = 0.8
"""From which score on a note counts as a reworded one; 1.0 is the same text."""

_LONG = 4000
"""From how many characters on words are compared in place of characters, for the time it takes."""

_SHARED = 0.4
"""The least share of pieces of three characters that texts can have in common which are as alike as
:data:`ALIKE`: one character that differs is in three pieces."""

_FIGURE = re.compile(r"[0-9]+(?:\.[0-9]+)*")


@dataclass(frozen=True, slots=True)
class Pair:
    """One note in two files.

    Args:
        old: The note in the older file.
        new: The note in the newer one.
        score: How alike their texts are, from 0 to 1; 1 where their digests are the same.
        figures_differ: Whether other figures are in them than the releases' own numbers: versions
            most of all, which make another promise of the same words.
    """

    old: NoteText
    new: NoteText
    score: float
    figures_differ: bool

    @property
    def same(self) -> bool:
        """Whether it is the same note, word for word."""
        return self.old.digest == self.new.digest

    @property
    def moved(self) -> bool:
        """Whether its place is another one."""
        places = [(each.section, each.parent, each.position) for each in (self.old, self.new)]
        return places[0] != places[1]


@dataclass(frozen=True, slots=True)
class Recurrence:
    """What became of the notes of one file in another one.

    Args:
        pairs: Those that are in both, in the newer file's order.
        vanished: Those of the older file alone.
        appeared: Those of the newer file alone.
    """

    pairs: tuple[Pair, ...]
    vanished: tuple[NoteText, ...]
    appeared: tuple[NoteText, ...]


def recurrence(old: ParsedNotes, new: ParsedNotes) -> Recurrence:
    """Find the notes of one file in another one; lead-ins and mere pointers are no notes here."""
    return pair_up(
        [note for note in old.notes if note.promises],
        [note for note in new.notes if note.promises],
        (old.container, new.container),
    )


def pair_up(
    olds: Sequence[NoteText], news: Sequence[NoteText], containers: Sequence[str | None]
) -> Recurrence:
    """Find older notes among newer ones.

    The same text is the same note wherever it stands. Of the others those that are most alike are
    taken for one note first, each once, from :data:`ALIKE` on; of equals, those of one section.

    Args:
        olds: The older notes.
        news: The newer ones, in their order.
        containers: The releases of both, whose numbers in a text are no difference.
    """
    left_olds, left_news = list(olds), list(news)
    pairs: list[Pair] = []
    for at_place in (True, False):
        for note in list(left_news):
            twin = next(
                (
                    each
                    for each in left_olds
                    if each.digest == note.digest
                    and (not at_place or (each.section, each.parent) == (note.section, note.parent))
                ),
                None,
            )
            if twin is not None:
                pairs.append(Pair(twin, note, 1.0, figures_differ=False))
                left_olds = [each for each in left_olds if each is not twin]
                left_news = [each for each in left_news if each is not note]
    texts = Texts(containers)
    scored = sorted(
        (-score, one.section != other.section, at, beside)
        for at, one in enumerate(left_olds)
        for beside, other in enumerate(left_news)
        if (score := texts.score(one.text, other.text)) >= ALIKE
    )
    gone, come = dict(enumerate(left_olds)), dict(enumerate(left_news))
    for score, _, at, beside in scored:
        if at in gone and beside in come:
            one, other = gone.pop(at), come.pop(beside)
            differ = texts.figures_differ(one.text, other.text)
            pairs.append(Pair(one, other, -score, figures_differ=differ))
    order = {id(note): at for at, note in enumerate(news)}
    return Recurrence(
        tuple(sorted(pairs, key=lambda pair: order[id(pair.new)])),
        tuple(gone.values()),
        tuple(come.values()),
    )


class Texts:
    """Texts for comparison, where a release's own number is the same word in all.

    Args:
        containers: The releases.
    """

    def __init__(self, containers: Sequence[str | None]) -> None:
        self._containers = [each for each in containers if each]
        self._plain: dict[str, str] = {}

    def score(self, old: str, new: str) -> float:
        """How alike two texts are, from 0 to 1; what is below :data:`ALIKE` may be told as 0."""
        one, other = self._normal(old), self._normal(new)
        shorter, longer = sorted((len(one), len(other)))
        if 2 * shorter < ALIKE * (shorter + longer):
            return 0.0
        if longer > _LONG:
            olds, news = (self._own(readable(text)).split() for text in (old, new))
            return difflib.SequenceMatcher(None, olds, news).ratio()
        if 2 * _in_both(_pieces(one), _pieces(other)) < _SHARED * (shorter + longer - 4):
            return 0.0
        return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()

    def figures_differ(self, old: str, new: str) -> bool:
        """Whether other figures are in them than the releases' own numbers."""
        figures = [_FIGURE.findall(self._own(readable(text))) for text in (old, new)]
        return figures[0] != figures[1]

    def _normal(self, text: str) -> str:
        if text not in self._plain:
            self._plain[text] = self._own(normalise(text))
        return self._plain[text]

    def _own(self, text: str) -> str:
        for container in self._containers:
            text = re.sub(rf"(?<![0-9.]){re.escape(container)}(?![0-9])", "RELEASE", text)
        return text


@lru_cache(maxsize=4096)
def _pieces(text: str) -> Counter[str]:
    return Counter(text[at : at + 3] for at in range(len(text) - 2))


def _in_both(one: Counter[str], other: Counter[str]) -> int:
    if len(one) > len(other):
        one, other = other, one
    return sum(min(times, other[piece]) for piece, times in one.items() if piece in other)
