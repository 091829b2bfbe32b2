"""Upstream's Markdown in its shapes; the samples are our own words."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from notes.rendering import render
from notes.spoiling import mutated, read_or_told

from triton_claims.errors import InputError
from triton_claims.notes.digest import note_digest, readable
from triton_claims.notes.markdown import read_markdown
from triton_claims.notes.parsing import NoteText, parse_notes, parse_text

SAMPLES = Path(__file__).with_name("samples")
ONE_LINE, WRAPPED = SAMPLES / "one-line.md", SAMPLES / "wrapped.md"


def parsed(text):
    return parse_text(text, Path("notes.md"))


def listed(text):
    return [(note.place, readable(note.text)) for note in parsed(text).listed]


@pytest.mark.parametrize(
    ("path", "container", "counts"),
    [
        (ONE_LINE, "24.12", {"features": 3, "issues": 24, "parent": 23}),
        (WRAPPED, "25.01", {"features": 11, "issues": 22, "parent": 22}),
    ],
)
def test_both_shapes_have_their_sections_and_bullets(path, container, counts):
    notes = parse_notes(path)
    assert (notes.container, notes.pointer, notes.unread) == (container, None, ())
    assert Counter((each.section, each.parent) for each in notes.listed) == {
        ("title", None): 1,
        ("container contents", None): 18,
        ("key features", None): counts["features"],
        ("known issues", None): counts["issues"],
        ("known issues", counts["parent"]): 4,
    }
    prose = [each for each in notes.notes if each.paragraph is not None]
    assert Counter((each.section, each.promises) for each in prose) == {
        ("title", True): 1,
        ("introduction", True): 1,
        ("introduction", False): 2,
        ("driver requirements", True): 4,
        ("driver requirements", False): 2,
        ("gpu requirements", True): 2,
        ("gpu requirements", False): 2,
        ("key features", False): 1,
    }


def test_a_note_knows_its_line():
    lines = WRAPPED.read_text().split("\n")
    for note in parse_notes(WRAPPED).notes:
        assert note.text.split("\n")[0].split()[0] in lines[note.line - 1], note


def test_the_body_of_a_release_on_github_is_read():
    notes = parsed(
        "# Kettle Shop\n\nThe shop sells kettles.\n\n"
        "## New Features and Improvements\n\n* Lids shine.\n* Spouts `pour`.\n\n"
        "## Known Issues\n\n* Lids rattle.\n  Loudly.\n\n  And long.\n\n"
        "## Client Libraries and Examples\n\nThere are some in the attached file.\n\n"
        "## Windows Support\n\n> [!NOTE]\n> There is no release for Windows.\n\n"
        "## Jetson Jetpack Support\n\n* No gas.\n\n```\npip install kettle\n```\n\n"
        "## Kettle TRT-LLM Container Support Matrix\n\n|a|b|\n|-|-|\n|1|2|\n\n"
        "<details>\nx\n</details>\n"
    )
    assert [(each.place, readable(each.text)) for each in notes.notes] == [
        ("title 1", "Kettle Shop"),
        ("title, sentence 1", "The shop sells kettles."),
        ("key features 1", "Lids shine."),
        ("key features 2", "Spouts pour."),
        ("known issues 1", "Lids rattle. Loudly. And long."),
        ("client libraries and examples, sentence 1", "There are some in the attached file."),
        ("windows support, sentence 1", "There is no release for Windows."),
        ("jetson jetpack support 1", "No gas."),
    ]
    assert [what for _, what in notes.unread] == ["code", "a table", "HTML"]
    assert [each.line for each in notes.notes if each.section == "windows support"] == [24]
    assert notes.container is None


def test_without_a_title_the_first_section_is_one():
    assert listed("## Known Issues\n- One.") == [("known issues 1", "One.")]


@pytest.mark.parametrize(
    ("sentence", "promises"),
    [
        ("The box also includes the following:", False),
        ("This release of the shop includes the following key features and enhancements.", False),
        ("For a list of stoves of grade 6.0, see [Stoves](x).", False),
        ("For more information, please refer to the list.", False),
        ("Refer to the list.", False),
        ("For kettles with two lids, whistles fail, see the list.", True),
        ("For a kettle with two lids, see that it is closed.", True),
        ("The following stoves are no longer sold: black ones.", True),
        ("Kettles boil and see to it.", True),
    ],
)
def test_what_only_leads_in_or_on_is_told_from_what_promises(sentence, promises):
    (note,) = parsed(f"## Known Issues\n\n{sentence}\n").notes
    assert (note.promises, readable(note.text)) == (promises, readable(sentence))


def test_empty_bullets_are_no_notes_and_those_below_them_move_up():
    assert listed("## Known Issues\n- \n- A:\n  -\n  - a\n  - b\n    - c\n- \n  - D\n-") == [
        ("known issues 1", "A:"),
        ("known issues 1.1", "a"),
        ("known issues 1.2", "b"),
        ("known issues 1.3", "c"),
        ("known issues 2", "D"),
    ]


@pytest.mark.parametrize(
    ("heading", "section"),
    [
        ("# Known Issues\n", "known issues"),
        ("Known Issues\n---\n", "known issues"),
        ("**Known Issues**\n", "known issues"),
        ("__Known Issues__:\n", "known issues"),
        ("### **Key Features and Enhancements** ###\n", "key features"),
        ("## Features\n", "key features"),
        ("## 1. A B-C d e f g\n", "a b-c d e f"),
    ],
)
def test_headings_of_every_kind(heading, section):
    assert parsed(f"# Title\n\n{heading}\n- x\n").notes[-1].section == section


def test_code_in_a_bullet_belongs_to_it_and_other_lists_count_as_bullets():
    text = "## Known Issues\n1. Run\n   ```\n   - no bullet\n   ```\n2) Two\n\n+ Three\n"
    assert listed(text) == [
        ("known issues 1", "Run - no bullet"),
        ("known issues 2", "Two"),
        ("known issues 3", "Three"),
    ]


def test_comments_are_no_headings_and_line_ends_and_a_mark_do_not_matter(tmp_path):
    text = (
        "\ufeff<!--\n# Copyright\n-->\n# T\n\n## Known Issues\n\n- One\n  more <!-- x -->\n- Two\n"
    )
    path = tmp_path / "notes.md"
    found = []
    for ends in ("\n", "\r\n", "\r"):
        path.write_bytes(text.replace("\n", ends).encode())
        found.append([(each.place, each.line, each.digest) for each in parse_notes(path).notes])
    assert found[0] == found[1] == found[2]
    assert [(place, line) for place, line, _ in found[0]] == [
        ("title 1", 4),
        ("known issues 1", 8),
        ("known issues 2", 10),
    ]
    assert found[0][1][2] == note_digest("One more")


def test_the_short_form_is_known_as_a_pointer():
    notes = parsed(
        "# [Kettle Shop Release 25.02](https://example.org/release-notes/rel-25-02.html)\n\n"
        "The box is open. Release notes can\nbe found on the"
        " [Release Page](https://example.org/kettle/releases)\n"
    )
    assert (notes.container, notes.pointer) == ("25.02", "https://example.org/kettle/releases")


@pytest.mark.parametrize(
    ("raw", "place", "said"),
    [
        (b"", ":1", "found no notes, expected bullets below headings such as 'Known Issues'"),
        (b"# T\n\nNothing.\n", ":1", "found no notes"),
        (b"ab\r\ncd\n  \xff", ":3:3", "found the byte 0xff, expected text in UTF-8"),
        (b"\xef\xbb\xbfa\xe9", ":1:2", "found the byte 0xe9, expected text in UTF-8"),
        (b"a\n\0", ":2:1", "found the byte 0x00, expected text in UTF-8"),
        ("# T".encode("utf-16"), ":1:1", "found text in UTF-16, expected UTF-8"),
        (b"# T\n\n<!-- a\n- b\n", ":3", "found a comment that never ends"),
        (b"# T\n\n- x\n  <!-- a\n", ":4", "found a comment that never ends"),
        pytest.param(b"x" * (2**18 + 1), "", "found more than 262144 bytes", id="huge"),
        pytest.param(b"- " * 30 + b"x", ":1", "found bullets or quotes nested too dee", id="deep"),
        pytest.param(b"- x\n" * 1000, ":1000", "found 1000 bullets and sentences", id="many"),
    ],
)
def test_what_is_no_text_of_notes_is_told_with_its_place(tmp_path, raw, place, said):
    path = tmp_path / "notes.md"
    path.write_bytes(raw)
    with pytest.raises(InputError) as problem:
        parse_notes(path)
    assert str(problem.value).startswith(f"{path}{place}: {said}")


def test_a_file_that_is_not_there_is_told(tmp_path):
    for path in (tmp_path, tmp_path / "none.md", tmp_path / "a\0b"):
        with pytest.raises(InputError, match="cannot be read"):
            read_markdown(path)


WORDS = st.lists(
    st.text(st.sampled_from("abcXYZ019.,:()%/éß™"), min_size=1, max_size=9)
    | st.sampled_from(
        [
            "`--lid`",
            "**big**",
            "[pot](https://x.org/a_b)",
            "<JSON>",
            "don\u2019t",
            "a_b",
            "\\>",
            "!",
        ]
    ),
    min_size=1,
    max_size=40,
).map(" ".join)


@st.composite
def notes_of_a_release(draw):
    """Notes in sections, some below others; their texts begin like a sentence."""
    notes = [NoteText("title", 1, None, "Kettle Release 25.01", 1)]
    for section in draw(st.permutations(["container contents", "key features", "known issues"])):
        for position, below in enumerate(draw(st.lists(st.integers(0, 2), max_size=4)), start=1):
            notes.append(NoteText(section, position, None, f"Some {draw(WORDS)}", 1))
            notes += [
                NoteText(section, at, position, f"Below {draw(WORDS)}", 1)
                for at in range(1, below + 1)
            ]
    return notes


def shape(notes):
    return [(note.section, note.position, note.parent, note.digest) for note in notes]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(notes_of_a_release(), st.booleans(), st.sampled_from("-*+"))
def test_rendered_notes_are_read_as_they_were_and_again(notes, bold, mark):
    if len(notes) == 1:
        return
    for wrapped in (False, True):
        once = parsed(render(notes, wrapped=wrapped, bold=bold, mark=mark))
        assert shape(once.notes) == shape(notes)
        again = parsed(render(once.notes, wrapped=not wrapped, bold=not bold))
        assert shape(again.notes) == shape(notes)


@pytest.mark.parametrize("path", [ONE_LINE, WRAPPED], ids=lambda path: path.stem)
def test_the_samples_rendered_in_the_other_shape_are_the_same_notes(path):
    notes = [each for each in parse_notes(path).notes if each.paragraph is None]
    for wrapped in (False, True):
        assert shape(parsed(render(notes, wrapped=wrapped)).notes) == shape(notes)


MUTANTS = 10_000


def test_spoilt_notes_are_read_or_told_in_one_line():
    rng = random.Random(2501)  # noqa: S311 - no secret, a repeatable test
    samples = [ONE_LINE.read_bytes(), WRAPPED.read_bytes()]
    path = Path("notes.md")
    ends = Counter()
    for case in range(MUTANTS):
        notes, complaint = read_or_told(mutated(rng.choice(samples), rng), path)
        ends[notes is not None] += 1
        if notes is None:
            assert complaint.startswith(str(path)), case
            assert len(complaint.splitlines()) == 1, case
        else:
            assert all(note.position >= 1 and note.line >= 1 for note in notes.notes), case
    # spoilers that spoil nothing, or everything, would prove nothing
    assert min(ends[True], ends[False]) > MUTANTS / 20
