"""Claims as users name them: by ids and globs."""

from __future__ import annotations

from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from triton_claims.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def chosen_claims(globs: Sequence[str], claims: Iterable[str], *, where: str) -> list[str]:
    """The claims that are named, in their own order; all where none is.

    Args:
        globs: Ids, or globs of them.
        claims: The ids there are.
        where: What names them, for the error.

    Raises:
        InputError: One of them matches nothing; with the ids that are spelled nearly so.
    """
    there = list(dict.fromkeys(claims))
    for glob in globs:
        if not any(fnmatchcase(claim, glob) for claim in there):
            near = get_close_matches(glob, there, n=3)
            hint = f"did you mean {' or '.join(near)}" if near else "`triton-claims list` has all"
            raise InputError(f"{glob!r} matches no claim: {hint}", where=where)
    return [
        claim for claim in there if not globs or any(fnmatchcase(claim, each) for each in globs)
    ]
