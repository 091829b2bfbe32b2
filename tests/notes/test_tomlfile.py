from __future__ import annotations

import pytest

from triton_claims.errors import InputError
from triton_claims.notes.tomlfile import Document, shown, spell

EVERY_SHAPE = '''\
# a comment with [brackets] and "quotes
plain = 1
"quoted # key" = "a # in a \\"text\\""
dotted.inner.leaf = 'C:\\no\\escapes'

list = [ # comment ] in a list
    1, [2,
    3],
    { a = 1, "b" = [true,
        false] },
]
inline = { x.y = 1, z = "}" }
long = """one ] \\
    line " with ""quotes"""""
raw = \'\'\'it''s [raw]\'\'\'
when = 1979-05-27 07:32:00
float = 1e5 # ] } ,

[table.sub]
key = 1
[[note]]
claims = ["a",
    "b"]
[note.extra]
deep = 1
[[note.inner]]
leaf = 1
[[note.inner]]
leaf = 2
[[note]]
claims = []
[[note.inner]]
leaf = 3
'''


@pytest.fixture
def document(tmp_path):
    def make(text):
        path = tmp_path / "data.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return Document(path)

    return make


def places(value, place=()):
    if place:
        yield place
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*place, index))


@pytest.mark.parametrize("breaks", ["\n", "\r\n"])
def test_every_value_knows_its_own_line(document, breaks):
    text = EVERY_SHAPE.replace("\n", breaks)
    doc = document(text)
    lines = text.split("\n")
    assert set(places(doc.data)) == set(doc._lines)
    for place, wanted in {
        ("plain",): "plain = 1",
        ("quoted # key",): '"quoted # key"',
        ("dotted", "inner", "leaf"): "dotted.inner.leaf",
        ("list",): "list = [",
        ("list", 0): "    1, [2,",
        ("list", 1, 1): "    3],",
        ("list", 2, "b", 1): "        false] },",
        ("inline", "z"): "inline =",
        ("long",): "long =",
        ("raw",): "raw =",
        ("when",): "when =",
        ("float",): "float =",
        ("table", "sub"): "[table.sub]",
        ("table", "sub", "key"): "key = 1",
        ("note",): "[[note]]",
        ("note", 0): "[[note]]",
        ("note", 0, "claims", 1): '    "b"]',
        ("note", 0, "extra", "deep"): "deep = 1",
        ("note", 0, "inner", 1, "leaf"): "leaf = 2",
        ("note", 1, "claims"): "claims = []",
        ("note", 1, "inner", 0, "leaf"): "leaf = 3",
    }.items():
        assert lines[doc.line_of(*place) - 1].startswith(wanted), place
    assert doc.line_of("note", 1) > doc.line_of("note", 0)


def test_a_value_that_is_not_there_has_the_line_around_it(document):
    doc = document("a = 1\n\n[[note]]\nb = 2\n")
    assert doc.line_of("note", 0, "missing", 7) == 3
    assert doc.line_of("nowhere") == 1
    assert doc.line_of() == 1


def test_an_error_names_file_line_key_and_reason_in_one_line(document):
    doc = document("a = 1\n[[note]]\nclaims = [\n  1,\n  2]\n")
    error = doc.error("found\ntrouble", "note", 0, "claims", 1)
    assert str(error) == f"{doc.path}:5: note#1.claims#2: found trouble"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a = 1\nb = \n", 2, "found no valid TOML: Invalid value"),
        ("a = 1\na = 2\n", 2, "found no valid TOML: Cannot overwrite a value"),
        ("[t]\n[t]\n", 2, "found no valid TOML: Cannot declare ('t',) twice"),
        ('a = 1\nb = "x', 2, "found no valid TOML:"),
        (b"a = 1\nb = 'x\x00'\n", 2, "found no valid TOML:"),
        (b"a = 1\n\nb = '\xff'\n", 3, "found the byte 0xff, expected text in UTF-8"),
        ("a = " + "9" * 5000, 1, "found no valid TOML:"),
        (
            f"a = 1\nb = 0x{'f' * 9000}",
            2,
            "b: found a huge integer, expected one of at most 64 bits",
        ),
        ("a = 1\nb = 9223372036854775808", 2, "b: found a huge integer"),
        ('a = 1\nb = ["x", """x\ny"""]', 2, "b#2: found a line break or an unprintable character"),
        ("a = 1\nb = '\u2028'\n", 2, "b: found a line break or an unprintable character"),
        ("a = " + "[" * 5000 + "]" * 5000, 1, "nested too deeply"),
    ],
)
def test_bad_text_is_told_with_its_line(document, tmp_path, text, line, reason):
    with pytest.raises(InputError) as caught:
        document(text)
    assert str(caught.value).startswith(f"{tmp_path / 'data.toml'}:{line}: ")
    assert reason in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_the_widest_integers_are_fine(document):
    doc = document("a = 9223372036854775807\nb = -9223372036854775808\nc = true\n")
    assert doc.data == {"a": 2**63 - 1, "b": -(2**63), "c": True}


def test_a_missing_file_and_a_directory_are_told(tmp_path):
    for path, reason in ((tmp_path / "none.toml", "No such file"), (tmp_path, "directory")):
        with pytest.raises(InputError, match=reason) as caught:
            Document(path)
        assert str(caught.value).startswith(f"{path}:1: cannot be read: ")


def test_key_paths_and_values_are_spelt_for_people():
    assert spell(("note", 3, "claims", 0)) == "note#4.claims#1"
    assert spell(("odd\nkey", "x")) == "'odd\\nkey'.x"
    assert [shown(v) for v in ({}, [], [1, 2], True, 3, 1.5, "x\n")] == [
        "a table",
        "an empty list",
        "a list of 2",
        "true",
        "3",
        "1.5",
        "'x\\n'",
    ]
    assert len(shown("y" * 500)) < 70
