from __future__ import annotations

from pathlib import Path

import pytest

from triton_claims.errors import InputError
from triton_claims.notes.checks import CheckLocation, find_checks

HEAD = "import pytest\nfrom pytest import mark\n\n"


@pytest.fixture
def suites(tmp_path):
    return tmp_path / "suites"


@pytest.fixture
def write(suites):
    def write(text, name="area/test_it.py"):
        path = suites / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else (HEAD + text).encode())
        return path

    return write


def find_error(suites):
    with pytest.raises(InputError) as caught:
        find_checks(suites, suites.parent)
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


def test_marked_functions_are_found_wherever_pytest_would_collect_them(suites, write):
    write(
        '@pytest.mark.slow\n@pytest.mark.claim("one")\n@pytest.mark.server(models=["m"])\n'
        "def test_one(server):\n    pass\n\n"
        'class TestGroup:\n    @mark.claim("two")\n    async def test_two(self):\n        pass\n'
    )
    write('@mark.claim("three")\ndef test_three():\n    pass\n', "deep/er/test_b.py")
    write('@mark.claim("ignored")\ndef test_three():\n    pass\n', "area/helpers.py")
    assert find_checks(suites, suites.parent) == {
        "one": CheckLocation("one", Path("suites/area/test_it.py"), 7, "test_one"),
        "two": CheckLocation("two", Path("suites/area/test_it.py"), 12, "TestGroup::test_two"),
        "three": CheckLocation("three", Path("suites/deep/er/test_b.py"), 5, "test_three"),
    }


def test_suites_are_read_and_never_run(suites, write):
    write('raise SystemExit("imported")\n@mark.claim("one")\ndef test_one():\n    "\\d"\n')
    assert list(find_checks(suites, suites.parent)) == ["one"]


def test_no_suites_hold_no_checks(suites):
    assert find_checks(suites, suites.parent) == {}


def test_a_path_outside_the_root_stays_as_it_is(suites, write, tmp_path):
    path = write('@mark.claim("one")\ndef test_one():\n    pass\n')
    assert find_checks(suites, tmp_path / "elsewhere")["one"].path == path


def test_two_checks_for_one_claim_are_refused(suites, write):
    write('@mark.claim("one")\ndef test_a():\n    pass\n', "area/test_a.py")
    path = write('\n@mark.claim("one")\ndef test_b():\n    pass\n', "area/test_b.py")
    assert find_error(suites) == (
        f"{path}:5: test_b: found a second check of 'one', expected one: "
        "suites/area/test_a.py:5 decides it already"
    )


def test_two_claim_marks_on_one_function_are_refused(suites, write):
    path = write('@mark.claim("one")\n@mark.claim("two")\ndef test_a():\n    pass\n')
    assert find_error(suites).startswith(f"{path}:5: test_a: found 2 claim marks, expected one")


@pytest.mark.parametrize(
    "mark",
    [
        "mark.claim",
        "mark.claim()",
        'mark.claim("a", "b")',
        "mark.claim(NAME)",
        "mark.claim(1)",
        'mark.claim("")',
        'mark.claim(f"{1}")',
        'mark.claim(id="a")',
        'mark.claim("a", reason="b")',
        'mark.claim(*["a"])',
    ],
)
def test_a_mark_without_exactly_one_literal_text_is_refused(suites, write, mark):
    path = write(f"@{mark}\ndef test_a():\n    pass\n")
    text = find_error(suites)
    assert text.startswith(f"{path}:4: test_a: found a claim mark without a plain id, expected")


@pytest.mark.parametrize(
    "text",
    [
        '@mark.claim("a")\ndef helper():\n    pass\n',
        '@mark.claim("a")\nclass TestA:\n    pass\n',
        'pytestmark = pytest.mark.claim("a")\n',
        'pytestmark = [\\\npytest.mark.claim("a")]\n',
        'if True:\n    @mark.claim("a")\n    def test_a():\n        pass\n',
        'class Group:\n    @mark.claim("a")\n    def test_a():\n        pass\n',
    ],
)
def test_a_mark_that_pytest_would_not_heed_is_refused(suites, write, text):
    path = write(text)
    line = 4 + text[: text.index(".claim")].count("\n")
    assert find_error(suites).startswith(
        f"{path}:{line}: found a claim mark elsewhere, expected it"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [("def broken(:\n", 4), (b"x = 1\n\xff\n", None), (b"x = 1\x00\n", None), (b"(" * 9000, None)],
)
def test_a_file_that_does_not_parse_is_refused(suites, write, text, line):
    path = write(text)
    error = find_error(suites)
    assert error.startswith(f"{path}:{line or ''}")
    assert "found no valid Python: " in error


def test_a_directory_that_looks_like_a_check_is_told(suites):
    (suites / "test_folder.py").mkdir(parents=True)
    assert find_error(suites).startswith(f"{suites / 'test_folder.py'}:1: cannot be read: ")
