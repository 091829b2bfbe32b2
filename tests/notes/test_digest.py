from __future__ import annotations

import hashlib
import re

import pytest

from triton_claims.notes.digest import normalise, note_digest

# (one line a bullet, as upstream's editors write) and (wrapped and escaped, as its converter does)
SHAPES = [
    pytest.param(
        "- The kettle may boil over if the lid is [closed](https://example.org/lid) early.",
        "-   The kettle may boil over if\n    the lid is"
        " [closed](https://example.org/an-\n    other) early.",
        id="wrapped, link split",
    ),
    pytest.param(
        "- Start it with `--quiet <SECONDS>` in brewing mode, don\u2019t wait.",
        "-   Start it with\u00a0\\`\\--quiet \\<SECONDS\\>\\`"
        " in[brewing\n    mode](https://example.org), don\\'t\n    wait.",
        id="escapes, glued link, quotes",
    ),
    pytest.param(
        "## **Known Kettles**",
        "## Known Kettles",
        id="bold heading",
    ),
    pytest.param(
        '  - The attribute `__lid__` is "open"',
        '    -   The attribute \\`\\_\\_lid\\_\\_\\` is \\"open\\"',
        id="nested, underscores",
    ),
    pytest.param(
        "See https://example.org/a_b \u2013 or don't.",
        "See\u00a0<https://example.org/a_b>\u00a0-- or\ndon\u2019t.",
        id="bare address, dash",
    ),
    pytest.param("Tea® and Kettle™ …", "<!-- lid -->\nTea® and\r\nKettle™\u00a0...", id="signs"),
]


@pytest.mark.parametrize(("line", "wrapped"), SHAPES)
def test_both_shapes_of_a_note_have_one_digest(line, wrapped):
    assert normalise(line) == normalise(wrapped)
    assert note_digest(line) == note_digest(wrapped)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Boils at 100.", "Boils at 101."),
        ("Does boil.", "Does not boil."),
        ("Use --lid.", "Use -lid."),
        ("Use lid_open.", "Use lidopen."),
        ("Boils.", "boils."),
    ],
)
def test_a_reworded_note_has_another_digest(one, other):
    assert note_digest(one) != note_digest(other)


def test_the_digest_is_stable_and_states_its_function():
    # pinned: a changed rule would silently make every stored digest wrong
    assert normalise("- **A** [kettle](x) \\_b") == "Akettle_b"
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", note_digest(""))
    assert note_digest("- **A** [kettle](x) \\_b") == (
        "sha256:" + hashlib.sha256(b"Akettle_b").hexdigest()
    )


def test_an_option_at_the_start_is_no_bullet_marker():
    assert normalise("--lid opens") == "--lidopens"


def test_the_normal_form_is_its_own_normal_form():
    for shape in SHAPES:
        for text in shape.values:
            once = normalise(text)
            assert normalise(once) == once
