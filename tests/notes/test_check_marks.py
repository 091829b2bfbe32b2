"""What a check asks for, read from its source."""

from __future__ import annotations

import textwrap

import pytest

from triton_claims.errors import InputError
from triton_claims.notes.check_marks import marks_of
from triton_claims.notes.checks import find_checks


@pytest.fixture
def read(tmp_path):
    """Writes the file of a check of claim ``one``, and others beside it; reads what it asks for."""

    def read(text, **conftests):
        head = "import pytest\nfrom pytest import mark\n"
        files = {"suites/area/test_it.py": head + textwrap.dedent(text)}
        files |= {
            f"{folder.replace('_', '/')}/conftest.py": "import pytest\n" + textwrap.dedent(code)
            for folder, code in conftests.items()
        }
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return marks_of(find_checks(tmp_path / "suites", tmp_path)["one"], tmp_path)

    return read


def test_a_check_that_asks_for_nothing(read):
    marks = read('@pytest.mark.claim("one")\ndef test_one(other="x"):\n    pass\n')
    assert (marks.needs, marks.tool, marks.fixtures) == ((), None, frozenset())


def test_marks_of_function_class_and_file_count(read):
    marks = read("""
        IMAGE: str = "py3"
        WINDOWS = mark.needs(os="windows")
        pytestmark = [pytest.mark.slow, pytest.mark.needs(image=IMAGE)]

        @pytest.mark.needs("gpu")
        class TestGroup:
            pytestmark = mark.usefixtures("client")

            @pytest.mark.claim("one")
            @WINDOWS
            @pytest.mark.tool("genai-perf")
            def test_one(self, tool):
                pass
    """)
    assert sorted(map(repr, marks.needs)) == [
        "(('gpu',), {})",
        "((), {'image': 'py3'})",
        "((), {'os': 'windows'})",
    ]
    assert marks.tool == "genai-perf"
    assert {"tool", "client", "server", "protocol"} <= marks.fixtures


def test_fixtures_are_followed_through_the_file_and_the_folders_above(read):
    marks = read(
        """
        @pytest.fixture
        def near(middle):
            pass

        @pytest.mark.claim("one")
        def test_one(near, renamed):
            pass
        """,
        suites_area="""
        @pytest.fixture(name="renamed")
        def other(ceilings):
            pass

        @pytest.fixture
        def middle(far):
            pass
        """,
        suites="""
        @pytest.fixture(scope="session")
        def far(baseline):
            pass

        @pytest.fixture(autouse=True)
        def unasked(language_model):
            pass
        """,
        suites_elsewhere="""
        @pytest.fixture(autouse=True)
        def not_for_it(protocol):
            pass
        """,
    )
    asked = {"near", "middle", "far", "baseline", "renamed", "ceilings", "language_model"}
    assert asked <= marks.fixtures
    assert "protocol" not in marks.fixtures


def test_what_only_running_would_tell_is_refused(read):
    with pytest.raises(InputError, match=r"area/test_it.py:4: found 'asked\(\)' in a mark, exp"):
        read("""
        @pytest.mark.needs(image=asked())
        @pytest.mark.claim("one")
        def test_one():
            pass
        """)


def test_a_list_as_a_key_is_refused(read):
    with pytest.raises(InputError, match="expected a literal"):
        read('@mark.claim("one")\n@mark.needs({[1]: 2})\ndef test_one():\n    pass\n')
